// What a scan could not read, with paths: the error records of a snapshot name entries by number only.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace pwalk::report {

struct FailedEntry {
  std::string path;        // as it was scanned
  std::uint16_t call = 0;  // format::call_…
  int error = 0;           // errno

  /// "cannot list '/data/x': Permission denied", fit for a terminal. Where listing came to ECANCELED, that
  /// the scan ended before all of the directory was looked at.
  std::string message() const;
};

/// Shows `take` the errors of `start` and of what is below it until it returns false, depth first in name
/// order: a directory's own, then those of its entries that are no directories, then what is below its
/// subdirectories. Paths begin with `start_path`, and end in `…` where they would have more than
/// `path_bytes_max` bytes. Subtrees without errors are not looked at; memory is 16 bytes an error record of
/// the snapshot. FormatError where the snapshot breaks a rule.
void visit_errors(const std::shared_ptr<const snapshot::Snapshot>& snapshot, const snapshot::Entry& start,
                  const std::string& start_path, const std::function<bool(const FailedEntry&)>& take,
                  std::size_t path_bytes_max = std::string::npos);

/// The first `limit` errors of the whole snapshot, in the same order.
std::vector<FailedEntry> list_errors(const std::shared_ptr<const snapshot::Snapshot>& snapshot,
                                     std::size_t limit);

}  // namespace pwalk::report
