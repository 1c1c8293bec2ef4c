// SPDX-License-Identifier: MIT
#include "scan_report.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "program.h"
#include "report/error_list.h"
#include "report/json_parts.h"
#include "snapshot/snapshot.h"

namespace pwalk {

namespace {

constexpr char program[] = "pwalk-scan";
constexpr std::size_t errors_shown = 20;
constexpr char clear_line[] = "\r\x1b[K";

/// On stderr, in one write. That it cannot be written (nobody reads it, a full disk) is no reason to end a
/// scan.
void write_message(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

/// The first of what could not be read; the snapshot has all of it.
void report_errors(const scan::Result& result) {
  std::uint64_t errors = result.manifest.totals.errors;
  auto tell_number = [&] {
    print_message(program,
                  fmt::format("{} errors: what could not be read is marked in the snapshot", errors));
  };
  try {
    auto published = snapshot::Snapshot::open(result.snapshot_path);
    for (const auto& failed : report::list_errors(published, errors_shown))
      print_message(program, failed.message());
  } catch (const FormatError&) {
    tell_number();
    throw;
  } catch (const std::system_error& refused) {
    tell_number();
    // The name of the file alone would not say of which snapshot.
    throw std::system_error(refused.code(),
                            "cannot list the errors of '" + printable(result.snapshot_path) + "'");
  }
  if (errors > errors_shown) print_message(program, fmt::format("… and {} more", errors - errors_shown));
  tell_number();
}

/// How the number of workers followed the file system.
void report_workers(const scan::Result& result) {
  std::string text;
  for (const auto& change : result.workers_changes)
    text += fmt::format("{}{} at {:.2f} s", text.empty() ? "worker threads: " : ", ", change.workers,
                        change.seconds);
  if (!text.empty()) print_message(program, text);
}

/// What has come of it for programs, one line on stdout; paths percent-encoded as in the manifest.
void report_json(const scan::Result& result) {
  const auto& manifest = result.manifest;
  report::Json summary{{"snapshot", percent_encode(result.snapshot_path)},
                       {"uuid", snapshot::uuid_text(manifest.uuid)},
                       {"root", percent_encode(manifest.root)},
                       {"complete", manifest.complete},
                       {"seconds", result.seconds}};
  summary.update(report::totals_json(manifest.totals));
  summary["vanished_entries"] = manifest.vanished_entries;
  std::string line = summary.dump() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
    throw_errno("cannot write to standard output");
}

/// Whether stderr takes a line at once: a reader that has stopped, of a pipe or a terminal, must not stop who
/// ends the walk at its deadline.
bool takes_lines() {
  struct pollfd stderr_ready {
    STDERR_FILENO, POLLOUT, 0
  };
  return ::poll(&stderr_ready, 1, 0) > 0;
}

}  // namespace

void ProgressDisplay::show(const scan::Progress& progress, std::atomic<bool>& asked_for) {
  if (!takes_lines()) return;
  bool asked = asked_for.exchange(false);
  bool due = interval_seconds_ != 0 && progress.seconds >= next_line_;
  if (due) next_line_ = progress.seconds + interval_seconds_;
  std::string line = scan::progress_line(progress);
  if (asked || due) write_message(fmt::format("{}{}: {}\n", drawn_ ? clear_line : "", program, line));
  if (!redraw_) return;
  // One write, cut to what fits: a wrapped line could not be redrawn.
  struct winsize size = {};
  std::size_t columns =
      ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
  if (line.size() > columns) line.resize(columns);
  write_message(clear_line + line);
  drawn_ = true;
}

void ProgressDisplay::finish() const {
  if (drawn_ && takes_lines()) write_message(clear_line);
}

void ScanReport::tell_path(const scan::Result& result) const {
  if (!quiet || result.store_refused)
    print_message(program, "wrote '" + printable(result.snapshot_path) + "'");
  if (result.incomplete)
    print_message(program,
                  "incomplete: the scan ended before it had reached everything; totals are lower bounds");
}

void ScanReport::tell_walk(const scan::Result& result) const {
  if (!quiet) {
    std::uint64_t entries = result.manifest.totals.entries;
    double rate = static_cast<double>(entries) / std::max(result.seconds, 1e-9);
    write_message(fmt::format("Walked {} entries in {:.1f} secs ({:.1f} entries/sec)\n", entries,
                              result.seconds, rate));
  }
  if (verbose) report_workers(result);
}

int ScanReport::tell(const scan::Result& result) const {
  bool all_well = true;
  auto try_to = [&](auto follow) {
    try {
      follow();
    } catch (const std::exception& refused) {
      // In two messages, since memory may be what there is none of.
      print_message(program, "the snapshot is published, but not all is well:");
      print_message(program, refused.what());
      all_well = false;
    }
  };
  if (result.store_refused) try_to([&] { std::rethrow_exception(result.store_refused); });
  // Each for itself: who wants the summary gets it although the errors cannot be listed.
  try_to([&] { tell_path(result); });
  if (result.manifest.totals.errors > 0) try_to([&] { report_errors(result); });
  try_to([&] { tell_walk(result); });
  if (summary_json) try_to([&] { report_json(result); });
  return all_well && !result.incomplete && (result.manifest.totals.errors == 0 || ignore_errors) ? 0 : 1;
}

}  // namespace pwalk
