// The inode numbers that a mount shows, by arithmetic, the same in every mount of the same source:
//
//   one snapshot of one device   the original's
//   one snapshot                 each device's range [inode_min, inode_max] moved by an offset of its own,
//   one
//                                range after the other, below 2^61
//   store                        the same within the snapshot's own 2^42 numbers from 2^62 + slot × 2^42 on
//   what does not fit there      2^61 + mix(inode, device, slot) in 61 bits
//   the store's own nodes        2^60 + 60 bits, and 1 for the root
//
// The ranges are disjoint, so no directory ever has the number of an ancestor and no two files look like hard
// links of each other. The mix is a bijection of the low 61 bits for each device: only numbers of different
// devices, or ones above 2^61, can meet by chance.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/manifest.h"

namespace pwalk::mount {

inline constexpr std::uint64_t store_inodes_first = std::uint64_t{1} << 62;
inline constexpr unsigned store_window_bits = 42;
inline constexpr std::uint64_t mixed_inodes_first = std::uint64_t{1} << 61;
inline constexpr std::uint64_t own_inodes_first = std::uint64_t{1} << 60;

/// splitmix64's steps on 61 bits, keyed by device and slot: a bijection of `inode` modulo 2^61.
std::uint64_t mix_inode(std::uint64_t inode, std::uint32_t device_index, std::uint32_t slot) noexcept;

class InodeNumbers {
 public:
  /// For the one snapshot of a mount.
  explicit InodeNumbers(const std::vector<snapshot::Device>& devices);
  /// For a snapshot in a store.
  InodeNumbers(const std::vector<snapshot::Device>& devices, std::uint32_t slot);

  /// The number shown for `inode` of a device; never 0. `entry_number` stands in for an inode number of 0.
  std::uint64_t shown(std::uint64_t inode, std::uint32_t device_index,
                      std::uint64_t entry_number) const noexcept;

 private:
  struct Range {
    std::uint64_t minimum = 1;  // none: minimum above maximum
    std::uint64_t maximum = 0;
    std::uint64_t offset = 0;  // modulo 2^64
  };
  /// Lays the devices' ranges into [first, last], in the table's order; one that does not fit is left out.
  void lay_out(const std::vector<snapshot::Device>& devices, std::uint64_t first, std::uint64_t last);

  bool original_ = false;
  std::uint32_t slot_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace pwalk::mount
