// A file that grows while it is written through memory, in windows that never move: each gets its room on the
// storage first (a full disk is an error at growth, never a fault at a store) and is mapped. Where the file
// system cannot allocate ahead, zeros are written for that; where it cannot map either, windows are plain
// memory that is written out in the end.
//
// Windows start small and double up to 1,024 times the first one, so a pointer stays valid until the file is
// closed, whoever grows it. The file is opened for each growth and closed again: descriptors do not follow
// the number of files.
//
// Thread safety: one thread grows; others may use pointers to what they were told exists.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pwalk {

class GrowingFile {
 public:
  /// How the room of a window is got: the first way that the file system knows, from this one on.
  enum class Room { allocated, written, memory };

  /// The file `name` in `directory` (a descriptor that outlives this object) is created at the first growth.
  /// Its mapped part starts at `start_offset`, a multiple of 4096; `first_window_bytes`, a multiple of 4096,
  /// is the size of the first window. A record never straddles two windows if its size divides that.
  GrowingFile(int directory, std::string name, std::uint64_t start_offset, std::uint64_t first_window_bytes,
              Room room = Room::allocated);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Makes bytes [0, length) of the mapped part writable. std::system_error: ENOSPC, EDQUOT, EFBIG, EIO …
  void grow(std::uint64_t length) {
    if (length > ready_) grow_slowly(length);
  }
  std::uint64_t grown_bytes() const noexcept { return grown_; }

  /// The byte at `offset` of the mapped part; valid up to window_end(offset).
  unsigned char* at(std::uint64_t offset) const noexcept {
    std::uint64_t start;
    std::uint64_t window = window_of(offset, start);
    return windows_[window] + (offset - start);
  }
  std::uint64_t window_end(std::uint64_t offset) const noexcept;

  /// Throws as complete() does where something that was written is lost already.
  void require_whole() const;

  /// Writes what is still in memory, `head` at file offset 0 and `tail` at start_offset + `length`, sets the
  /// file's length to exactly that and lets write-back of all of it begin: it is for force_file() to wait for
  /// that. The windows are gone then.
  void complete(const std::string& head, std::uint64_t length, const std::string& tail);

  bool exists() const noexcept { return grown_ > 0; }
  const std::string& name() const noexcept { return name_; }

 private:
  struct Region;
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t doublings = 10;

  std::uint64_t window_of(std::uint64_t offset, std::uint64_t& start) const noexcept {
    // offset / first_window_bytes_, for each record that is looked at: a division showed in the profile.
    auto units = static_cast<std::uint64_t>(static_cast<Wide>(offset) * reciprocal_ >> 64) + 1;
    if (units < (std::uint64_t{2} << doublings)) {
      auto window = static_cast<std::uint64_t>(63 - __builtin_clzll(units));
      start = ((std::uint64_t{1} << window) - 1) * first_window_bytes_;
      return window;
    }
    std::uint64_t doubled = ((std::uint64_t{2} << doublings) - 1) * first_window_bytes_;
    std::uint64_t later = (offset - doubled) / (first_window_bytes_ << doublings);
    start = doubled + later * (first_window_bytes_ << doublings);
    return doublings + 1 + later;
  }
  std::uint64_t window_bytes(std::uint64_t window) const noexcept {
    return first_window_bytes_ << (window < doublings ? window : doublings);
  }
  void grow_slowly(std::uint64_t length);
  void add_windows(std::uint64_t length);
  void add_window(int descriptor);
  bool make_room(int descriptor, std::uint64_t begin, std::uint64_t end);
  bool map(int descriptor, std::uint64_t bytes, Region& region);
  void get_pages();
  void write_zeros(std::uint64_t from, std::uint64_t to);
  void write_window(int descriptor, std::uint64_t window, std::uint64_t length);
  int why_lost(int descriptor, std::uint64_t window, std::uint64_t start) const;

  int directory_;
  std::string name_;
  std::uint64_t start_offset_;
  std::uint64_t first_window_bytes_;
  std::uint64_t reciprocal_;  // 2^64 / first_window_bytes_, rounded up: exact for offsets below that
  bool created_ = false;
  bool write_makes_folios_ = false;
  Room room_;  // of the next window
  std::uint64_t grown_ = 0;
  std::uint64_t ready_ = 0;  // of those bytes, the ones whose pages were asked for
  std::uint64_t window_count_ = 0;
  // One pointer a window, from the first growth on, never moved: other threads read it while this one grows.
  // Its untouched pages cost nothing.
  std::unique_ptr<unsigned char*[]> windows_;
  std::vector<std::unique_ptr<Region>> regions_;
};

}  // namespace pwalk
