// Small whole-file operations relative to a directory descriptor, each retried on EINTR. Errors are
// std::system_error naming the path.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.h"

namespace pwalk {

/// Opens `path` relative to `directory` (AT_FDCWD for the working directory) with O_CLOEXEC added.
Fd open_at(int directory, const std::string& path, int flags, mode_t mode = 0);

/// The same for a moment, never through a symbolic link, new files with mode 0600. Descriptors may all be in
/// use just then, by other threads that give some back soon: EMFILE and ENFILE are retried for two seconds.
Fd open_patiently(int directory, const std::string& name, int flags);

/// The whole contents of a regular file of at most `limit_bytes` (EFBIG beyond it, EINVAL for other types).
std::string read_file(int directory, const std::string& path, std::uint64_t limit_bytes);

/// All that a file of the kernel's (in /proc or /sys) tells; empty where it cannot be read.
std::string read_kernel_file(const std::string& path);

/// Fills `buffer` from `offset`; false when the file ends before `length` bytes.
bool read_exactly(int descriptor, void* buffer, std::size_t length, std::uint64_t offset,
                  const std::string& path);

/// Writes all of `buffer` at `offset`.
void write_exactly(int descriptor, const void* buffer, std::size_t length, std::uint64_t offset,
                   const std::string& path);

/// Creates `path` (must not exist, mode 0600), writes `contents` and forces it to the storage.
void write_file_durably(int directory, const std::string& path, const std::string& contents);

/// fsync; any failure is final for what was written.
void sync_file(int descriptor, const std::string& path);
/// Opens `path` below `directory` and forces it to the storage: an error of write-back that nobody was told
/// of yet is told here.
void force_file(int directory, const std::string& path);
/// Lets write-back of a range begin (length 0: to the end). A hint: the fsync to come finds less to do, and
/// that a file system has no such call does no harm.
void start_write_back(int descriptor, std::uint64_t offset, std::uint64_t length) noexcept;

/// Removes `path` and everything below it, relative to `directory`; never follows a symbolic link. Missing
/// is success. Depth is bounded by `levels` (stores are two deep).
void remove_tree(int directory, const std::string& path, int levels = 4);

}  // namespace pwalk
