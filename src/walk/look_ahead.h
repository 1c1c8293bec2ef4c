// A large directory's names looked at by idle workers while it is still being listed and sorted. Its reader
// has both to do alone, and a name listed can be looked at at once. What is found is kept by the order of
// listing, for not more names than a bound, since nobody knows yet when each will be handed over.
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
  static constexpr std::uint32_t block_names = 2048;            // looked at together
  static constexpr std::uint32_t blocks_max = 96;               // 32 MB
  static constexpr std::uint32_t names_from = 2 * block_names;  // a smaller directory is shared out anyway

  explicit LookAhead(Queues& queues) noexcept : queues_(queues) {}
  ~LookAhead() { end(); }
  LookAhead(const LookAhead&) = delete;
  LookAhead& operator=(const LookAhead&) = delete;

  /// These names of the directory open as `descriptor` have been listed so far: offers those which were not
  /// yet, block by block, from the moment at which some worker was found idle.
  void offer(int descriptor, std::span<const Listed64> names) noexcept;
  /// Nobody looks at names any more when this returns; what was found stays.
  void end() noexcept;
  /// What was found stays no longer.
  void forget() noexcept {
    end();
    blocks_.clear();
    stats_ = {};
  }
  /// What was found of the name listed as number `order`, from 0; false if nobody has looked. After end().
  bool found(std::uint32_t order, struct statx& stat, int& error) const noexcept;
  /// found() will soon be called for this name.
  void prefetch(std::uint32_t order) const noexcept;

 private:
  struct Block {
    Block(int descriptor, std::span<const Listed64> listed, PackedStat* found);
    std::vector<Listed64> names;  // of its own: the listing grows, and is sorted, meanwhile
    PackedStat* stats;
    std::vector<int> errors;
    SharedStats shared;
  };
  Queues& queues_;
  LargeMemory stats_;  // of all blocks
  std::vector<std::unique_ptr<Block>> blocks_;
  bool on_offer_ = false;
};

}  // namespace pwalk::walk
