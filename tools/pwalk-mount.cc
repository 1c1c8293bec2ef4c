// pwalk-mount: shows a snapshot, one NAME of a store, or a store as a read-only tree.
// SPDX-License-Identifier: MIT
#include <optional>
#include <string>
#include <vector>

#include "mount/options.h"
#include "mount/session.h"
#include "program.h"

namespace {

constexpr char name[] = "pwalk-mount";

struct CommandLine {
  std::string source;
  std::string mount_point;
  std::vector<std::string> options;
  bool foreground = false;
  bool debug = false;
  bool single_thread = false;
  std::optional<std::string> readdirplus;
};

std::optional<int> parse(int argc, char** argv, CommandLine& line) {
  CLI::App app{"Mount a snapshot, or a store of snapshots, as a read-only tree."};
  pwalk::add_standard_options(app, name);
  app.add_option("SOURCE", line.source, "A snapshot, one NAME directory of a store, or a store")->required();
  app.add_option("MOUNTPOINT", line.mount_point, "A directory")->required();
  app.add_option("-o", line.options,
                 "Mount options: allow_other, allow_root, acl=mode, totals=all, rbytes, xattr[=list], "
                 "auto_unmount, noexec, …")
      ->type_name("OPTIONS")
      ->expected(1)
      ->take_all();
  app.add_flag("-f", line.foreground, "Stay in the foreground, messages on stderr");
  app.add_flag("-d", line.debug, "Show every request on stderr (implies -f)");
  app.add_flag("-s", line.single_thread, "Answer requests with a single thread");
  app.add_option("--readdirplus", line.readdirplus,
                 "no: list names without attributes, for what needs no more")
      ->type_name("WHAT");
  return pwalk::parse_command_line(app, argc, argv);
}

int run(int argc, char** argv) {
  CommandLine line;
  if (auto status = parse(argc, argv, line)) return *status;
  // Resolved now: in the background the working directory is another one.
  pwalk::mount::Settings settings;
  settings.source = pwalk::mount::resolve_source(line.source);
  std::vector<std::string> words;
  for (const std::string& text : line.options) {
    for (std::string& word : pwalk::mount::split_options(text)) words.push_back(std::move(word));
  }
  if (line.readdirplus) words.push_back("readdirplus=" + *line.readdirplus);
  settings.options = pwalk::mount::read_options(settings.source, words);
  if (pwalk::mount::is_mounted_already(line.mount_point)) pwalk::mount::require_mounted_with(words);
  auto tell = [](const std::string& message) { pwalk::print_message(name, message); };
  settings.mount_point = pwalk::mount::resolve_mount_point(line.mount_point, tell);
  settings.foreground = line.foreground;
  settings.debug = line.debug;
  settings.single_thread = line.single_thread;
  pwalk::mount::require_fuse();
  try {
    return pwalk::mount::serve(settings, tell);
  } catch (const pwalk::FormatError& error) {
    pwalk::print_message(
        name, "'" + pwalk::printable(line.source) + "' is damaged: " + pwalk::printable(error.what()));
    return pwalk::status_trouble;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(name, [&] { return run(argc, argv); });
}
