// A stat in half its room: every field that the walk and its sinks use comes back.
// SPDX-License-Identifier: MIT
#include "walk/packed_stat.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

namespace pwalk::walk {
namespace {

TEST(PackedStat, ComesBackAsItWas) {
  struct statx stat;
  std::memset(&stat, 0xa5, sizeof stat);
  stat.stx_attributes_mask = 0;  // not used
  for (struct statx_timestamp* time : {&stat.stx_atime, &stat.stx_btime, &stat.stx_ctime, &stat.stx_mtime})
    std::memset(time, 0, sizeof *time);
  stat.stx_mask = 1;
  stat.stx_blksize = 2;
  stat.stx_attributes = std::uint64_t{3} << 40;
  stat.stx_nlink = 4;
  stat.stx_uid = 4'000'000'005;
  stat.stx_gid = 4'000'000'006;
  stat.stx_mode = 0107777;
  stat.stx_ino = ~std::uint64_t{8};
  stat.stx_size = std::uint64_t{9} << 59;
  stat.stx_blocks = std::uint64_t{10} << 50;
  stat.stx_atime = {-11, 999'999'999, 0};
  stat.stx_btime = {std::int64_t{12} << 40, 1, 0};
  stat.stx_ctime = {13, 2, 0};
  stat.stx_mtime = {14, 3, 0};
  stat.stx_rdev_major = 15;
  stat.stx_rdev_minor = 16;
  stat.stx_dev_major = 17;
  stat.stx_dev_minor = 18;
  stat.stx_mnt_id = std::uint64_t{19} << 32;
  PackedStat packed;
  pack(stat, packed);
  struct statx back = {};
  unpack(packed, back);
  // All up to and with stx_mnt_id.
  EXPECT_EQ(std::memcmp(&back.stx_mask, &stat.stx_mask, offsetof(struct statx, stx_mode)), 0);
  EXPECT_EQ(back.stx_mode, stat.stx_mode);
  EXPECT_EQ(std::memcmp(&back.stx_ino, &stat.stx_ino,
                        offsetof(struct statx, stx_mnt_id) + sizeof stat.stx_mnt_id -
                            offsetof(struct statx, stx_ino)),
            0);
}

}  // namespace
}  // namespace pwalk::walk
