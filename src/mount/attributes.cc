// struct stat out of an entry.
// SPDX-License-Identifier: MIT
#include "mount/attributes.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "snapshot/format.h"

namespace pwalk::mount {

namespace {

timespec time_of(snapshot::Timestamp time) noexcept {
  return {static_cast<time_t>(time.seconds), static_cast<long>(time.nanoseconds)};
}

}  // namespace

mode_t type_of(const snapshot::Entry& entry) noexcept {
  mode_t type = entry.mode & mode_t{S_IFMT};
  return type == 0 ? S_IFREG : type;
}

off_t shown_size(std::uint64_t bytes) noexcept {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  return static_cast<off_t>(std::min(bytes, most));
}

struct stat attributes_of(const snapshot::Entry& entry, std::uint64_t inode) noexcept {
  struct stat result {};
  result.st_ino = inode;
  if (!entry.has_stat()) {
    result.st_mode = type_of(entry);
    result.st_nlink = 1;
    return result;
  }
  result.st_mode = type_of(entry) | (entry.mode & mode_t{07777});
  result.st_nlink = entry.nlink;
  result.st_uid = entry.uid;
  result.st_gid = entry.gid;
  result.st_rdev = makedev(entry.rdev_major, entry.rdev_minor);
  result.st_size = static_cast<off_t>(entry.apparent_bytes);
  result.st_blksize = static_cast<blksize_t>(entry.blksize);
  result.st_blocks = static_cast<blkcnt_t>(entry.blocks);
  result.st_atim = time_of(entry.atime);
  result.st_mtim = time_of(entry.mtime);
  result.st_ctim = time_of(entry.ctime);
  return result;
}

int listing_error(const snapshot::Directory& directory) noexcept {
  if (directory.record.state == format::state_read || directory.excluded()) return 0;
  return listable_error(sendable_error(directory.record.error));
}

int missing_name_error(const snapshot::Directory& directory) noexcept {
  if (directory.record.state == format::state_read || directory.excluded()) return ENOENT;
  return sendable_error(directory.record.error);
}

int listable_error(int error) noexcept {
  if (error == ENOENT) return ESTALE;
  return error == EOVERFLOW ? EIO : error;
}

int sendable_error(int error) noexcept {
  return error > 0 && error < 512 ? error : EIO;
}

}  // namespace pwalk::mount
