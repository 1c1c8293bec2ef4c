// The mount table's text, and which file systems are the kernel's own.
// SPDX-License-Identifier: MIT

#include "walk/mount_table.h"

#include <gtest/gtest.h>

namespace pwalk::walk {
namespace {

TEST(MountTable, ParsesLines) {
  auto mounts = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n"
      "37 35 0:21 / /a\\040b\\012c rw - fuse.pwalk-mount /x\\134y ro\n"
      "not a line\n"
      "38 35 0:x / /y rw - proc proc rw\n"
      "39 35 0:5 / /proc rw - proc proc rw");
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].mount_id, 36u);
  EXPECT_EQ(mounts[0].major, 98u);
  EXPECT_EQ(mounts[0].root, "/mnt1");
  EXPECT_EQ(mounts[0].mount_point, "/mnt2");
  EXPECT_EQ(mounts[0].options, "rw,noatime");
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[0].source, "/dev/root");
  EXPECT_EQ(mounts[1].mount_point, "/a b\nc");
  EXPECT_EQ(mounts[1].type, "fuse.pwalk-mount");
  EXPECT_EQ(mounts[1].source, "/x\\y");
  EXPECT_EQ(mounts[2].type, "proc");
}

TEST(MountTable, KnowsThisMachine) {
  MountTable table;
  bool found = false;
  for (const MountEntry& mount : table.around("/proc")) {
    EXPECT_EQ(table.type_of_mount(mount.mount_id), mount.type);
    found = found || mount.type == "proc";
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(table.type_of_mount(~0ull), "");
}

TEST(MountTable, TellsKernelFileSystems) {
  for (const char* type : {"proc", "sysfs", "cgroup2", "debugfs", "tracefs", "autofs", "devpts"})
    EXPECT_TRUE(is_kernel_file_system(type)) << type;
  for (const char* type : {"ext4", "xfs", "tmpfs", "devtmpfs", "nfs4", "lustre", "overlay", "fuse.sshfs", ""})
    EXPECT_FALSE(is_kernel_file_system(type)) << type;
}

}  // namespace
}  // namespace pwalk::walk
