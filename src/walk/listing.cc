// SPDX-License-Identifier: MIT
#include "walk/listing.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace pwalk::walk {

namespace {

constexpr std::size_t read_bytes = 65536;                   // asked of one getdents64
constexpr std::size_t small_bytes = 2 * read_bytes + 4096;  // so that most directories need one buffer
constexpr std::size_t small_buffers = 16;  // kept from directory to directory; those after them are large
constexpr std::size_t large_bytes = huge_page_bytes;
constexpr std::size_t slack_bytes = 8;  // a prefix is loaded as eight bytes

// The position behind the last name on ext4. None lies behind it, so what is read from there is the end: one
// call less for each directory.
constexpr std::int64_t last_position = std::numeric_limits<std::int64_t>::max();

constexpr std::size_t reported_from = 1024;  // names: fewer are soon read, and not worth a call
constexpr std::size_t few = 64;              // names that are sorted by comparing them
constexpr std::ptrdiff_t prefetched = 8;     // names ahead

/// The first eight bytes of what is behind `name`, as a number; eight bytes from there on can be read.
std::uint64_t prefix_of(const char* name, std::uint32_t length) noexcept {
  std::uint64_t word;
  std::memcpy(&word, name, sizeof word);
  word = __builtin_bswap64(word);
  return length >= 8 ? word : word & ~(~std::uint64_t{0} >> (8 * length));
}

bool before(const Listed64& a, const Listed64& b) noexcept {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  int order = 0;
  if (a.length > 8 && b.length > 8)
    order = std::memcmp(a.dirent->d_name + 8, b.dirent->d_name + 8, std::min(a.length, b.length) - 8);
  if (order != 0) return order < 0;
  if (a.length != b.length) return a.length < b.length;
  return a.order < b.order;
}

/// By prefix alone: many are first parted by the first byte in which any two differ, where they stand.
void sort_prefixes(Listed64* begin, Listed64* end) {
  auto count = static_cast<std::size_t>(end - begin);
  if (count <= few) {
    std::sort(begin, end, [](const Listed64& a, const Listed64& b) { return a.prefix < b.prefix; });
    return;
  }
  std::uint64_t differ = 0;
  for (const Listed64* at = begin; at != end; ++at) differ |= at->prefix ^ begin->prefix;
  if (differ == 0) return;
  int shift = (63 - std::countl_zero(differ)) / 8 * 8;
  auto byte_of = [=](const Listed64& listed) { return listed.prefix >> shift & 0xff; };
  std::array<std::size_t, 256> next = {};
  std::array<std::size_t, 256> last;
  for (const Listed64* at = begin; at != end; ++at) ++next[byte_of(*at)];
  std::size_t sum = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    last[byte] = sum + next[byte];
    next[byte] = sum;
    sum = last[byte];
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    while (next[byte] < last[byte]) {
      Listed64 moved = begin[next[byte]];
      for (std::size_t to; (to = byte_of(moved)) != byte;) std::swap(moved, begin[next[to]++]);
      begin[next[byte]++] = moved;
    }
  }
  std::size_t first = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (last[byte] - first > 1) sort_prefixes(begin + first, begin + last[byte]);
    first = last[byte];
  }
}

/// Sorts names whose first `known` bytes are the same, `prefix` being the eight behind those. Each name is
/// looked at once for every eight bytes that it shares with another, not once for every comparison: of many,
/// each look misses the caches.
void sort_by_prefix(Listed64* begin, Listed64* end, std::uint32_t known) {
  sort_prefixes(begin, end);
  for (Listed64* first = begin; first != end;) {
    Listed64* last =
        std::find_if(first + 1, end, [&](const Listed64& at) { return at.prefix != first->prefix; });
    // No name holds a zero byte, so equal prefixes end in the same place, if they do.
    bool all_seen = static_cast<unsigned char>(first->prefix) == 0;
    if (all_seen) {
      std::sort(first, last, [](const Listed64& a, const Listed64& b) { return a.order < b.order; });
    } else if (last - first > 1) {
      for (Listed64* at = first; at != last; ++at) {
        if (last - at > prefetched) __builtin_prefetch(at[prefetched].dirent->d_name + known + 8);
        at->prefix =
            at->length > known + 8 ? prefix_of(at->dirent->d_name + known + 8, at->length - known - 8) : 0;
      }
      sort_by_prefix(first, last, known + 8);
    }
    first = last;
  }
}

}  // namespace

unsigned char* Listing::room() {
  if (!buffers_.empty() &&
      buffers_[buffer_].memory.bytes() - buffers_[buffer_].used < read_bytes + slack_bytes)
    ++buffer_;
  if (buffer_ == buffers_.size())
    buffers_.push_back({LargeMemory(buffers_.size() < small_buffers ? small_bytes : large_bytes), 0});
  return static_cast<unsigned char*>(buffers_[buffer_].memory.data()) + buffers_[buffer_].used;
}

void Listing::clear() noexcept {
  // What a giant directory needed is not kept for the small ones after it.
  if (buffers_.size() > small_buffers) {
    buffers_.erase(buffers_.begin() + 1, buffers_.end());
    names_ = ListedNames();  // {} would keep what it holds
  }
  for (Buffer& buffer : buffers_) buffer.used = 0;
  buffer_ = 0;
  names_.clear();
  names_bytes_ = 0;
  links_ = 0;
  own_inode_ = 0;
}

int Listing::read(int descriptor, Seat& seat, const std::function<void()>& listed) {
  clear();
  for (;;) {
    unsigned char* begin = room();
    long got = seat.call([=] { return ::syscall(SYS_getdents64, descriptor, begin, read_bytes); });
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    buffers_[buffer_].used += static_cast<std::size_t>(got);
    bool all = take(begin, begin + got) == last_position;
    if (listed && names_.size() >= reported_from) listed();
    if (all) return 0;
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
    if (name[0] == '.' && name[1] == '.' && name[2] == '\0') continue;
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
  if (names_.size() <= few)
    std::sort(names_.begin(), names_.end(), before);
  else
    sort_by_prefix(names_.data(), names_.data() + names_.size(), 0);
}

}  // namespace pwalk::walk
