// A stat in a quarter of its room: every field that the walk and its sinks use comes back, and what would not
// is not packed.
// SPDX-License-Identifier: MIT
#include "walk/packed_stat.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <limits>

namespace pwalk::walk {
namespace {

constexpr std::int64_t times_end = std::int64_t{1} << 33;
constexpr std::uint32_t last_nanosecond = 999'999'999;

/// An ordinary one, found in `directory`.
const Identity directory{::makedev(0xfedcb, 0xabcde), 77, std::uint64_t{19} << 32};

struct statx ordinary() {
  struct statx stat = {};
  stat.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  stat.stx_blksize = 4096;
  stat.stx_nlink = 4;
  stat.stx_uid = 4'000'000'005;
  stat.stx_gid = 4'000'000'006;
  stat.stx_mode = S_IFREG | 07777;
  stat.stx_ino = ~std::uint64_t{8};
  stat.stx_size = 9;
  stat.stx_blocks = 10;
  stat.stx_atime = {-11, last_nanosecond, 0};
  stat.stx_btime = {12, 1, 0};
  stat.stx_ctime = {13, 2, 0};
  stat.stx_mtime = {14, 3, 0};
  stat.stx_dev_major = major(directory.device);
  stat.stx_dev_minor = minor(directory.device);
  stat.stx_mnt_id = directory.mount_id;
  return stat;
}

void expect_same(const struct statx_timestamp& time, const struct statx_timestamp& expected) {
  EXPECT_EQ(time.tv_sec, expected.tv_sec);
  EXPECT_EQ(time.tv_nsec, expected.tv_nsec);
}

/// It is packed, and all that is used comes back, whatever was there.
void expect_back(const struct statx& stat, const Identity& of = directory) {
  ASSERT_TRUE(packs(stat, of));
  PackedStat packed = {};
  EXPECT_FALSE(packed.looked_at());
  pack(stat, packed);
  EXPECT_TRUE(packed.looked_at());
  EXPECT_EQ(packed.error(), 0);
  struct statx back;
  std::memset(&back, 0xa5, sizeof back);
  unpack(packed, of, back);
  constexpr unsigned used = STATX_BTIME | STATX_MNT_ID;
  EXPECT_EQ(back.stx_mask & used, stat.stx_mask & used);
  EXPECT_EQ(back.stx_attributes, 0u);
  EXPECT_EQ(back.stx_blksize, stat.stx_blksize);
  EXPECT_EQ(back.stx_nlink, stat.stx_nlink);
  EXPECT_EQ(back.stx_uid, stat.stx_uid);
  EXPECT_EQ(back.stx_gid, stat.stx_gid);
  EXPECT_EQ(back.stx_mode, stat.stx_mode);
  EXPECT_EQ(back.stx_ino, stat.stx_ino);
  EXPECT_EQ(back.stx_size, stat.stx_size);
  EXPECT_EQ(back.stx_blocks, stat.stx_blocks);
  EXPECT_EQ(back.stx_rdev_major, 0u);
  EXPECT_EQ(back.stx_rdev_minor, 0u);
  EXPECT_EQ(device_of(back), device_of(stat));
  if ((stat.stx_mask & STATX_MNT_ID) != 0) {
    EXPECT_EQ(back.stx_mnt_id, stat.stx_mnt_id);
  }
  expect_same(back.stx_atime, stat.stx_atime);
  expect_same(back.stx_ctime, stat.stx_ctime);
  expect_same(back.stx_mtime, stat.stx_mtime);
  if ((stat.stx_mask & STATX_BTIME) != 0) expect_same(back.stx_btime, stat.stx_btime);
}

TEST(PackedStat, ComesBackAsItWas) {
  expect_back(ordinary());
  struct statx most = ordinary();
  most.stx_blksize = 0xffff * 512;
  most.stx_nlink = 0xffff;
  most.stx_size = (std::uint64_t{1} << 48) - 1;
  most.stx_blocks = 0xffffffff;
  most.stx_mode = S_IFLNK | 07777;
  for (struct statx_timestamp* time : {&most.stx_atime, &most.stx_btime, &most.stx_ctime, &most.stx_mtime})
    *time = {times_end - 1, last_nanosecond, 0};
  expect_back(most);
  struct statx least = {};
  least.stx_mask = STATX_BTIME;
  least.stx_mode = S_IFDIR;
  for (struct statx_timestamp* time :
       {&least.stx_atime, &least.stx_btime, &least.stx_ctime, &least.stx_mtime})
    *time = {-times_end + 1, 0, 0};
  expect_back(least, Identity{});
}

TEST(PackedStat, WithoutATimeOfBirthAndANumberOfItsMount) {
  struct statx stat = ordinary();
  stat.stx_mask = STATX_BASIC_STATS;
  stat.stx_btime = {std::numeric_limits<std::int64_t>::max(), ~std::uint32_t{0}, 0};  // of no meaning
  stat.stx_mnt_id = 5;
  expect_back(stat, {directory.device, directory.inode, 0});
}

TEST(PackedStat, AnErrorIsOne) {
  PackedStat packed = {};
  packed.mode = ENOENT;
  EXPECT_TRUE(packed.looked_at());
  EXPECT_EQ(packed.error(), ENOENT);
}

TEST(PackedStat, WhatDoesNotFitIsNotPacked) {
  using Change = std::function<void(struct statx&)>;
  const std::vector<std::pair<std::string, Change>> changes = {
      {"large", [](struct statx& stat) { stat.stx_size = std::uint64_t{1} << 48; }},
      {"very large", [](struct statx& stat) { stat.stx_size = ~std::uint64_t{0}; }},
      {"many blocks", [](struct statx& stat) { stat.stx_blocks = std::uint64_t{1} << 32; }},
      {"many links", [](struct statx& stat) { stat.stx_nlink = 0x10000; }},
      {"odd blocks", [](struct statx& stat) { stat.stx_blksize = 513; }},
      {"large blocks", [](struct statx& stat) { stat.stx_blksize = 0x10000 * 512; }},
      {"of no type", [](struct statx& stat) { stat.stx_mode = 0644; }},
      {"major device", [](struct statx& stat) { stat.stx_rdev_major = 1; }},
      {"minor device", [](struct statx& stat) { stat.stx_rdev_minor = 1; }},
      {"other major", [](struct statx& stat) { ++stat.stx_dev_major; }},
      {"other minor", [](struct statx& stat) { ++stat.stx_dev_minor; }},
      {"other mount", [](struct statx& stat) { ++stat.stx_mnt_id; }},
      {"no number of a mount", [](struct statx& stat) { stat.stx_mask &= ~STATX_MNT_ID; }},
      {"root of a mount", [](struct statx& stat) { stat.stx_attributes = STATX_ATTR_MOUNT_ROOT; }},
      {"automount", [](struct statx& stat) { stat.stx_attributes = STATX_ATTR_AUTOMOUNT; }},
  };
  for (const auto& [what, change] : changes) {
    struct statx stat = ordinary();
    change(stat);
    EXPECT_FALSE(packs(stat, directory)) << what;
  }
  struct statx other = ordinary();
  other.stx_attributes = STATX_ATTR_IMMUTABLE;  // which nobody asks for
  EXPECT_TRUE(packs(other, directory));
}

TEST(PackedStat, TimesThatDoNotFitAreNotPacked) {
  for (auto time : {&statx::stx_atime, &statx::stx_btime, &statx::stx_ctime, &statx::stx_mtime}) {
    for (std::int64_t seconds : {times_end, -times_end, std::numeric_limits<std::int64_t>::max(),
                                 std::numeric_limits<std::int64_t>::min()}) {
      struct statx stat = ordinary();
      (stat.*time).tv_sec = seconds;
      EXPECT_FALSE(packs(stat, directory)) << seconds;
    }
    struct statx stat = ordinary();
    (stat.*time).tv_nsec = std::uint32_t{1} << 30;
    EXPECT_FALSE(packs(stat, directory));
  }
}

}  // namespace
}  // namespace pwalk::walk
