// The four times of an entry are read as they were found, on both sides of every border between ways of
// keeping them.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "snapshot/snapshot.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

using test::SampleNode;

const std::vector<struct statx_timestamp> borders = {
    {0, 0, 0},
    {1, 999'999'999, 0},
    {-1, 999'999'999, 0},
    {-1, 0, 0},
    {(std::int64_t{1} << 33) - 1, 999'999'999, 0},
    {std::int64_t{1} << 33, 0, 0},
    {9'223'372'036, 854'775'807, 0},  // the last nanosecond of 64 bits
    {9'223'372'036, 854'775'808, 0},
    {-9'223'372'037, 145'224'193, 0},  // the first, but for the one that says that there is no time
    {-9'223'372'037, 145'224'192, 0},
    {std::numeric_limits<std::int64_t>::max(), 999'999'999, 0},
    {std::numeric_limits<std::int64_t>::min(), 0, 0},
};

Timestamp time_of(const struct statx_timestamp& time) {
  return {time.tv_sec, time.tv_nsec};
}

TEST(Times, AreReadAsTheyWereFound) {
  struct statx_timestamp statx::*const kinds[] = {&statx::stx_atime, &statx::stx_mtime, &statx::stx_ctime,
                                                  &statx::stx_btime};
  std::vector<SampleNode> children;
  for (std::size_t border = 0; border < borders.size(); ++border)
    for (std::size_t kind = 0; kind < std::size(kinds); ++kind)
      for (bool has_btime : {true, false}) {
        SampleNode node = test::sample_file(
            std::to_string(border) + "." + std::to_string(kind) + (has_btime ? "" : ".without"),
            100 + 8 * border + 2 * kind + (has_btime ? 1 : 0), 1);
        node.stat.*kinds[kind] = borders[border];
        if (!has_btime) node.stat.stx_mask &= ~STATX_BTIME;
        children.push_back(node);
      }
  test::TemporaryDirectory directory;
  test::write_sample(directory.path("snapshot"), test::sample_directory("", 2, 0755, children), 1);
  auto snapshot = Snapshot::open(directory.path("snapshot"));
  for (const SampleNode& child : children) {
    SCOPED_TRACE(child.name);
    Entry entry = snapshot->find(snapshot->root_directory(), child.name).value();
    EXPECT_EQ(entry.atime, time_of(child.stat.stx_atime));
    EXPECT_EQ(entry.mtime, time_of(child.stat.stx_mtime));
    EXPECT_EQ(entry.ctime, time_of(child.stat.stx_ctime));
    ASSERT_EQ(entry.btime.has_value(), (child.stat.stx_mask & STATX_BTIME) != 0);
    if (entry.btime) {
      EXPECT_EQ(*entry.btime, time_of(child.stat.stx_btime));
    }
  }
}

}  // namespace
}  // namespace pwalk::snapshot
