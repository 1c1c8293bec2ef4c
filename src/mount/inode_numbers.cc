// Offsets for the devices of a snapshot; see the header for the map of the numbers.
// SPDX-License-Identifier: MIT
#include "mount/inode_numbers.h"

#include <algorithm>

#include "snapshot/format.h"

namespace pwalk::mount {

namespace {

constexpr std::uint64_t mixed_mask = mixed_inodes_first - 1;

static_assert((std::uint64_t{format::store_slots} << store_window_bits) == store_inodes_first,
              "all windows of a store fill 2^62 … 2^63 - 1");

}  // namespace

std::uint64_t mix_inode(std::uint64_t inode, std::uint32_t device_index, std::uint32_t slot) noexcept {
  std::uint64_t key = std::uint64_t{slot} << 32 | device_index;
  // Each step is a bijection modulo 2^61: adding a constant, xor with a right shift of at least half the
  // bits' remainder, multiplying by an odd number.
  std::uint64_t x = (inode + (key + 1) * 0x9e3779b97f4a7c15) & mixed_mask;
  x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & mixed_mask;
  x = ((x ^ x >> 27) * 0x94d049bb133111eb) & mixed_mask;
  return x ^ x >> 31;
}

InodeNumbers::InodeNumbers(const std::vector<snapshot::Device>& devices) : original_(devices.size() <= 1) {
  if (original_) return;
  // The first device is the root's: it keeps its numbers where they are small enough.
  std::uint64_t first = std::max<std::uint64_t>(devices[0].inode_min, 1);
  if (first > mixed_mask || devices[0].inode_max > mixed_mask) first = 1;
  lay_out(devices, first, mixed_mask);
}

InodeNumbers::InodeNumbers(const std::vector<snapshot::Device>& devices, std::uint32_t slot) : slot_(slot) {
  std::uint64_t first = store_inodes_first + (std::uint64_t{slot} << store_window_bits);
  lay_out(devices, first, first + (std::uint64_t{1} << store_window_bits) - 1);
}

void InodeNumbers::lay_out(const std::vector<snapshot::Device>& devices, std::uint64_t first,
                           std::uint64_t last) {
  ranges_.resize(devices.size());
  bool full = false;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const snapshot::Device& device = devices[i];
    if (full || device.inode_max == 0 || device.inode_min > device.inode_max) continue;
    std::uint64_t span = device.inode_max - device.inode_min;  // one less than the count: 2^64 fits nowhere
    if (span > last - first) continue;
    ranges_[i] = {device.inode_min, device.inode_max, first - device.inode_min};
    full = span == last - first;
    if (!full) first += span + 1;
  }
}

std::uint64_t InodeNumbers::shown(std::uint64_t inode, std::uint32_t device_index,
                                  std::uint64_t entry_number) const noexcept {
  if (inode != 0) {
    if (original_) return inode;
    if (device_index < ranges_.size()) {
      const Range& range = ranges_[device_index];
      if (inode >= range.minimum && inode <= range.maximum) return inode + range.offset;
    }
  }
  // An entry without a stat may lie outside its device's range, and its number may be missing.
  return mixed_inodes_first | mix_inode(inode != 0 ? inode : ~entry_number, device_index, slot_);
}

}  // namespace pwalk::mount
