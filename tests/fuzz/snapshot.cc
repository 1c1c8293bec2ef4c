// Opens, lists and checks a snapshot whose records the input has edited. Whatever they say, a reader ends
// with the truth about them or a FormatError; and what stops a reader the full check must find.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <optional>

#include "base/error.h"
#include "fuzz/edited_snapshot.h"
#include "report/disk_usage.h"
#include "report/error_list.h"
#include "report/printf_format.h"
#include "report/tree_cursor.h"
#include "snapshot/check.h"
#include "support/everything.h"

namespace pwalk::fuzz {

namespace {

/// What the programs that report do with a snapshot.
void report_on(const std::shared_ptr<const snapshot::Snapshot>& snapshot) {
  for (const report::FailedEntry& failed : report::list_errors(snapshot, 100))
    require(!failed.message().empty());
  report::Location location{snapshot, snapshot->root(), "snapshot", ""};
  report::shortfall(location);
  report::Output output(-1);
  report::DiskUsageOptions options;
  options.all = true;
  report::print_disk_usage(location, "snapshot", options, output);
  report::PrintfFormat format("%y %i %s %p %l\n", snapshot->manifest(), true);
  report::TreeCursor cursor(snapshot, location.entry, location.scanned_path());
  std::string line;
  for (auto visit = cursor.next(); visit != report::TreeCursor::Visit::end; visit = cursor.next()) {
    if (visit == report::TreeCursor::Visit::leave) continue;
    line.clear();
    format.append({cursor.entry(), cursor.path(), cursor.start_length(), cursor.depth()}, line);
  }
}

/// Whether a reader sees nothing wrong.
bool reader_is_content(const EditedSnapshot& edited) {
  try {
    std::shared_ptr<const snapshot::Snapshot> opened = edited.open();
    test::everything_in(*opened);
    report_on(opened);
    return true;
  } catch (const FormatError& error) {
    require(!error.rule().empty() && !error.file().empty());
  }
  return false;
}

std::optional<snapshot::CheckReport> check(const EditedSnapshot& edited) {
  try {
    return edited.check();
  } catch (const FormatError& error) {
    require(error.rule() == std::string_view("M2") || error.rule() == std::string_view("M3"));
    return std::nullopt;
  }
}

}  // namespace

}  // namespace pwalk::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk::fuzz;
  static EditedSnapshot snapshot;
  Input input(bytes, length);
  snapshot.edit(input);
  bool content = reader_is_content(snapshot);
  auto report = check(snapshot);
  require(content || !report || !report->whole());
  if (report && report->whole()) require(report->structure_checked && report->derived_checked);
  return 0;
}
