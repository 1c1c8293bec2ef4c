// The progress line: numbers people can read, and an estimate only where there is ground for one.
// SPDX-License-Identifier: MIT

#include "scan/progress.h"

#include <gtest/gtest.h>

namespace pwalk::scan {
namespace {

TEST(Progress, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(18446744073709551615u), "18,446,744,073,709,551,615");
}

TEST(Progress, ShowsTime) {
  EXPECT_EQ(clock_text(0.9), "0:00:00");
  EXPECT_EQ(clock_text(3661.5), "1:01:01");
  EXPECT_EQ(clock_text(360000), "100:00:00");
  EXPECT_EQ(clock_text(-1), "0:00:00");
}

TEST(Progress, EstimatesFromTheRate) {
  Progress progress{1000, 100, 2, 10, 5000};
  progress.walked_seconds = 5;
  EXPECT_EQ(progress_line(progress),
            "writing the snapshot, 0:00:10: 1,000 entries, 100 directories, 2 errors, 200 entries/s");
  progress.walked_seconds = 0;
  EXPECT_EQ(progress_line(progress),
            "writing the snapshot, 0:00:10: 1,000 entries, 100 directories, 2 errors, 0 entries/s");
  progress.walked_seconds.reset();
  EXPECT_EQ(progress_line(progress),
            "1,000 entries, 100 directories, 2 errors, 100 entries/s, 0:00:10, ETA 0:00:40");
  progress.expected_entries = 900;
  EXPECT_EQ(progress_line(progress), "1,000 entries, 100 directories, 2 errors, 100 entries/s, 0:00:10");
  progress.expected_entries = std::nullopt;
  EXPECT_EQ(progress_line(progress), "1,000 entries, 100 directories, 2 errors, 100 entries/s, 0:00:10");
  progress = {5, 1, 0, 0.5, 5000};
  EXPECT_EQ(progress_line(progress), "5 entries, 1 directories, 0 errors, 10 entries/s, 0:00:00");
  progress = {0, 0, 0, 0, 5000};
  EXPECT_EQ(progress_line(progress), "0 entries, 0 directories, 0 errors, 0 entries/s, 0:00:00");
}

}  // namespace
}  // namespace pwalk::scan
