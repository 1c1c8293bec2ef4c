// SPDX-License-Identifier: MIT
#include "walk/listing.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <new>

#include "walk/name_sort.h"

namespace pwalk::walk {

namespace {

constexpr std::size_t read_bytes = 65536;                   // asked of one getdents64
constexpr std::size_t small_bytes = 2 * read_bytes + 4096;  // so that most directories need one buffer
constexpr std::size_t small_buffers = 16;  // kept from directory to directory; those after them are large
constexpr std::size_t large_bytes = huge_page_bytes;
constexpr std::size_t kept_bytes = 32768;  // where memory is given back
constexpr std::size_t slack_bytes = 8;     // a prefix is loaded as eight bytes

// The position behind the last name on ext4. None lies behind it, so what is read from there is the end: one
// call less for each directory.
constexpr std::int64_t last_position = std::numeric_limits<std::int64_t>::max();

constexpr std::size_t reported_from = 1024;  // names: fewer are soon read, and not worth a call

// From so many names on there is room for this many times as many: pages that are never touched cost nothing,
// but to move the names does.
constexpr std::size_t roomy_from = huge_page_bytes / sizeof(Listed64);
constexpr std::size_t growth = 8;
constexpr std::size_t name_bytes_least = 24;  // of what is read

}  // namespace

/// Room for the names of one more read.
void Listing::grow() {
  std::size_t capacity = names_.capacity();
  if (capacity < roomy_from || capacity - names_.size() > read_bytes / name_bytes_least) return;
  try {
    names_.reserve(capacity * growth);
  } catch (const std::bad_alloc&) {
    // Where addresses are short the list grows by what it needs.
  }
}

unsigned char* Listing::room() {
  if (!buffers_.empty() &&
      buffers_[buffer_].memory.bytes() - buffers_[buffer_].used < read_bytes + slack_bytes)
    ++buffer_;
  if (buffer_ == buffers_.size())
    buffers_.push_back({LargeMemory(buffers_.size() < small_buffers ? small_bytes : large_bytes), 0});
  return static_cast<unsigned char*>(buffers_[buffer_].memory.data()) + buffers_[buffer_].used;
}

void Listing::give_back() noexcept {
  if (buffers_.size() > 1) buffers_.erase(buffers_.begin() + 1, buffers_.end());
  if (!buffers_.empty()) buffers_[0].memory.give_back(kept_bytes);
  names_ = ListedNames();  // {} would keep what it holds
  clear();
}

void Listing::clear() noexcept {
  // What a giant directory needed is not kept for the small ones after it.
  if (buffers_.size() > small_buffers) give_back();
  for (Buffer& buffer : buffers_) buffer.used = 0;
  buffer_ = 0;
  names_.clear();
  names_bytes_ = 0;
  links_ = 0;
  own_inode_ = 0;
  parent_inode_ = 0;
}

int Listing::read(int descriptor, Seat& seat, const std::function<void()>& listed,
                  const std::function<bool()>& ending) {
  clear();
  for (;;) {
    unsigned char* begin = room();
    long got = seat.call([=] { return ::syscall(SYS_getdents64, descriptor, begin, read_bytes); });
    if (got < 0) return errno;
    if (got == 0) return 0;
    buffers_[buffer_].used += static_cast<std::size_t>(got);
    grow();
    bool all = take(begin, begin + got) == last_position;
    if (listed && names_.size() >= reported_from) listed();
    if (all) return 0;
    if (ending && ending()) return ECANCELED;
  }
}

/// Returns the position from which the listing goes on.
std::int64_t Listing::take(const unsigned char* begin, const unsigned char* end) {
  std::int64_t position = 0;
  for (const unsigned char* at = begin; at < end;) {
    const auto* dirent = reinterpret_cast<const struct dirent64*>(at);
    at += dirent->d_reclen;
    position = dirent->d_off;
    const char* name = dirent->d_name;
    if (name[0] == '.' && name[1] == '\0') {
      own_inode_ = dirent->d_ino;
      continue;
    }
    if (name[0] == '.' && name[1] == '.' && name[2] == '\0') {
      parent_inode_ = dirent->d_ino;
      continue;
    }
    auto length = static_cast<std::uint32_t>(std::strlen(name));  // a broken file system's may hold zeros
    // The kernel never gives these; a broken file system must not break a snapshot.
    if (length == 0 || std::memchr(name, '/', length) != nullptr) continue;
    names_bytes_ += length + 1;
    links_ += dirent->d_type == DT_LNK || dirent->d_type == DT_UNKNOWN ? 1 : 0;
    names_.push_back({prefix_of(name, length), dirent, length, static_cast<std::uint32_t>(names_.size())});
  }
  return position;
}

void Listing::sort() {
  sort_by_name({names_.data(), names_.size()});
}

}  // namespace pwalk::walk
