// pwalk-du: disk usage of the directories of a snapshot, as du prints it, answered from the recorded totals.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "program.h"
#include "report/disk_usage.h"
#include "report/location.h"
#include "report/output.h"
#include "report/size_format.h"

namespace {

using namespace pwalk;

constexpr char name[] = "pwalk-du";

struct CommandLine {
  std::vector<std::string> arguments;
  report::DiskUsageOptions options;
  bool total = false;
};

/// Fills `line`; an exit status if that is all there is to do.
std::optional<int> parse(int argc, char** argv, CommandLine& line) {
  report::DiskUsageOptions& options = line.options;
  bool summarize = false, apparent = false, inodes = false, nul = false, unit = false;
  std::string block_size, max_depth;
  CLI::App app("Prints the disk usage of directories of a snapshot, as du -s would for each on its own.");
  add_standard_options(app, name);
  app.add_option("SNAPSHOT[/PATH]", line.arguments, "Snapshot, and where to start in it")
      ->required()
      ->type_name("");
  auto* all = app.add_flag("-a,--all", options.all, "A line for each entry, not only for directories");
  auto* depth = app.add_option("-d,--max-depth", max_depth, "Lines down to N levels below the start");
  depth->type_name("N")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_flag("-s,--summarize", summarize, "One line for each argument")->excludes(all)->excludes(depth);
  auto* human = app.add_flag("-h,--human-readable", unit, "Powers of 1024, such as 1.1K, 12M, 1.0G");
  auto* si = app.add_flag("--si", unit, "Powers of 1000, such as 1.1k, 12M, 1.0G");
  auto* kibibytes = app.add_flag("-k", unit, "Units of 1024 bytes (the default)");
  auto* block = app.add_option("-B,--block-size", block_size, "Units of SIZE, such as 512, M, GiB or kB");
  block->type_name("SIZE")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  auto* bytes = app.add_flag("-b,--bytes", unit, "The same as --apparent-size --block-size=1");
  app.add_flag("--apparent-size", apparent, "Apparent sizes instead of disk usage");
  app.add_flag("--inodes", inodes, "Numbers of inodes instead of sizes");
  app.add_flag("-l,--count-links", options.count_links, "Count every hard link, not every inode once");
  app.add_flag("-S,--separate-dirs", options.separate_directories, "Leave out what is in subdirectories");
  app.add_flag("-c,--total", line.total, "Also print the sum of the arguments");
  app.add_flag("-0,--null", nul, "End lines with NUL instead of newline");
  if (auto status = parse_command_line(app, argc, argv)) return status;

  // The last of the options that name a unit holds.
  for (const CLI::Option* option : app.parse_order()) {
    if (option == human) options.size = report::SizeFormat::human();
    if (option == si) options.size = report::SizeFormat::si();
    if (option == kibibytes) options.size = report::SizeFormat::in_units(1024);
    if (option == block) options.size = report::SizeFormat::parse(block_size);
    if (option == bytes) options.size = report::SizeFormat::in_units(1);
  }
  if (summarize) options.max_depth = 0;
  if (depth->count() > 0) {
    auto levels = parse_unsigned(max_depth);
    if (!levels) throw_errno(EINVAL, "cannot use '" + printable(max_depth) + "' as a depth");
    options.max_depth = *levels;
  }
  if (apparent || bytes->count() > 0) options.measure = report::Measure::apparent;
  if (inodes) options.measure = report::Measure::inodes;
  if (nul) options.line_end = '\0';
  options.for_terminal = ::isatty(STDOUT_FILENO) == 1;
  return std::nullopt;
}

class Run {
 public:
  explicit Run(CommandLine line) : line_(std::move(line)) {}

  int operator()() {
    for (const std::string& argument : line_.arguments) answer(argument);
    if (line_.total) report::append_line(total_, "total", line_.options, output_.text());
    output_.flush();
    for (const std::string& warning : warnings_) print_message(name, warning);
    return failed_ ? status_trouble : warnings_.empty() ? 0 : 1;
  }

 private:
  /// Prints the lines of one argument. What is wrong with it is told, and does not keep the others back.
  void answer(const std::string& argument) {
    std::optional<report::Location> location;
    try {
      location = report::locate(argument);
    } catch (const std::system_error& error) {
      return fail(error.what());
    } catch (const FormatError& error) {
      return fail(report::trouble_text(argument, error));
    }
    try {
      total_ += report::print_disk_usage(*location, argument, line_.options, output_);
      std::string missing = report::shortfall(*location);
      if (!missing.empty())
        warnings_.push_back("'" + printable(argument) + "' is incomplete: " + missing +
                            "; its totals are lower bounds");
    } catch (const FormatError& error) {
      fail(report::trouble_text(argument, error));
    }
  }

  void fail(const std::string& message) {
    print_message(name, message);
    failed_ = true;
  }

  CommandLine line_;
  report::Output output_{STDOUT_FILENO};
  std::uint64_t total_ = 0;
  bool failed_ = false;
  std::vector<std::string> warnings_;  // told at the end, where they are seen
};

int run(int argc, char** argv) {
  CommandLine line;
  if (auto status = parse(argc, argv, line)) return *status;
  return Run(std::move(line))();
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(name, [&] { return run(argc, argv); });
}
