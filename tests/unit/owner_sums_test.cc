// Sums of owners: each has its own, however many there are and whatever their numbers.
// SPDX-License-Identifier: MIT
#include "snapshot/owner_sums.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace pwalk::snapshot {
namespace {

std::map<std::uint32_t, std::vector<std::uint64_t>> gathered(const OwnerSums& sums) {
  std::map<std::uint32_t, std::vector<std::uint64_t>> all;
  sums.each([&](const OwnerSums::Sums& owner) {
    EXPECT_TRUE(all.emplace(owner.id,
                            std::vector<std::uint64_t>{owner.entries, owner.apparent_bytes, owner.disk_bytes})
                    .second)
        << owner.id << " twice";
  });
  return all;
}

TEST(OwnerSums, OfNobodyAreNone) {
  EXPECT_TRUE(gathered(OwnerSums()).empty());
}

TEST(OwnerSums, EachOwnerHasItsOwn) {
  OwnerSums sums;
  std::map<std::uint32_t, std::vector<std::uint64_t>> expected;
  auto add = [&](std::uint32_t id, std::uint64_t apparent, std::uint64_t disk) {
    sums.add(id, apparent, disk);
    auto& totals = expected.emplace(id, std::vector<std::uint64_t>(3)).first->second;
    totals[0] += 1;
    totals[1] += apparent;
    totals[2] += disk;
  };
  std::mt19937 random(5);
  for (std::uint32_t i = 0; i < 20000; ++i) {
    add(1000 + i % 3000, i, 512);
    add(static_cast<std::uint32_t>(random()), 7, 0);
    add(i << 20, 1, 1);  // differ in the highest bits only
  }
  for (std::uint32_t id : {0u, 65534u, 0xffffffffu}) add(id, std::uint64_t{1} << 62, 3);
  EXPECT_EQ(gathered(sums), expected);
}

}  // namespace
}  // namespace pwalk::snapshot
