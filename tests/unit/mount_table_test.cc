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

TEST(MountTable, LinesThatAreNotWholeAreLeftOut) {
  for (const char* line :
       {"", "\n\n", "36", "x 35 98:0 / / rw - ext3 /dev/root rw", "36 35 98 / / rw - ext3 /dev/root rw",
        "36 35 x:0 / / rw - ext3 /dev/root rw", "36 35 98:x / / rw - ext3 /dev/root rw",
        "36 35 98:0 / / rw shared:1", "36 35 98:0 / / rw -", "36 35 98:0"})
    EXPECT_TRUE(parse_mountinfo(line).empty()) << line;
  auto mounts =
      parse_mountinfo("36 35 98:7 /a /b rw shared:1 master:2 propagate_from:3 - ext3 source opt,ions");
  ASSERT_EQ(mounts.size(), 1u) << "with any number of optional fields, and without a newline";
  EXPECT_EQ(mounts[0].minor, 7u);
  EXPECT_EQ(mounts[0].super_options, "opt,ions");
}

TEST(MountTable, EscapesAreThreeOctalDigits) {
  auto point = [](const std::string& text) {
    auto mounts = parse_mountinfo("36 35 98:0 / " + text + " rw - ext3 source rw\n");
    return mounts.size() == 1 ? mounts[0].mount_point : "none";
  };
  EXPECT_EQ(point("/a\\134\\043\\011b"), "/a\\#\tb");
  EXPECT_EQ(point("/a\\377"), "/a\xff");
  for (const char* text :
       {"/a\\", "/a\\1", "/a\\12", "/a\\128", "/a\\182", "/a\\812", "/a\\/12", "/a\\1/2", "/a\\12/"})
    EXPECT_EQ(point(text), text) << "is no escape";
}

TEST(MountTable, OfAPathThereAreItsHolderAndWhatIsBelow) {
  MountTable table;
  // Whatever is mounted here: the first found holds the path, and is the longest that does; the others are
  // below.
  for (const std::string path : {"/", "/proc", "/proc/sys", "/dev", "/no/such/path", "/pro"}) {
    auto within = [](const std::string& inner, const std::string& outer) {
      return outer == "/" || inner == outer || inner.starts_with(outer + "/");
    };
    auto around = table.around(path);
    ASSERT_FALSE(around.empty()) << path;
    EXPECT_TRUE(within(path, around[0].mount_point)) << path << " " << around[0].mount_point;
    std::string longest;
    std::size_t below = 0;
    for (const MountEntry& mount : table.around("/")) {
      if (within(path, mount.mount_point) && mount.mount_point.size() >= longest.size())
        longest = mount.mount_point;
      if (within(mount.mount_point, path) && mount.mount_point != path) ++below;
    }
    EXPECT_EQ(around[0].mount_point, longest) << path;
    EXPECT_EQ(around.size(), below + 1) << path;
    for (std::size_t i = 1; i < around.size(); ++i) {
      EXPECT_TRUE(within(around[i].mount_point, path)) << path;
      EXPECT_NE(around[i].mount_point, path);
    }
  }
}

TEST(MountTable, TypesByDevice) {
  MountTable table;
  for (const MountEntry& mount : table.around("/"))
    EXPECT_NE(table.type_of_device(mount.major, mount.minor), "");
  for (const MountEntry& mount : table.around("/"))
    if (mount.mount_point == "/proc") {
      EXPECT_EQ(table.type_of_device(mount.major, mount.minor), "proc");
    }
  EXPECT_EQ(table.type_of_device(4000, 1), "");
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
