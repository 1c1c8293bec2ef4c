// Quotas of control groups, of both versions, of the group itself and of those above it, as processors; the
// least of all limits counts.
// SPDX-License-Identifier: MIT
#include "scan/processors.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <string>
#include <thread>

#include "support/temporary_directory.h"

namespace pwalk::scan {
namespace {

constexpr char second_version[] =
    "22 1 0:21 / /sys rw - sysfs sysfs rw\n33 22 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
constexpr char first_version[] =
    "40 22 0:30 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n"
    "41 22 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n";

class ControlGroups : public testing::Test {
 protected:
  void system(const std::string& groups, const std::string& mounts) {
    root_.make_directory("proc/self");
    root_.write_file("proc/self/cgroup", groups);
    root_.write_file("proc/self/mountinfo", mounts);
  }
  void file(const std::string& path, const std::string& contents) {
    root_.make_directory(path.substr(0, path.rfind('/')));
    root_.write_file(path, contents);
  }
  unsigned processors() { return processors_by_control_group(root_.path()); }

 private:
  test::TemporaryDirectory root_;
};

TEST_F(ControlGroups, NoneIsNoLimit) {
  EXPECT_EQ(processors(), 0u);
  system("0::/user.slice\n", second_version);
  EXPECT_EQ(processors(), 0u);
}

TEST_F(ControlGroups, SecondVersion) {
  system("0::/job/step\n", second_version);
  file("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(processors(), 0u);
  file("sys/fs/cgroup/job/step/cpu.max", "250000 100000\n");
  EXPECT_EQ(processors(), 3u) << "half a processor more is worth a worker";
  file("sys/fs/cgroup/job/cpu.max", "200000 100000\n");
  EXPECT_EQ(processors(), 2u) << "the group above allows less";
  file("sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(processors(), 1u);
}

TEST_F(ControlGroups, ThoseAboveCountWhereTheGroupItselfHasNone) {
  system("0::/job/step/task\n", second_version);
  file("sys/fs/cgroup/job/cpu.max", "400000 100000\n");
  EXPECT_EQ(processors(), 4u);
}

TEST_F(ControlGroups, FirstVersion) {
  system("4:cpuset:/elsewhere\n3:cpu,cpuacct:/job\n", first_version);
  file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
  file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(processors(), 0u);
  file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(processors(), 6u);
}

TEST_F(ControlGroups, AMountThatBeginsAtTheGroup) {
  system("0::/docker/abc\n", "33 22 0:29 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
  file("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(processors(), 2u);
}

TEST_F(ControlGroups, WhatCannotBeReadIsNoLimit) {
  system("nonsense\n0:\n0::/job\n", std::string("short line\n") + second_version);
  for (const char* wrong : {"", "max", "5", "0 100000", "100000 0", "a b", "-5 100000"}) {
    file("sys/fs/cgroup/job/cpu.max", wrong);
    EXPECT_EQ(processors(), 0u) << wrong;
  }
}

TEST(UsableProcessors, TheLeastCounts) {
  std::thread narrow([] {
    cpu_set_t all;
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    EXPECT_EQ(processors_by_affinity(), static_cast<unsigned>(CPU_COUNT(&all)));
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(processors_by_affinity(), 1u);
    EXPECT_EQ(usable_processors(), 1u);
  });
  narrow.join();
  unsigned before = usable_processors();
  ::setenv("SLURM_CPUS_ON_NODE", "1", 1);
  EXPECT_EQ(usable_processors(), 1u);
  for (const char* nothing : {"0", "", "many", "100000000"}) {
    ::setenv("SLURM_CPUS_ON_NODE", nothing, 1);
    EXPECT_EQ(usable_processors(), before) << nothing;
  }
  ::unsetenv("SLURM_CPUS_ON_NODE");
}

}  // namespace
}  // namespace pwalk::scan
