// SPDX-License-Identifier: MIT
#include "snapshot/in_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "snapshot/format.h"

namespace pwalk::snapshot {

namespace {

constexpr int read_tries = 200;  // × 5 ms: a remover hides the manifest, or lets go, much sooner
constexpr int alone_tries = 4;

/// flock that does not wait; the errno, 0 for success.
int lock(int descriptor, int operation) noexcept {
  while (::flock(descriptor, operation | LOCK_NB) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/// The lock for one alone. Another program may hold it for a moment to see whether it can be had.
int lock_alone(int descriptor) {
  for (int attempt = 1;; ++attempt) {
    int error = lock(descriptor, LOCK_EX);
    if (error != EWOULDBLOCK || attempt == alone_tries) return error;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Open for writing where that is allowed: without it NFS gives no lock that is not shared.
Fd open_for_locking(int directory) {
  try {
    return open_at(directory, format::manifest_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  } catch (const std::system_error& refused) {
    int error = refused.code().value();
    if (error != EACCES && error != EROFS && error != EPERM) throw;
  }
  return open_at(directory, format::manifest_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

}  // namespace

Fd mark_as_read(int directory) {
  Fd manifest = open_at(directory, format::manifest_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  for (int attempt = 0;; ++attempt) {
    int error = lock(manifest.get(), LOCK_SH);
    struct stat status {};
    // It may have been removed between the two calls.
    bool removed = ::fstat(manifest.get(), &status) == 0 && status.st_nlink == 0;
    if (!removed && error != EWOULDBLOCK) return manifest;
    if (removed || attempt == read_tries) throw_errno(ENOENT, "the snapshot is being removed");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::optional<Fd> mark_as_removed(int directory) {
  Fd manifest = open_for_locking(directory);
  int error = lock_alone(manifest.get());
  if (error == EWOULDBLOCK) return std::nullopt;
  if (error != 0) throw_errno(error, "cannot tell whether it is in use");
  return manifest;
}

std::optional<bool> is_in_use(int directory) noexcept {
  try {
    Fd manifest = open_for_locking(directory);
    // Whoever begins to read in this moment tries again.
    int error = lock_alone(manifest.get());
    if (error == 0) return false;
    if (error == EWOULDBLOCK) return true;
  } catch (const std::system_error&) {
  }
  return std::nullopt;
}

}  // namespace pwalk::snapshot
