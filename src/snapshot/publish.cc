// SPDX-License-Identifier: MIT
#include "snapshot/publish.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/links.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

namespace {

constexpr int attempts_max = 1000;  // to make a directory that no collector takes before it is locked
constexpr std::time_t seconds_until_old = 24 * 60 * 60;
constexpr std::chrono::milliseconds time_to_lock{10};  // what was just made, before it is taken for dead

/// Whether a file of this name belongs to a snapshot that is being written.
bool is_of_a_snapshot(std::string_view name) {
  if (name == format::manifest_name || name.starts_with(link_notes_prefix)) return true;
  // What was removed while it was open, on NFS: of who did not live to close it.
  if (name.starts_with(".nfs")) return true;
  constexpr std::size_t digits = 8;
  std::optional<std::uint64_t> shard = parse_unsigned(name.substr(0, digits));
  if (!shard || name.size() <= digits) return false;
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    if (name == array_file_name(static_cast<std::uint32_t>(*shard), array)) return true;
  return false;
}

/// Whether `name` is the directory that was opened: a rename whose answer was lost may have taken effect.
bool is_named(int parent, const std::string& name, dev_t device, ino_t inode) noexcept {
  struct stat status;
  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_dev == device &&
         status.st_ino == inode;
}

/// File systems on which the lock of a directory may be known to one host alone.
bool has_local_locks(int directory) noexcept {
  constexpr std::uint32_t network[] = {0x6969,     0xff534d42, 0xfe534d42, 0x00c36400, 0x5346414f,
                                       0x01021997, 0x65735546, 0x0bd00bd0, 0x47504653, 0x7461636f};
  struct statfs status;
  return ::fstatfs(directory, &status) != 0 ||
         std::find(std::begin(network), std::end(network), static_cast<std::uint32_t>(status.f_type)) !=
             std::end(network);
}

/// Whether nothing in the directory has changed for so long that no scan can be writing it.
bool is_old(int directory, const std::vector<std::string>& names) noexcept {
  std::time_t now = std::time(nullptr);
  auto changed = [&](const std::string& name) {
    struct stat status;
    return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           now - status.st_mtime < seconds_until_old;
  };
  return !changed(".") && std::none_of(names.begin(), names.end(), changed);
}

/// Removes the directory that is open as `directory`, and the files in it: not what has its name by now, and
/// nothing where it has another name. What cannot be removed stays for the next scan to collect.
void remove_files(int parent, int directory, const std::string& name) {
  struct stat status;
  if (::fstat(directory, &status) != 0 || !is_named(parent, name, status.st_dev, status.st_ino)) return;
  for (const std::string& file : list_directory(directory))
    static_cast<void>(::unlinkat(directory, file.c_str(), 0));
  static_cast<void>(::unlinkat(parent, name.c_str(), AT_REMOVEDIR));
}

}  // namespace

std::array<std::uint8_t, 16> new_uuid() {
  std::array<std::uint8_t, 16> uuid;
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
    throw_errno("cannot get random bytes");
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

PartialSnapshot::PartialSnapshot(int parent, std::string parent_path,
                                 const std::array<std::uint8_t, 16>& uuid)
    : parent_(open_at(parent, ".", O_RDONLY | O_DIRECTORY)),
      parent_path_(std::move(parent_path)),
      name_(partial_prefix + uuid_text(uuid)) {
  // Between mkdir and flock a collector may take the new directory for a dead one: then make it again.
  for (int attempt = 0;; ++attempt) {
    if (::mkdirat(parent_.get(), name_.c_str(), 0700) != 0)
      throw_errno("cannot create a directory in '" + printable(parent_path_) + "'");
    try {
      directory_ = open_at(parent_.get(), name_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (const std::system_error& refused) {
      ::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
      if (refused.code().value() == ENOENT && attempt < attempts_max) continue;
      throw;
    }
    struct stat opened;
    if (int error = lock();
        error != 0 || ::fchmod(directory_.get(), 0700) != 0 || ::fstat(directory_.get(), &opened) != 0) {
      if (error == 0) error = errno;
      ::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
      throw_errno(error, "cannot use the new directory in '" + printable(parent_path_) + "'");
    }
    device_ = opened.st_dev;
    inode_ = opened.st_ino;
    if (is_named(parent_.get(), name_, device_, inode_)) return;
    // Should it be there all the same: it is ours by its name, and empty.
    ::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
    if (attempt == attempts_max)
      throw_errno(EBUSY, "cannot create a directory in '" + printable(parent_path_) + "'");
  }
}

/// Locks the new directory; an errno where that fails. Where a collector holds it, it is about to remove the
/// directory: it keeps the lock until that is done.
int PartialSnapshot::lock() noexcept {
  while (::flock(directory_.get(), LOCK_EX) != 0) {
    // Where there are no such locks, nothing is collected either. ENOLCK may be of this moment only.
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

PartialSnapshot::~PartialSnapshot() {
  if (published_) return;
  try {
    remove_files(parent_.get(), directory_.get(), name_);
  } catch (const std::exception&) {
    // Its lock goes with this process: the next scan collects it.
  }
}

void PartialSnapshot::open_to(mode_t mode) {
  for (const std::string& name : list_directory(directory_.get()))
    if (::fchmodat(directory_.get(), name.c_str(), mode & 0666, 0) != 0)
      throw_errno("cannot change the mode of '" + printable(name) + "'");
  if (::fchmod(directory_.get(), mode & 0777) != 0) throw_errno("cannot change the mode of the snapshot");
  sync_file(directory_.get(), parent_path_);
}

void PartialSnapshot::publish(const std::string& name) {
  int result = ::renameat2(parent_.get(), name_.c_str(), parent_.get(), name.c_str(), RENAME_NOREPLACE);
  if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {
    // No such flag on this file system: a directory replaces at most an empty directory.
    struct stat status;
    if (::fstatat(parent_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      errno = EEXIST;
    } else {
      result = ::renameat(parent_.get(), name_.c_str(), parent_.get(), name.c_str());
    }
  }
  int error = errno;
  if (result != 0 && !is_named(parent_.get(), name, device_, inode_))
    throw_errno(error, "cannot publish '" + printable(parent_path_ + "/" + name) + "'");
  published_ = true;
  try {
    sync_file(parent_.get(), parent_path_);
  } catch (const std::system_error&) {
    // Not known to be on the storage, so not published: its destructor removes it.
    if (::renameat(parent_.get(), name.c_str(), parent_.get(), name_.c_str()) == 0) published_ = false;
    throw;
  }
}

void collect_partials(int parent, Alone alone) {
  for (const std::string& name : list_directory(parent)) {
    if (name.rfind(partial_prefix, 0) != 0) continue;
    try {
      Fd directory = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      struct stat status;
      if (::fstat(directory.get(), &status) != 0 || status.st_uid != ::geteuid()) continue;
      auto locked = [&] { return ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0; };
      if (!locked()) continue;
      std::vector<std::string> names = list_directory(directory.get());
      // Others may be able to give any of this user's directories the name of a partial snapshot.
      if (!std::all_of(names.begin(), names.end(), is_of_a_snapshot)) continue;
      if (alone == Alone::unknown && has_local_locks(directory.get()) && !is_old(directory.get(), names))
        continue;
      // Files are made under the lock only, so one that has none may be new, and its maker about to lock it.
      if (names.empty()) {
        ::flock(directory.get(), LOCK_UN);
        std::this_thread::sleep_for(time_to_lock);
        if (!locked()) continue;
      }
      remove_files(parent, directory.get(), name);
    } catch (const std::system_error&) {
      // Somebody else's, or gone: none of this scan's business.
    }
  }
}

}  // namespace pwalk::snapshot
