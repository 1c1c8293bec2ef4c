// Sums over entries by owner (or group), added to once for each entry of a scan: a table of ids that stays in
// the nearest cache, since a node-based map of owners cost a fifteenth of a warm scan.
// SPDX-License-Identifier: MIT
#pragma once

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
    std::uint32_t id = 0;
  };

  void add(std::uint32_t id, std::uint64_t apparent_bytes, std::uint64_t disk_bytes) {
    if (last_ == nullptr || last_->id != id) last_ = &find(id);
    last_->entries += 1;
    last_->apparent_bytes += apparent_bytes;
    last_->disk_bytes += disk_bytes;
  }

  /// Calls `take` with the sums of each owner, in no order.
  template <class Take>
  void each(Take take) const {
    for (const Sums& sums : places_)
      if (sums.entries != 0) take(sums);
  }

 private:
  std::size_t place_of(std::uint32_t id) const noexcept {
    // The multiplier spreads ids that follow one another, as they do (Knuth's 2^32 / golden ratio).
    const Sums* places = places_.data();
    std::size_t at = (id * std::uint32_t{2654435769}) >> shift_;
    while (places[at].entries != 0 && places[at].id != id) at = (at + 1) & (places_.size() - 1);
    return at;
  }
  Sums& find(std::uint32_t id) {
    std::size_t at = place_of(id);
    if (places_[at].entries == 0) {
      if (2 * ++used_ > places_.size()) {
        enlarge();
        at = place_of(id);
      }
      places_[at].id = id;
    }
    return places_[at];
  }
  void enlarge() {
    std::vector<Sums> old = std::exchange(places_, std::vector<Sums>(2 * places_.size()));
    --shift_;
    for (const Sums& sums : old)
      if (sums.entries != 0) places_[place_of(sums.id)] = sums;
  }

  unsigned shift_ = 26;  // 32 - log2 of the places: their number is the hash's highest bits
  std::vector<Sums> places_ = std::vector<Sums>(64);
  std::size_t used_ = 0;
  Sums* last_ = nullptr;  // of who was added to last: what follows is often the same owner's
};

}  // namespace pwalk::snapshot
