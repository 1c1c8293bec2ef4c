// SPDX-License-Identifier: MIT
#include "walk/name_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace pwalk::walk {

namespace {

constexpr std::size_t fewest = 32;        // names of which each is compared with all
constexpr std::size_t few = 64;           // names that are sorted by comparing them
constexpr std::ptrdiff_t prefetched = 8;  // names ahead

/// Of two names that begin with the same eight bytes.
bool rest_before(const Listed64& a, const Listed64& b) noexcept {
  int order = 0;
  if (a.length > 8 && b.length > 8)
    order = std::memcmp(a.dirent->d_name + 8, b.dirent->d_name + 8, std::min(a.length, b.length) - 8);
  if (order != 0) return order < 0;
  if (a.length != b.length) return a.length < b.length;
  return a.order < b.order;
}

bool name_before(const Listed64& a, const Listed64& b) noexcept {
  return a.prefix != b.prefix ? a.prefix < b.prefix : rest_before(a, b);
}

/// As in most directories: each name goes where there are as many places before it as smaller names. Nothing
/// branches on what a comparison says, since a processor that guesses wrong loses the time of a dozen.
void sort_fewest(Listed64* names, std::size_t count) noexcept {
  constexpr std::uint64_t number = 0xff;  // in a key's lowest byte, so that no two are equal
  std::array<std::uint64_t, fewest> keys;
  std::array<Listed64, fewest> listed;
  for (std::size_t at = 0; at < count; ++at) {
    keys[at] = (names[at].prefix & ~number) | at;
    listed[at] = names[at];
  }
  for (std::size_t at = 0; at < count; ++at) {
    std::size_t smaller = 0;
    for (std::size_t other = 0; other < count; ++other) smaller += keys[other] < keys[at] ? 1 : 0;
    names[smaller] = listed[at];
  }
  for (std::size_t first = 0, last; first < count; first = last) {
    for (last = first + 1; last < count && ((names[last].prefix ^ names[first].prefix) & ~number) == 0;)
      ++last;
    if (last - first > 1) std::sort(names + first, names + last, name_before);
  }
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

std::uint64_t prefix_of(const char* name, std::uint32_t length) noexcept {
  std::uint64_t word;
  std::memcpy(&word, name, sizeof word);
  word = __builtin_bswap64(word);
  return length >= 8 ? word : word & ~(~std::uint64_t{0} >> (8 * length));
}

void sort_by_name(std::span<Listed64> names) {
  if (names.size() <= fewest)
    sort_fewest(names.data(), names.size());
  else if (names.size() <= few)
    std::sort(names.data(), names.data() + names.size(), name_before);
  else
    sort_by_prefix(names.data(), names.data() + names.size(), 0);
}

}  // namespace pwalk::walk
