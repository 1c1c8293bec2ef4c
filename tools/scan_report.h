// What pwalk-scan tells its user: how far it is, and what has come of it. Its main's only.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "scan/progress.h"
#include "scan/scan.h"

namespace pwalk {

/// What the user wants to be told.
struct ScanReport {
  bool quiet = false;
  bool verbose = false;
  bool summary_json = false;
  bool ignore_errors = false;  // for the exit status
  bool redraw = false;         // the line of progress, on a terminal
  double line_seconds = 0;     // between lines of progress elsewhere; 0: none

  /// Tells what has come of a scan that published, on stderr and (JSON) stdout. That something cannot be told
  /// does not change that it is published.
  /// Returns the exit status: 0 if all is well, 1 if the snapshot is published and something is not.
  int tell(const scan::Result& result) const;

 private:
  void tell_path(const scan::Result& result) const;
  void tell_walk(const scan::Result& result) const;
};

/// Shows how far the scan is: redrawn in place on a terminal, a line every so often elsewhere, a line when
/// `asked` is set.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(const ScanReport& report)
      : redraw_(report.redraw), interval_seconds_(report.line_seconds) {}

  void show(const scan::Progress& progress, std::atomic<bool>& asked);
  void finish() const;

 private:
  bool redraw_;
  double interval_seconds_;
  double next_line_ = 0;
  bool drawn_ = false;
};

}  // namespace pwalk
