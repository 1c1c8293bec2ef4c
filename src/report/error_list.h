// What a scan could not read, with paths: the error records of a snapshot name entries by number only.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace pwalk::report {

struct FailedEntry {
  std::string path;        // absolute, as it was scanned
  std::uint16_t call = 0;  // format::call_…
  int error = 0;           // errno

  /// "cannot list '/data/x': Permission denied", fit for a terminal.
  std::string message() const;
};

/// The first `limit` errors, depth first in name order: a directory's own, then those of its entries that are
/// no directories, then what is below its subdirectories. Subtrees without errors are not looked at; memory
/// is 16 bytes an error record. FormatError where the snapshot breaks a rule.
std::vector<FailedEntry> list_errors(const std::shared_ptr<const snapshot::Snapshot>& snapshot,
                                     std::size_t limit);

}  // namespace pwalk::report
