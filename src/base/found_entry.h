// One entry as a walk found it: what the rooms that walk and those that write say to each other.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string_view>

namespace pwalk {

struct FoundEntry {
  std::string_view name;
  std::uint64_t dirent_inode = 0;
  std::uint16_t dirent_type = 0;       // type bits (S_IFMT) of d_type, 0 where getdents64 does not tell
  const struct statx* stat = nullptr;  // nullptr: statx failed with stat_error
  int stat_error = 0;
  std::string_view target;  // of a symbolic link
  int target_error = 0;     // readlinkat failed
};

}  // namespace pwalk
