// The statx calls of one directory, or of a part of it, shared out: its reader and whoever has nothing else
// to do take portions of the names until none is left. Each result has its own place, so nobody waits for
// anybody but the reader for the last ones.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>

#include "walk/listing.h"
#include "walk/packed_stat.h"

namespace pwalk::walk {

class LookAhead;

/// 0, an errno, or a mark below 0; short, since where there are many they are read in the order of names.
using StatError = std::int16_t;

/// Of names that were looked at to be packed: how many, and of how many nothing could be kept.
struct PackedCount {
  static constexpr std::uint32_t telling = 1024;  // of fewer nothing is concluded
  std::atomic<std::uint32_t> looked_at{0};
  std::atomic<std::uint32_t> left_out{0};

  /// Whether most would have to be looked at once more: on overlayfs, for one, files may be of another device
  /// than their directory.
  bool is_in_vain() const noexcept {
    std::uint32_t all = looked_at.load(std::memory_order_relaxed);
    return all >= telling && left_out.load(std::memory_order_relaxed) > all / 2;
  }
};

/// Names to look at, and where what is found goes: to the position of the name, in one of the two forms.
struct StatWork {
  int descriptor = -1;
  const Listed64* names = nullptr;
  struct statx* stats = nullptr;
  StatError* errors = nullptr;
  std::uint32_t count = 0;
  const LookAhead* known = nullptr;     // what was found before, if anything was
  PackedStat* packed = nullptr;         // instead of stats and errors; what does not fit is left
  const Identity* directory = nullptr;  // that it must fit
  PackedCount* count_packed = nullptr;
};

class SharedStats {
 public:
  /// The work must stay until Queues::withdraw() has returned; `portion` names are taken at a time.
  SharedStats(const StatWork& work, std::uint32_t portion) noexcept;

  const StatWork& work() const noexcept { return work_; }
  /// The next portion; false when exhausted().
  bool take(std::uint32_t& begin, std::uint32_t& end) noexcept;
  /// Whether all are taken, or no more are to be: it was given up, or what is looked at ahead has turned out
  /// to be of no use, which its reader may not see soon.
  bool exhausted() const noexcept {
    return next_.load(std::memory_order_relaxed) >= work_.count || gave_up_.load(std::memory_order_relaxed) ||
           (work_.count_packed != nullptr && work_.count_packed->is_in_vain());
  }
  /// Whether anybody looks at a portion of it beside who offered it.
  bool is_helped() const noexcept { return helpers_.load(std::memory_order_acquire) != 0; }
  /// A call never answered, or nobody asks any more: nothing more is to be taken.
  void give_up() noexcept { gave_up_.store(true, std::memory_order_relaxed); }

 private:
  StatWork work_;
  std::uint32_t portion_;
  std::atomic<bool> gave_up_{false};
  alignas(128) std::atomic<std::uint32_t> next_{0};
  friend class Queues;
  alignas(128) std::atomic<unsigned> helpers_{0};  // changed under the queues' lock
};

}  // namespace pwalk::walk
