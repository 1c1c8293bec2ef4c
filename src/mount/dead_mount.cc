// SPDX-License-Identifier: MIT
#include "mount/dead_mount.h"

#include <fcntl.h>
#include <mntent.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

namespace pwalk::mount {

namespace {

constexpr char own_type[] = "fuse.pwalk-mount";
constexpr std::size_t line_bytes_max = 65536;

/// Asks the daemon, not the kernel's memory of what it said.
bool is_dead(const std::string& path) {
  struct statx status;
  return ::statx(AT_FDCWD, path.c_str(), AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) !=
             0 &&
         errno == ENOTCONN;
}

/// Type of what is mounted on `path`, the topmost of several; empty if nothing is.
std::string type_mounted_on(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> table(::setmntent("/proc/self/mounts", "re"), ::endmntent);
  std::string type;
  if (!table) return type;
  std::vector<char> line(line_bytes_max);
  mntent entry{};
  while (::getmntent_r(table.get(), &entry, line.data(), static_cast<int>(line.size())) != nullptr)
    if (path == entry.mnt_dir) type = entry.mnt_type;
  return type;
}

bool run_fusermount(const std::string& path) {
  const char* words[] = {"fusermount3", "-u", "-q", "-z", "--", path.c_str(), nullptr};
  pid_t child = 0;
  if (::posix_spawnp(&child, words[0], nullptr, nullptr, const_cast<char**>(words), environ) != 0)
    return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

int detach_dead_mounts(const std::string& mount_point) {
  int detached = 0;
  while (is_dead(mount_point) && type_mounted_on(mount_point) == own_type) {
    if (::umount2(mount_point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && !run_fusermount(mount_point))
      break;
    ++detached;
  }
  return detached;
}

}  // namespace pwalk::mount
