// Inode numbers of a mount: the original's where there is one device, disjoint ranges otherwise.
// SPDX-License-Identifier: MIT
#include "mount/inode_numbers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>

#include "snapshot/format.h"

namespace pwalk::mount {
namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

snapshot::Device device(std::uint64_t minimum, std::uint64_t maximum) {
  snapshot::Device result;
  result.inode_min = minimum;
  result.inode_max = maximum;
  return result;
}

struct Shown {
  std::uint64_t first;
  std::uint64_t last;
};

/// The range that a device's numbers are shown as, or nothing if they are mixed.
bool shown_range(const InodeNumbers& numbers, const snapshot::Device& of, std::uint32_t index,
                 Shown& result) {
  result = {numbers.shown(of.inode_min, index, 0), numbers.shown(of.inode_max, index, 0)};
  return result.last - result.first == of.inode_max - of.inode_min &&
         (result.first < mixed_inodes_first || result.first >= store_inodes_first);
}

TEST(InodeNumbers, OneDeviceKeepsTheOriginals) {
  InodeNumbers numbers({device(2, 1000)});
  for (std::uint64_t inode : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 61, largest})
    EXPECT_EQ(numbers.shown(inode, 0, 7), inode);
  EXPECT_NE(numbers.shown(0, 0, 7), 0u);
  EXPECT_NE(numbers.shown(0, 0, 7), numbers.shown(0, 0, 8));
}

TEST(InodeNumbers, TheRootsDeviceKeepsItsNumbersBesideOthers) {
  InodeNumbers numbers({device(2, 1000), device(2, 500)});
  EXPECT_EQ(numbers.shown(2, 0, 0), 2u);
  EXPECT_EQ(numbers.shown(1000, 0, 0), 1000u);
  EXPECT_EQ(numbers.shown(2, 1, 0), 1001u);
  EXPECT_EQ(numbers.shown(500, 1, 0), 1499u);
}

TEST(InodeNumbers, RootsOfTwoSnapshotsDiffer) {
  std::vector<snapshot::Device> devices{device(2, 2)};
  EXPECT_NE(InodeNumbers(devices, 0).shown(2, 0, 0), InodeNumbers(devices, 1).shown(2, 0, 0));
  EXPECT_EQ(InodeNumbers(devices, 0).shown(2, 0, 0), store_inodes_first);
}

TEST(InodeNumbers, TheLastSlotEndsBelowTwoToThe63) {
  std::uint64_t window = std::uint64_t{1} << store_window_bits;
  InodeNumbers numbers({device(1, window)}, format::store_slots - 1);
  EXPECT_EQ(numbers.shown(window, 0, 0), (std::uint64_t{1} << 63) - 1);
  InodeNumbers too_large({device(0, window)}, format::store_slots - 1);
  EXPECT_LT(too_large.shown(window, 0, 0), store_inodes_first);
}

TEST(InodeNumbers, HugeRangesAreMixed) {
  InodeNumbers numbers({device(1, 100), device(1, largest), device(7, 9)}, 3);
  std::uint64_t mixed = numbers.shown(largest, 1, 0);
  EXPECT_EQ(mixed >> 61, 1u);
  EXPECT_EQ(numbers.shown(7, 2, 0), numbers.shown(100, 0, 0) + 1);  // those after it still fit
}

TEST(InodeNumbers, DevicesWithoutEntriesTakeNoRoom) {
  std::uint64_t window = std::uint64_t{1} << store_window_bits;
  InodeNumbers numbers({device(0, 0), device(1, window), device(5, 6), device(9, 8)}, 0);
  EXPECT_EQ(numbers.shown(1, 1, 0), store_inodes_first);
  EXPECT_EQ(numbers.shown(window, 1, 0), store_inodes_first + window - 1);
  EXPECT_LT(numbers.shown(5, 2, 0), store_inodes_first) << "the window is full";
}

TEST(InodeNumbers, NumbersOutsideTheTablesRangeAreMixed) {
  InodeNumbers numbers({device(10, 20), device(10, 20)});
  EXPECT_EQ(numbers.shown(9, 0, 0) >> 61, 1u);
  EXPECT_EQ(numbers.shown(21, 1, 0) >> 61, 1u);
  EXPECT_EQ(numbers.shown(5, 17, 0) >> 61, 1u);
}

std::uint64_t random_inode(std::mt19937_64& random) {
  return random() >> random() % 64;
}

// Property: whatever the ranges, those that are not mixed do not meet each other, nor what is mixed, nor the
// store's own numbers.
TEST(InodeNumbers, RandomRangesAreDisjoint) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<Shown> all;
    bool in_store = round % 2 == 0;
    std::uint32_t snapshots = in_store ? 1 + static_cast<std::uint32_t>(random() % 4) : 1;
    std::set<std::uint32_t> slots;
    while (slots.size() < snapshots) slots.insert(static_cast<std::uint32_t>(random() % 6));
    for (std::uint32_t slot : slots) {
      std::vector<snapshot::Device> devices;
      for (std::size_t count = 2 + random() % 5; devices.size() < count;) {
        std::uint64_t a = random_inode(random);
        std::uint64_t b = random_inode(random);
        if (std::max(a, b) != 0)
          devices.push_back(device(std::max<std::uint64_t>(std::min(a, b), 1), std::max(a, b)));
      }
      InodeNumbers numbers = in_store ? InodeNumbers(devices, slot) : InodeNumbers(devices);
      for (std::uint32_t i = 0; i < devices.size(); ++i) {
        Shown range{};
        if (shown_range(numbers, devices[i], i, range)) {
          ASSERT_GE(range.first, in_store ? store_inodes_first : 1);
          ASSERT_LT(range.last, in_store ? std::uint64_t{1} << 63 : mixed_inodes_first);
          all.push_back(range);
        } else {
          ASSERT_EQ(numbers.shown(devices[i].inode_min, i, 0) >> 61, 1u);
        }
      }
    }
    std::sort(all.begin(), all.end(), [](const Shown& a, const Shown& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < all.size(); ++i) ASSERT_LT(all[i - 1].last, all[i].first);
  }
}

TEST(InodeNumbers, MixingIsInjectiveForADevice) {
  std::mt19937_64 random(4);
  std::set<std::uint64_t> inodes;
  std::set<std::uint64_t> mixed;
  for (std::uint64_t i = 0; i < 50000; ++i) inodes.insert(i << 44 | i);
  while (inodes.size() < 100000) inodes.insert(random() >> 3);
  for (std::uint64_t inode : inodes) mixed.insert(mix_inode(inode & (mixed_inodes_first - 1), 1, 2));
  std::set<std::uint64_t> low;
  for (std::uint64_t inode : inodes) low.insert(inode & (mixed_inodes_first - 1));
  EXPECT_EQ(mixed.size(), low.size());
  EXPECT_LT(*mixed.rbegin(), mixed_inodes_first);
  EXPECT_NE(mix_inode(5, 0, 0), mix_inode(5, 1, 0));
  EXPECT_NE(mix_inode(5, 0, 0), mix_inode(5, 0, 1));
}

}  // namespace
}  // namespace pwalk::mount
