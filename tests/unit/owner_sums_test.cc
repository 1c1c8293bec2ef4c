// Sums of owners and groups: each pair has its own, however many there are and whatever their numbers.
// SPDX-License-Identifier: MIT
#include "snapshot/owner_sums.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace pwalk::snapshot {
namespace {

using Owners = std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint64_t>>;

Owners gathered(OwnerSums& sums) {
  Owners all;
  sums.each([&](const OwnerSums::Sums& owner) {
    EXPECT_TRUE(all.emplace(std::pair(owner.uid, owner.gid),
                            std::vector<std::uint64_t>{owner.entries, owner.apparent_bytes, owner.disk_bytes})
                    .second)
        << owner.uid << ":" << owner.gid << " twice";
  });
  return all;
}

TEST(OwnerSums, OfNobodyAreNone) {
  OwnerSums sums;
  EXPECT_TRUE(gathered(sums).empty());
}

TEST(OwnerSums, EachOwnerHasItsOwn) {
  OwnerSums sums;
  Owners expected;
  auto add = [&](std::uint32_t uid, std::uint32_t gid, std::uint64_t apparent, std::uint64_t disk) {
    sums.add(uid, gid, apparent, disk);
    auto& totals = expected.emplace(std::pair(uid, gid), std::vector<std::uint64_t>(3)).first->second;
    totals[0] += 1;
    totals[1] += apparent;
    totals[2] += disk;
  };
  std::mt19937 random(5);
  for (std::uint32_t i = 0; i < 20000; ++i) {
    add(1000 + i % 3000, 100 + i % 7, i, 512);
    add(100 + i % 7, 1000 + i % 3000, i, 512);  // each the other's group
    add(static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()), 7, 0);
    add(i << 20, 0, 1, 1);  // differ in the highest bits only
    add(0, i << 20, 1, 1);
  }
  for (std::uint32_t id : {0u, 65534u, 0xffffffffu}) add(id, ~id, std::uint64_t{1} << 62, 3);
  EXPECT_EQ(gathered(sums), expected);
}

}  // namespace
}  // namespace pwalk::snapshot
