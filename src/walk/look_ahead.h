// A large directory's names looked at in the order in which they are listed: by idle workers while its reader
// still lists and sorts, which it has to do alone, then by the reader too. In the order of names they lie far
// apart, here and in the kernel, and looking at one takes half as long again. What is found is kept by the
// order of listing, for not more names than a bound, since nobody knows yet when each will be handed over.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/large_memory.h"
#include "walk/listing.h"
#include "walk/queue.h"
#include "walk/shared_stats.h"

namespace pwalk::walk {

class LookAhead {
 public:
  static constexpr std::uint32_t block_names = 2048;  // looked at together
  static constexpr std::uint32_t blocks_least = 192;  // of any directory, 33 MiB
  static constexpr std::uint32_t blocks_most = 1024;  // of all workers' together, unless each has the least
  /// With its names no directory takes more memory than this, unless the least does: 3,000,000 names take
  /// more themselves.
  static constexpr std::uint64_t directory_bytes = std::uint64_t{160} << 20;
  static constexpr unsigned roomy_workers = 4;  // of more, a reader begins only when somebody is idle
  static constexpr std::uint32_t names_from =
      2 * block_names + 1;  // fewer are looked at as they are listed anyway
  static constexpr std::uint64_t name_bytes = sizeof(PackedStat) + sizeof(Listed64);  // that one takes

  explicit LookAhead(Queues& queues) noexcept : queues_(queues) {}
  ~LookAhead() { end(); }
  LookAhead(const LookAhead&) = delete;
  LookAhead& operator=(const LookAhead&) = delete;

  /// These names of `directory`, open as `descriptor`, have been listed so far: offers those which were not
  /// yet, block by block.
  void offer(int descriptor, const Identity& directory, std::span<const Listed64> names) noexcept;
  /// For the reader: the first block of which names are left to be looked at; nullptr if there is none before
  /// name `end`.
  SharedStats* left_before(std::size_t end) noexcept;
  /// Whether anybody was idle when names were offered.
  bool helped() const noexcept { return helped_; }
  /// Nobody looks at names any more when this returns; what was found stays.
  void end() noexcept;
  /// What was found stays no longer.
  void forget() noexcept {
    end();
    blocks_.clear();
    stats_ = {};
    kept_ = 0;
    packed_count_.looked_at = 0;
    packed_count_.left_out = 0;
    left_ = 0;
    helped_ = false;
  }
  /// Whether found() is true.
  bool knows(std::uint32_t order) const noexcept { return order < kept_ && stats()[order].looked_at(); }
  /// What was found of the name listed as number `order`, from 0; false if nobody has looked. After end().
  bool found(std::uint32_t order, struct statx& stat, int& error) const noexcept;
  /// found() will soon be called for this name.
  void prefetch(std::uint32_t order) const noexcept {
    if (order < kept_) __builtin_prefetch(stats() + order);
  }

 private:
  struct Block {
    Block(int descriptor, const Identity& directory, std::span<const Listed64> listed, PackedStat* found,
          PackedCount& packed_count);
    std::vector<Listed64> names;  // of its own: the listing grows, and is sorted, meanwhile
    SharedStats shared;
  };
  std::size_t blocks_max(std::uint64_t size) const noexcept;
  PackedStat* stats() const noexcept { return static_cast<PackedStat*>(stats_.data()); }

  Queues& queues_;
  std::uint64_t size_ = 0;      // bytes, the directory's own
  std::size_t blocks_max_ = 0;  // of this directory
  std::size_t left_ = 0;        // blocks before this one are taken
  bool helped_ = false;
  Identity directory_;
  LargeMemory stats_;     // of all blocks
  std::size_t kept_ = 0;  // how many of them belong to blocks that there are
  std::vector<std::unique_ptr<Block>> blocks_;
  bool on_offer_ = false;
  PackedCount packed_count_;
};

}  // namespace pwalk::walk
