// The names of one directory: read with getdents64 into buffers that are kept from directory to directory,
// looked at in place, and sorted by name. Nothing is copied and nothing is allocated for an ordinary one.
// SPDX-License-Identifier: MIT
#pragma once

#include <dirent.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/large_memory.h"
#include "walk/seat.h"

namespace pwalk::walk {

/// One name in the listing's buffers.
struct Listed64 {
  std::uint64_t prefix;  // first 8 bytes of the name, big-endian, zeros behind its end; until it is sorted
  const struct dirent64* dirent;
  std::uint32_t length;
  std::uint32_t order;  // position in which it was listed
  std::string_view name() const noexcept { return {dirent->d_name, length}; }
};

using ListedNames = std::vector<Listed64, LargeAllocator<Listed64>>;

class Listing {
 public:
  /// Reads all names of the directory open as `descriptor` (`.` and `..` left out); returns 0 or the errno
  /// with which getdents64 failed, names read before it being there. `listed()`, if not empty, is
  /// called whenever there are more of many names. Once `ending()` is true, what is left of a long one is not
  /// read any more: ECANCELED.
  int read(int descriptor, Seat& seat, const std::function<void()>& listed = {},
           const std::function<bool()>& ending = {});
  /// Forgets the directory that was read before.
  void clear() noexcept;
  /// The same, and keeps the memory for a small one alone.
  void give_back() noexcept;

  ListedNames& names() noexcept { return names_; }
  /// Inode number that the directory itself listed as `.`; 0 where it lists none.
  std::uint64_t own_inode() const noexcept { return own_inode_; }
  /// Inode number that it listed as `..`; of the root of a file system, its own.
  std::uint64_t parent_inode() const noexcept { return parent_inode_; }
  std::uint64_t names_bytes() const noexcept { return names_bytes_; }  // terminators included
  std::uint64_t links() const noexcept { return links_; }              // names of what may be a symbolic link

  /// Sorts by name (memcmp), those with equal names in the order in which they were listed.
  void sort();

 private:
  void grow();
  unsigned char* room();
  std::int64_t take(const unsigned char* begin, const unsigned char* end);

  struct Buffer {
    LargeMemory memory;
    std::size_t used = 0;
  };
  std::vector<Buffer> buffers_;
  std::size_t buffer_ = 0;  // the one in use
  ListedNames names_;
  std::uint64_t names_bytes_ = 0;
  std::uint64_t links_ = 0;
  std::uint64_t own_inode_ = 0;
  std::uint64_t parent_inode_ = 0;
};

}  // namespace pwalk::walk
