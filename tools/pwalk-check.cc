// pwalk-check: verifies snapshots completely and prints what is broken, one line for each broken rule.
// SPDX-License-Identifier: MIT
#include <sched.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "program.h"
#include "snapshot/check.h"

namespace {

using namespace pwalk;

constexpr char name[] = "pwalk-check";
constexpr int status_damaged = 1;
constexpr std::uint64_t threads_limit = 1024;

struct CommandLine {
  std::vector<std::string> snapshots;
  unsigned threads = 1;
  bool quiet = false;
};

/// Processors that this process may run on.
unsigned processors() noexcept {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&allowed));
}

/// Fills `line`; an exit status if that is all there is to do.
std::optional<int> parse(int argc, char** argv, CommandLine& line) {
  std::string threads = "auto";
  CLI::App app("Verifies snapshots completely: checksums, structure, totals.");
  add_standard_options(app, name);
  app.add_option("SNAPSHOT", line.snapshots, "Snapshot directories")->required()->type_name("");
  app.add_flag("-q,--quiet", line.quiet, "No summary on standard error");
  app.add_option("-j,--threads", threads, "Threads, or auto: one for each processor (the default)")
      ->type_name("N")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  if (auto status = parse_command_line(app, argc, argv)) return status;
  if (threads == "auto") {
    line.threads = processors();
    return std::nullopt;
  }
  auto number = parse_unsigned(threads);
  if (!number || *number == 0 || *number > threads_limit) {
    print_message(name, "invalid number of threads '" + printable(threads) + "': 1 to " +
                            std::to_string(threads_limit) + ", or auto");
    return status_trouble;
  }
  line.threads = static_cast<unsigned>(*number);
  return std::nullopt;
}

void print_report(const std::string& path, const snapshot::CheckReport& report) {
  for (const snapshot::Problem& problem : report.problems)
    std::printf("%s: %s\n", printable(path).c_str(), problem.text.c_str());
  if (std::fflush(stdout) != 0) throw_errno("cannot write to standard output");
}

/// "1 entry", "2 entries".
std::string counted(std::uint64_t count, const char* one, const char* more) {
  return std::to_string(count) + ' ' + (count == 1 ? one : more);
}

std::string summary(const snapshot::CheckReport& report) {
  if (report.whole())
    return "whole: " + counted(report.entries, "entry", "entries") + " in " +
           counted(report.directories, "directory", "directories") +
           (report.complete ? ""
                            : "; incomplete: its scan ended before it had reached everything, and its totals "
                              "are lower bounds");
  std::string text = "damaged: " + counted(report.problems.size(), "problem", "problems");
  if (report.ended_early) return text + ", and perhaps more: the check ended there";
  if (!report.structure_checked) return text + "; the records were not checked";
  if (!report.derived_checked) return text + "; the totals of the whole were not checked";
  return text;
}

/// Exit status for one snapshot; what cannot be checked does not keep the others back.
int check(const std::string& path, const CommandLine& line) {
  snapshot::CheckOptions options;
  options.threads = line.threads;
  snapshot::CheckReport report;
  try {
    report = snapshot::check_snapshot(path, options);
  } catch (const FormatError& error) {
    print_message(name, "cannot check '" + printable(path) + "': " + printable(error.what()));
    return status_trouble;
  } catch (const std::system_error& error) {
    // The directory is there, but not the file that would make it a snapshot.
    bool is_none = error.code() == std::errc::no_such_file_or_directory && ::access(path.c_str(), F_OK) == 0;
    print_message(name, "cannot check '" + printable(path) + "': " + error.what() +
                            (is_none ? " (not a snapshot)" : ""));
    return status_trouble;
  }
  print_report(path, report);
  if (!line.quiet) print_message(name, "'" + printable(path) + "': " + summary(report));
  return report.whole() ? 0 : status_damaged;
}

int run(int argc, char** argv) {
  CommandLine line;
  if (auto status = parse(argc, argv, line)) return *status;
  int worst = 0;
  for (const std::string& path : line.snapshots) worst = std::max(worst, check(path, line));
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(name, [&] { return run(argc, argv); });
}
