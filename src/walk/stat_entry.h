// The status of one name, as the walk asks for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdint>

namespace pwalk::walk {

/// statx with everything that the walk asks for: AT_SYMLINK_NOFOLLOW (unless `name` is empty, then the
/// descriptor itself), AT_NO_AUTOMOUNT. 0 or an errno; EINTR is retried.
/// `sync`: AT_STATX_SYNC_AS_STAT or another of its kind.
inline int stat_entry(int directory, const char* name, struct statx& stat, int sync = 0) noexcept {
  int flags = sync | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  while (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &stat) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/// dev_t of a statx.
inline std::uint64_t device_of(const struct statx& stat) noexcept {
  return ::makedev(stat.stx_dev_major, stat.stx_dev_minor);
}

}  // namespace pwalk::walk
