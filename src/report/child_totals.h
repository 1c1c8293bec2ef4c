// One child's totals on one line, for sort(1) and awk(1).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "snapshot/snapshot.h"

namespace pwalk::report {

/// What du(1) would say of a child: of a directory with everything below it, each inode once.
struct ChildTotals {
  std::uint64_t disk_bytes = 0;
  std::uint64_t apparent_bytes = 0;  // directories' own sizes included, as du --apparent-size has them
  std::uint64_t inodes = 1;
  snapshot::Timestamp newest_mtime;  // no_time where no time is known
  snapshot::Timestamp newest_ctime;
};

ChildTotals child_totals(const snapshot::Snapshot& snapshot, const snapshot::Entry& child);

/// "DISK_BYTES\tAPPARENT_BYTES\tINODES\tNEWEST_MTIME\tNAME\n": the time in the form of ISO 8601 or `-`, the
/// name as printable() shows it.
std::string child_line(const snapshot::Entry& child, const ChildTotals& totals);

}  // namespace pwalk::report
