// Node ids: the three fields come back, no id is 0 or 1, generations are never 0.
// SPDX-License-Identifier: MIT
#include "mount/node_id.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace pwalk::mount {
namespace {

TEST(NodeId, GivesBackSlotAndEntryNumber) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    auto slot = static_cast<std::uint32_t>(random() % format::store_slots);
    std::uint64_t number = random() & entry_number_mask;
    std::uint64_t node = entry_node(slot, number);
    ASSERT_EQ(node_kind(node), NodeKind::entry);
    ASSERT_EQ(node_slot(node), slot);
    ASSERT_EQ(node_entry_number(node), number);
  }
}

TEST(NodeId, NeverCollidesWithTheRootOrNothing) {
  for (NodeKind kind :
       {NodeKind::entry, NodeKind::name, NodeKind::latest, NodeKind::views, NodeKind::du_file}) {
    for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, node_value_mask}) {
      EXPECT_GT(make_node(kind, value), root_node);
      EXPECT_EQ(node_kind(make_node(kind, value)), kind);
    }
  }
}

TEST(NodeId, ForeignNumbersHaveNoKind) {
  EXPECT_EQ(node_kind(0), NodeKind::none);
  EXPECT_EQ(node_kind(root_node), NodeKind::none);
  EXPECT_EQ(node_kind(node_value_mask), NodeKind::none);
  for (std::uint64_t kind = 14; kind < 16; ++kind) EXPECT_EQ(node_kind(kind << 60 | 5), NodeKind::none);
}

TEST(NodeId, GenerationsAreNeverZeroAndTellUuidsApart) {
  std::mt19937_64 random(2);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 1000; ++i) {
    std::array<std::uint8_t, 16> uuid{};
    for (auto& byte : uuid) byte = static_cast<std::uint8_t>(random());
    std::uint32_t generation = generation_of(uuid);
    ASSERT_NE(generation, 0u);
    ASSERT_EQ(generation, generation_of(uuid));
    seen.insert(generation);
  }
  EXPECT_GE(seen.size(), 999u);  // 1000 of 2^32 meet once in 8,600 runs
}

}  // namespace
}  // namespace pwalk::mount
