// The full check: verifies every byte and every rule of pwalk-snapshot(5), recomputes everything that
// is derived (totals, hard-link excess, access bits, fingerprints, the manifest's sums) and reports
// what is broken.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/manifest.h"

namespace pwalk::snapshot {

/// One broken rule. `text` is a whole sentence without a newline, fit for a terminal: file, place, what,
/// rule.
struct Problem {
  std::string file;   // name inside the snapshot
  std::string place;  // record or byte in it; may be empty
  std::string rule;   // number in pwalk-snapshot(5)
  std::string text;
};

struct CheckOptions {
  unsigned threads = 1;               // at least 1
  std::uint64_t problem_limit = 100;  // the check ends when so many were found
};

struct CheckReport {
  std::vector<Problem> problems;   // sorted by file, place and rule
  bool ended_early = false;        // the limit was reached: there may be more
  bool structure_checked = false;  // false where damaged files made following the records pointless
  bool derived_checked = false;    // false where a broken structure made recomputing pointless
  bool complete = true;            // false: the scan ended before it had reached everything
  std::uint64_t entries = 0;
  std::uint64_t directories = 0;

  bool whole() const noexcept { return problems.empty(); }
};

/// Checks the snapshot at `path`, relative to `directory` (a descriptor or AT_FDCWD). Broken rules are in the
/// report. std::system_error where there is no snapshot or it cannot be read; FormatError of rule M2 or M3
/// where its version or features are unknown, so that nothing can be said about it.
///
/// Memory: one bit for each entry and each directory, 32 bytes for each error record, 48 for each entry that
/// is a hard link. Time: one pass over all bytes, two over the records.
CheckReport check_snapshot(int directory, const std::string& path, const CheckOptions& options);
CheckReport check_snapshot(const std::string& path, const CheckOptions& options = {});
/// The same for a snapshot directory that is open, whose manifest has been read; it is not marked as read.
CheckReport check_snapshot(int snapshot_directory, Manifest manifest, const CheckOptions& options = {});

}  // namespace pwalk::snapshot
