// pwalk-dump: writes the entries of a snapshot as text, one after the other, as find -printf would for the
// tree that was scanned.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <string>

#include "program.h"
#include "report/location.h"
#include "report/output.h"
#include "report/printf_format.h"
#include "report/tree_cursor.h"

namespace {

using namespace pwalk;
using report::TreeCursor;

constexpr char name[] = "pwalk-dump";

/// Writes every entry of the subtree; returns how many were left out because the format asks for what is not
/// known of them.
std::uint64_t dump(const report::Location& location, report::PrintfFormat& format, report::Output& output) {
  std::uint64_t left_out = 0;
  TreeCursor cursor(location.snapshot, location.entry, location.scanned_path());
  for (auto visit = cursor.next(); visit != TreeCursor::Visit::end; visit = cursor.next()) {
    if (visit == TreeCursor::Visit::leave) continue;
    if (format.needs_stat() && !cursor.entry().has_stat()) {
      ++left_out;
      continue;
    }
    format.append({cursor.entry(), cursor.path(), cursor.start_length(), cursor.depth()}, output.text());
    location.snapshot->check_readable(cursor.entry());
    output.end_line();
  }
  output.flush();
  return left_out;
}

/// Says what of the tree is not in the output; returns the exit status.
int tell_shortfall(const std::string& argument, const report::Location& location, std::uint64_t left_out) {
  if (left_out > 0)
    print_message(name, "left out " + std::to_string(left_out) +
                            (left_out == 1 ? " entry whose metadata" : " entries whose metadata") +
                            " the scan could not read");
  std::string missing = report::shortfall(location);
  if (missing.empty()) return 0;
  print_message(name, "'" + printable(argument) + "' is incomplete: " + missing);
  return 1;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Writes the entries of a snapshot as text, as find -printf would for the tree that was scanned.");
  add_standard_options(app, name);
  std::string text = "%p\\n";
  std::string argument;
  bool nul = false;
  app.add_option("SNAPSHOT[/PATH]", argument, "Snapshot, and where to start in it")
      ->required()
      ->type_name("");
  auto* printf_option = app.add_option("--printf", text, "What to write for each entry (default '%p\\n')");
  printf_option->type_name("FORMAT")->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_flag("-0,--print0", nul, "The same as --printf '%p\\0'")->excludes(printf_option);
  if (auto status = parse_command_line(app, argc, argv)) return *status;

  if (nul) text = "%p\\0";
  bool for_terminal = ::isatty(STDOUT_FILENO) == 1;
  try {
    report::Location location = report::locate(argument);
    report::PrintfFormat format(text, location.snapshot->manifest(), for_terminal);
    report::Output output(STDOUT_FILENO);
    std::uint64_t left_out = dump(location, format, output);
    return tell_shortfall(argument, location, left_out);
  } catch (const FormatError& error) {
    print_message(name, report::trouble_text(argument, error));
    return status_trouble;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(name, [&] { return run(argc, argv); });
}
