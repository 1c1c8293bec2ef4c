// SPDX-License-Identifier: MIT
#include "walk/look_ahead.h"

#include <algorithm>
#include <new>

namespace pwalk::walk {

namespace {

constexpr std::uint32_t portion = 32;  // names: the reader waits for the last ones when it has sorted
constexpr std::size_t block_bytes = LookAhead::block_names * sizeof(PackedStat);
constexpr std::uint64_t name_bytes_least = 20;  // that one name adds to a directory's size
constexpr std::uint64_t kept_bytes = 80;  // that one name takes: as it was listed, and its place in the order

}  // namespace

LookAhead::Block::Block(int descriptor, const Identity& directory, std::span<const Listed64> listed,
                        PackedStat* found, PackedCount& packed_count)
    : names(listed.begin(), listed.end()),
      shared({descriptor, names.data(), nullptr, nullptr, block_names, nullptr, found, &directory,
              &packed_count},
             portion) {}

/// How many names there will be is known when all are listed. Until then the directory's own size must tell,
/// to which each adds 20 bytes in tmpfs and, unless it is short, more in ext4, XFS and Btrfs.
std::size_t LookAhead::blocks_max(std::uint64_t size) const noexcept {
  std::uint64_t names_bytes = size / name_bytes_least * kept_bytes;
  std::uint64_t fitting =
      names_bytes < directory_bytes ? (directory_bytes - names_bytes) / (block_names * name_bytes) : 0;
  std::uint64_t share = blocks_most / std::max(1u, queues_.active());
  return std::max<std::uint64_t>(blocks_least, std::min(fitting, share));
}

void LookAhead::offer(int descriptor, const Identity& directory, std::span<const Listed64> names) noexcept {
  if (names.size() < names_from) return;
  // Where many work, and all have something to do, it is memory that counts.
  if (blocks_.empty() && queues_.idle() == 0 && queues_.active() > roomy_workers) return;
  if (queues_.idle() != 0) helped_ = true;
  try {
    if (blocks_.empty()) {
      struct stat status;
      size_ = ::fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
      directory_ = directory;
      blocks_max_ = blocks_max(size_);
      stats_ = LargeMemory(blocks_max_ * block_bytes);
    }
    // A size that is too small for these names tells nothing of those to come.
    if (size_ < name_bytes_least * names.size())
      blocks_max_ = std::min<std::size_t>(blocks_max_, blocks_least);
    if (packed_count_.is_in_vain()) blocks_max_ = blocks_.size();
    while (blocks_.size() < blocks_max_ && (blocks_.size() + 1) * block_names <= names.size()) {
      std::size_t begin = blocks_.size() * block_names;
      blocks_.push_back(std::make_unique<Block>(descriptor, directory_, names.subspan(begin, block_names),
                                                stats() + begin, packed_count_));
      kept_ = begin + block_names;
      on_offer_ = true;
      queues_.offer(blocks_.back()->shared);
    }
  } catch (const std::bad_alloc&) {
    // Those that nobody looks at ahead are looked at later.
  }
}

SharedStats* LookAhead::left_before(std::size_t end) noexcept {
  for (; left_ < blocks_.size() && left_ * block_names < end; ++left_)
    if (!blocks_[left_]->shared.exhausted()) return &blocks_[left_]->shared;
  return nullptr;
}

void LookAhead::end() noexcept {
  if (!on_offer_) return;
  for (auto& block : blocks_) block->shared.give_up();
  for (auto& block : blocks_) queues_.withdraw(block->shared);
  on_offer_ = false;
}

bool LookAhead::found(std::uint32_t order, struct statx& stat, int& error) const noexcept {
  if (!knows(order)) return false;
  const PackedStat& packed = stats()[order];
  error = packed.error();
  if (error == 0) unpack(packed, directory_, stat);
  return true;
}

}  // namespace pwalk::walk
