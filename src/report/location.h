// The argument SNAPSHOT[/PATH] of the programs that report: which part of it is the snapshot's directory, and
// which entry inside it is meant.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "snapshot/snapshot.h"

namespace pwalk::report {

struct Location {
  std::shared_ptr<const snapshot::Snapshot> snapshot;
  snapshot::Entry entry;
  std::string snapshot_path;  // the snapshot's directory as the argument names it
  std::string inner_path;     // of the entry relative to the snapshot's root, "" for the root itself

  /// Absolute path that the entry had when it was scanned.
  std::string scanned_path() const;
};

/// Opens the longest prefix of `argument` that is a directory with a manifest and finds the rest of it
/// inside. Symbolic links are followed up to the snapshot (`latest`), not inside it. std::system_error where
/// there is no snapshot, where the argument is a store of snapshots, or where the path is not in the
/// snapshot; FormatError where the snapshot breaks a rule.
Location locate(const std::string& argument);

/// What to say of a snapshot at `argument` that breaks a rule. One of a newer format is not damaged.
std::string trouble_text(const std::string& argument, const FormatError& error);

/// Why what is recorded of the entry and of everything below it may be less than what was there: errors of
/// the scan, or that it ended early. Empty where nothing is missing.
std::string shortfall(const Location& location);

}  // namespace pwalk::report
