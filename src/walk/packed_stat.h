// What is used of a struct statx, in half its room: for what must stay in memory for a while.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>

namespace pwalk::walk {

struct PackedStat {
  std::uint64_t inode;
  std::uint64_t size;
  std::uint64_t blocks;
  std::uint64_t attributes;
  std::uint64_t mount_id;
  std::int64_t atime_seconds;
  std::int64_t btime_seconds;
  std::int64_t ctime_seconds;
  std::int64_t mtime_seconds;
  std::uint32_t atime_nanoseconds;
  std::uint32_t btime_nanoseconds;
  std::uint32_t ctime_nanoseconds;
  std::uint32_t mtime_nanoseconds;
  std::uint32_t mask;
  std::uint32_t blksize;
  std::uint32_t nlink;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t rdev_major;
  std::uint32_t rdev_minor;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint16_t mode;
};
static_assert(sizeof(PackedStat) == 128);

inline void pack(const struct statx& stat, PackedStat& packed) noexcept {
  packed = {stat.stx_ino,           stat.stx_size,          stat.stx_blocks,        stat.stx_attributes,
            stat.stx_mnt_id,        stat.stx_atime.tv_sec,  stat.stx_btime.tv_sec,  stat.stx_ctime.tv_sec,
            stat.stx_mtime.tv_sec,  stat.stx_atime.tv_nsec, stat.stx_btime.tv_nsec, stat.stx_ctime.tv_nsec,
            stat.stx_mtime.tv_nsec, stat.stx_mask,          stat.stx_blksize,       stat.stx_nlink,
            stat.stx_uid,           stat.stx_gid,           stat.stx_rdev_major,    stat.stx_rdev_minor,
            stat.stx_dev_major,     stat.stx_dev_minor,     stat.stx_mode};
}

/// All other fields stay as they are.
inline void unpack(const PackedStat& packed, struct statx& stat) noexcept {
  stat.stx_ino = packed.inode;
  stat.stx_size = packed.size;
  stat.stx_blocks = packed.blocks;
  stat.stx_attributes = packed.attributes;
  stat.stx_mnt_id = packed.mount_id;
  stat.stx_atime.tv_sec = packed.atime_seconds;
  stat.stx_btime.tv_sec = packed.btime_seconds;
  stat.stx_ctime.tv_sec = packed.ctime_seconds;
  stat.stx_mtime.tv_sec = packed.mtime_seconds;
  stat.stx_atime.tv_nsec = packed.atime_nanoseconds;
  stat.stx_btime.tv_nsec = packed.btime_nanoseconds;
  stat.stx_ctime.tv_nsec = packed.ctime_nanoseconds;
  stat.stx_mtime.tv_nsec = packed.mtime_nanoseconds;
  stat.stx_mask = packed.mask;
  stat.stx_blksize = packed.blksize;
  stat.stx_nlink = packed.nlink;
  stat.stx_uid = packed.uid;
  stat.stx_gid = packed.gid;
  stat.stx_rdev_major = packed.rdev_major;
  stat.stx_rdev_minor = packed.rdev_minor;
  stat.stx_dev_major = packed.dev_major;
  stat.stx_dev_minor = packed.dev_minor;
  stat.stx_mode = packed.mode;
}

}  // namespace pwalk::walk
