// SPDX-License-Identifier: MIT
#include "walk/look_ahead.h"

#include <cerrno>
#include <new>

namespace pwalk::walk {

namespace {

constexpr int nobody_looked = -1;      // as an error
constexpr std::uint32_t portion = 32;  // names: the reader waits for the last ones when it has sorted

}  // namespace

LookAhead::Block::Block(int descriptor, std::span<const Listed64> listed, PackedStat* found)
    : names(listed.begin(), listed.end()),
      stats(found),
      errors(block_names, nobody_looked),
      shared({descriptor, names.data(), nullptr, errors.data(), block_names, nullptr, stats}, portion) {}

void LookAhead::offer(int descriptor, std::span<const Listed64> names) noexcept {
  if (blocks_.empty() && (names.size() < names_from || queues_.idle() == 0)) return;
  try {
    if (blocks_.empty()) stats_ = LargeMemory(std::size_t{blocks_max} * block_names * sizeof(PackedStat));
    while (blocks_.size() < blocks_max && (blocks_.size() + 1) * block_names <= names.size()) {
      std::size_t begin = blocks_.size() * block_names;
      blocks_.push_back(std::make_unique<Block>(descriptor, names.subspan(begin, block_names),
                                                static_cast<PackedStat*>(stats_.data()) + begin));
      on_offer_ = true;
      queues_.offer(blocks_.back()->shared);
    }
  } catch (const std::bad_alloc&) {
    // Those that nobody looks at ahead are looked at later.
  }
}

void LookAhead::end() noexcept {
  if (!on_offer_) return;
  for (auto& block : blocks_) block->shared.give_up();
  for (auto& block : blocks_) queues_.withdraw(block->shared);
  on_offer_ = false;
}

bool LookAhead::found(std::uint32_t order, struct statx& stat, int& error) const noexcept {
  std::size_t number = order / block_names;
  if (number >= blocks_.size()) return false;
  const Block& block = *blocks_[number];
  std::uint32_t at = order % block_names;
  if (block.errors[at] == nobody_looked || block.errors[at] == ECANCELED) return false;
  error = block.errors[at];
  if (error == 0) unpack(block.stats[at], stat);
  return true;
}

void LookAhead::prefetch(std::uint32_t order) const noexcept {
  if (order >= blocks_.size() * block_names) return;
  const Block& block = *blocks_[order / block_names];
  const auto* stat = reinterpret_cast<const char*>(&block.stats[order % block_names]);
  __builtin_prefetch(&block.errors[order % block_names]);
  for (std::size_t line = 0; line < sizeof(PackedStat); line += 64) __builtin_prefetch(stat + line);
}

}  // namespace pwalk::walk
