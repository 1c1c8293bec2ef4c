// What is used of a struct statx, in a quarter of its room: for what must stay in memory for a while. Hardly
// any is so odd that it does not fit; such a one is looked at again.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <limits>

#include "walk/node.h"
#include "walk/stat_entry.h"

namespace pwalk::walk {

/// One line of a cache; of all zeros where nobody has looked.
struct alignas(64) PackedStat {
  std::uint64_t inode;
  std::int64_t atime;  // seconds << 30 | nanoseconds
  std::int64_t btime;  // the same, or absent
  std::int64_t ctime;
  std::int64_t mtime;
  std::uint32_t size_low;
  std::uint16_t size_high;
  std::uint16_t blksize;  // units of 512 bytes
  std::uint32_t blocks;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint16_t nlink;
  std::uint16_t mode;  // no type: an errno, or 0

  static constexpr std::int64_t absent = std::numeric_limits<std::int64_t>::min();
  static constexpr unsigned nanosecond_bits = 30;
  static constexpr unsigned second_bits = 64 - nanosecond_bits;
  static constexpr std::uint32_t blksize_unit = 512;

  bool looked_at() const noexcept { return mode != 0; }
  /// Of what was looked at: 0 or the errno of statx.
  int error() const noexcept { return (mode & S_IFMT) != 0 ? 0 : mode; }
};
static_assert(sizeof(PackedStat) == 64);

/// Whether this, found in a directory of the same device and mount as `directory`, can be packed: the numbers
/// fit, and nothing about it is special. Times from October 1697 to March 2242 do.
inline bool packs(const struct statx& stat, const Identity& directory) noexcept {
  constexpr std::uint64_t special = STATX_ATTR_MOUNT_ROOT | STATX_ATTR_AUTOMOUNT;
  bool numbered = (stat.stx_mask & STATX_MNT_ID) != 0;
  if (device_of(stat) != directory.device || (numbered ? stat.stx_mnt_id : 0) != directory.mount_id ||
      (stat.stx_attributes & special) != 0)
    return false;
  constexpr std::int64_t latest = (std::int64_t{1} << (PackedStat::second_bits - 1)) - 1;
  std::uint64_t beyond = 0;
  auto look = [&](const struct statx_timestamp& time) noexcept {
    // As far back as forward, so that no time is the absent one.
    beyond |= time.tv_sec < -latest || time.tv_sec > latest ? 1 : 0;
    beyond |= time.tv_nsec >> PackedStat::nanosecond_bits;
  };
  look(stat.stx_atime);
  look(stat.stx_ctime);
  look(stat.stx_mtime);
  if ((stat.stx_mask & STATX_BTIME) != 0) look(stat.stx_btime);
  beyond |= stat.stx_size >> 48 | stat.stx_blocks >> 32 | stat.stx_nlink >> 16;
  beyond |= stat.stx_blksize % PackedStat::blksize_unit | (stat.stx_blksize / PackedStat::blksize_unit) >> 16;
  beyond |= stat.stx_rdev_major | stat.stx_rdev_minor;
  return beyond == 0 && (stat.stx_mode & S_IFMT) != 0;
}

inline void pack(const struct statx& stat, PackedStat& packed) noexcept {
  auto time = [](const struct statx_timestamp& from) noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(from.tv_sec) << PackedStat::nanosecond_bits |
                                     from.tv_nsec);
  };
  packed = {stat.stx_ino,
            time(stat.stx_atime),
            (stat.stx_mask & STATX_BTIME) != 0 ? time(stat.stx_btime) : PackedStat::absent,
            time(stat.stx_ctime),
            time(stat.stx_mtime),
            static_cast<std::uint32_t>(stat.stx_size),
            static_cast<std::uint16_t>(stat.stx_size >> 32),
            static_cast<std::uint16_t>(stat.stx_blksize / PackedStat::blksize_unit),
            static_cast<std::uint32_t>(stat.stx_blocks),
            stat.stx_uid,
            stat.stx_gid,
            static_cast<std::uint16_t>(stat.stx_nlink),
            stat.stx_mode};
}

/// Sets all that the walk and its sinks look at.
inline void unpack(const PackedStat& packed, const Identity& directory, struct statx& stat) noexcept {
  auto time = [](std::int64_t from) noexcept {
    constexpr std::int64_t mask = (std::int64_t{1} << PackedStat::nanosecond_bits) - 1;
    return statx_timestamp{from >> PackedStat::nanosecond_bits, static_cast<std::uint32_t>(from & mask), {}};
  };
  stat.stx_mask = directory.mount_id != 0 ? STATX_MNT_ID : 0;
  if (packed.btime != PackedStat::absent) {
    stat.stx_mask |= STATX_BTIME;
    stat.stx_btime = time(packed.btime);
  }
  stat.stx_blksize = packed.blksize * PackedStat::blksize_unit;
  stat.stx_attributes = 0;
  stat.stx_nlink = packed.nlink;
  stat.stx_uid = packed.uid;
  stat.stx_gid = packed.gid;
  stat.stx_mode = packed.mode;
  stat.stx_ino = packed.inode;
  stat.stx_size = std::uint64_t{packed.size_high} << 32 | packed.size_low;
  stat.stx_blocks = packed.blocks;
  stat.stx_atime = time(packed.atime);
  stat.stx_ctime = time(packed.ctime);
  stat.stx_mtime = time(packed.mtime);
  stat.stx_rdev_major = 0;
  stat.stx_rdev_minor = 0;
  stat.stx_dev_major = major(directory.device);
  stat.stx_dev_minor = minor(directory.device);
  stat.stx_mnt_id = directory.mount_id;
}

}  // namespace pwalk::walk
