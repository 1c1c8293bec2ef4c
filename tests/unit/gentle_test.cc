// The idle classes are those of every thread that is started later; a warning only where the space is short.
// SPDX-License-Identifier: MIT

#include "scan/gentle.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace pwalk::scan {
namespace {

TEST(SpaceWarning, OnlyWhereItDoesNotFit) {
  EXPECT_EQ(space_warning({1000}, bytes_forecast(1000), "/out"), "");
  EXPECT_EQ(space_warning({0}, 0, "/out"), "");
  std::string warning = space_warning({1'000'000}, 1'000'000, "/o\nut");
  EXPECT_NE(space_warning({1'000'000, true}, 0, "/").find("the file system's 1,000,000 entries"),
            std::string::npos);
  EXPECT_NE(warning.find("about 1,000,000 entries need 105,000,000 bytes"), std::string::npos) << warning;
  EXPECT_NE(warning.find("has 1,000,000 bytes available"), std::string::npos) << warning;
  EXPECT_EQ(warning.find('\n'), std::string::npos);
}

TEST(TakeWhatOthersLeave, IsInheritedByThreads) {
  std::jthread([] {
    if (std::string refused = take_what_others_leave(); !refused.empty()) GTEST_SKIP() << refused;
    EXPECT_EQ(::sched_getscheduler(0), SCHED_IDLE);
    std::jthread([] { EXPECT_EQ(::sched_getscheduler(0), SCHED_IDLE); });
  });
}

}  // namespace
}  // namespace pwalk::scan
