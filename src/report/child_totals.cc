// SPDX-License-Identifier: MIT
#include "report/child_totals.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/iso_time.h"

namespace pwalk::report {

ChildTotals child_totals(const snapshot::Snapshot& snapshot, const snapshot::Entry& child) {
  if (!child.is_directory()) {
    if (!child.has_stat()) return {0, 0, 1, snapshot::no_time, snapshot::no_time};
    return {child.blocks * 512, child.apparent_bytes, 1, child.mtime, child.ctime};
  }
  snapshot::Totals totals = snapshot.directory_of(child).totals();
  return {totals.disk_bytes - totals.excess_disk,
          totals.apparent_bytes - totals.excess_apparent + totals.directory_bytes,
          totals.entries - totals.excess_inodes, totals.newest_mtime, totals.newest_ctime};
}

std::string child_line(const snapshot::Entry& child, const ChildTotals& totals) {
  std::string time = iso_time(totals.newest_mtime);
  return fmt::format("{}\t{}\t{}\t{}\t{}\n", totals.disk_bytes, totals.apparent_bytes, totals.inodes,
                     time.empty() ? "-" : time, printable(child.name));
}

}  // namespace pwalk::report
