// Sums over entries by owner and group, added to once for each entry of a scan: one table of both, which
// stays in the nearest cache, since two node-based maps cost a fifteenth of a warm scan.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pwalk::snapshot {

class OwnerSums {
 public:
  OwnerSums() = default;
  OwnerSums(const OwnerSums&) = delete;
  OwnerSums& operator=(const OwnerSums&) = delete;

  struct Sums {
    std::uint64_t entries = 0;  // 0: nobody's place
    std::uint64_t apparent_bytes = 0;
    std::uint64_t disk_bytes = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
  };

  void add(std::uint32_t uid, std::uint32_t gid, std::uint64_t apparent_bytes, std::uint64_t disk_bytes) {
    if (waiting_count_ == 0 || !is_of(waiting_[waiting_count_ - 1], uid, gid)) {
      if (waiting_count_ == batch) add_waiting();
      waiting_[waiting_count_++] = {0, 0, 0, uid, gid};
    }
    Sums& sums = waiting_[waiting_count_ - 1];
    sums.entries += 1;
    sums.apparent_bytes += apparent_bytes;
    sums.disk_bytes += disk_bytes;
  }

  /// Calls `take` with the sums of each owner and group, in no order.
  template <class Take>
  void each(Take take) {
    add_waiting();
    for (const Sums& sums : places_)
      if (sums.entries != 0) take(sums);
  }

 private:
  static bool is_of(const Sums& sums, std::uint32_t uid, std::uint32_t gid) noexcept {
    return sums.uid == uid && sums.gid == gid;
  }
  void add_waiting() {
    for (std::uint32_t i = 0; i < waiting_count_; ++i)
      __builtin_prefetch(&places_[first_place_of(waiting_[i].uid, waiting_[i].gid)]);
    for (std::uint32_t i = 0; i < waiting_count_; ++i) {
      const Sums& waiting = waiting_[i];
      Sums& sums = find(waiting.uid, waiting.gid);
      sums.entries += waiting.entries;
      sums.apparent_bytes += waiting.apparent_bytes;
      sums.disk_bytes += waiting.disk_bytes;
    }
    waiting_count_ = 0;
  }
  // The multiplier spreads ids that follow one another, as they do (2^64 / golden ratio).
  std::size_t first_place_of(std::uint32_t uid, std::uint32_t gid) const noexcept {
    return ((std::uint64_t{uid} << 32 | gid) * std::uint64_t{0x9e3779b97f4a7c15}) >> shift_;
  }
  std::size_t place_of(std::uint32_t uid, std::uint32_t gid) const noexcept {
    const Sums* places = places_.data();
    std::size_t at = first_place_of(uid, gid);
    while (places[at].entries != 0 && !is_of(places[at], uid, gid)) at = (at + 1) & (places_.size() - 1);
    return at;
  }
  Sums& find(std::uint32_t uid, std::uint32_t gid) {
    std::size_t at = place_of(uid, gid);
    if (places_[at].entries == 0) {
      if (2 * ++used_ > places_.size()) {
        enlarge();
        at = place_of(uid, gid);
      }
      places_[at].uid = uid;
      places_[at].gid = gid;
    }
    return places_[at];
  }
  void enlarge() {
    std::vector<Sums> old = std::exchange(places_, std::vector<Sums>(2 * places_.size()));
    --shift_;
    for (const Sums& sums : old)
      if (sums.entries != 0) places_[place_of(sums.uid, sums.gid)] = sums;
  }

  unsigned shift_ = 58;  // 64 - log2 of the places: their number is the hash's highest bits
  std::vector<Sums> places_ = std::vector<Sums>(64);
  std::size_t used_ = 0;
  // Entries in a row that have the same owner and group are one. Where owners are many, each look-up misses
  // the nearest cache: those of a batch are fetched together.
  static constexpr std::uint32_t batch = 64;
  std::uint32_t waiting_count_ = 0;
  std::array<Sums, batch> waiting_;
};

}  // namespace pwalk::snapshot
