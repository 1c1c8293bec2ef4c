// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/list.h"
#include "base/text.h"

namespace pwalk {

namespace {

constexpr int open_tries = 400;  // × 5 ms

}  // namespace

Fd open_at(int directory, const std::string& path, int flags, mode_t mode) {
  for (;;) {
    int number = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
    if (number >= 0) return Fd(number);
    if (errno != EINTR) throw_errno("cannot open '" + printable(path) + "'");
  }
}

bool read_exactly(int descriptor, void* buffer, std::size_t length, std::uint64_t offset,
                  const std::string& path) {
  auto* bytes = static_cast<char*>(buffer);
  while (length > 0) {
    ssize_t got = ::pread(descriptor, bytes, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read '" + printable(path) + "'");
    if (got == 0) return false;
    bytes += got;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::size_t>(got);
  }
  return true;
}

Fd open_patiently(int directory, const std::string& name, int flags) {
  for (int attempt = 0;; ++attempt) {
    try {
      return open_at(directory, name, flags | O_NOFOLLOW, 0600);
    } catch (const std::system_error& refused) {
      int error = refused.code().value();
      if ((error != EMFILE && error != ENFILE) || attempt == open_tries) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}

std::string read_file(int directory, const std::string& path, std::uint64_t limit_bytes) {
  Fd file = open_at(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status;
  if (::fstat(file.get(), &status) != 0) throw_errno("cannot stat '" + printable(path) + "'");
  if (!S_ISREG(status.st_mode)) throw_errno(EINVAL, "'" + printable(path) + "' is not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > limit_bytes)
    throw_errno(EFBIG, "cannot read '" + printable(path) + "'");
  std::string contents(static_cast<std::size_t>(status.st_size), '\0');
  if (!read_exactly(file.get(), contents.data(), contents.size(), 0, path))
    throw_errno(EIO, "'" + printable(path) + "' became shorter while it was read");
  return contents;
}

std::string read_kernel_file(const std::string& path) {
  std::string text;
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  char buffer[16384];
  for (;;) {
    ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

void write_exactly(int descriptor, const void* buffer, std::size_t length, std::uint64_t offset,
                   const std::string& path) {
  const auto* bytes = static_cast<const char*>(buffer);
  while (length > 0) {
    ssize_t put = ::pwrite(descriptor, bytes, length, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno("cannot write '" + printable(path) + "'");
    bytes += put;
    offset += static_cast<std::uint64_t>(put);
    length -= static_cast<std::size_t>(put);
  }
}

void sync_file(int descriptor, const std::string& path) {
  while (::fsync(descriptor) != 0)
    if (errno != EINTR) throw_errno("cannot force '" + printable(path) + "' to the storage");
}

void force_file(int directory, const std::string& path) {
  Fd file = open_patiently(directory, path, O_RDONLY);
  sync_file(file.get(), path);
}

void start_write_back(int descriptor, std::uint64_t offset, std::uint64_t length) noexcept {
  ::sync_file_range(descriptor, static_cast<off_t>(offset), static_cast<off_t>(length),
                    SYNC_FILE_RANGE_WRITE);
}

void write_file_durably(int directory, const std::string& path, const std::string& contents) {
  Fd file = open_at(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  write_exactly(file.get(), contents.data(), contents.size(), 0, path);
  sync_file(file.get(), path);
  if (::close(file.release()) != 0) throw_errno("cannot close '" + printable(path) + "'");
}

void remove_tree(int directory, const std::string& path, int levels) {
  if (::unlinkat(directory, path.c_str(), 0) == 0 || errno == ENOENT) return;
  struct stat status;
  // Not every system says EISDIR, and an immutable file is EPERM too.
  if (int error = errno;
      (error != EISDIR && error != EPERM) ||
      (::fstatat(directory, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode)))
    throw_errno(error, "cannot remove '" + printable(path) + "'");
  if (levels == 0) throw_errno(ELOOP, "cannot remove '" + printable(path) + "'");
  Fd inside = open_at(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const std::string& name : list_directory(inside.get())) remove_tree(inside.get(), name, levels - 1);
  if (::unlinkat(directory, path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    throw_errno("cannot remove '" + printable(path) + "'");
}

}  // namespace pwalk
