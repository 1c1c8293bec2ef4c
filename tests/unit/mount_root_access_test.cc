// What the directories above a scan's root leave of its permission bits.
// SPDX-License-Identifier: MIT
#include "mount/root_access.h"

#include <gtest/gtest.h>

namespace pwalk::mount {
namespace {

using snapshot::Ancestor;

constexpr std::uint32_t owner = 1000;
constexpr std::uint32_t group = 2000;

mode_t left(const std::vector<Ancestor>& ancestors) {
  return reachable_classes(ancestors, owner, group);
}

TEST(ReachableClasses, AllWhereAllMaySearch) {
  EXPECT_EQ(left({}), 0777u);
  EXPECT_EQ(left({{0755, 0, 0, false}, {0711, 0, 0, false}, {0111, 7, 7, false}}), 0777u);
}

TEST(ReachableClasses, NoneWhereOthersOwnWhatIsClosed) {
  EXPECT_EQ(left({{0700, 0, 0, false}}), 0u);
  EXPECT_EQ(left({{0710, 0, 7, false}}), 0u);
  EXPECT_EQ(left({{0, owner, group, false}}), 0u);
}

TEST(ReachableClasses, TheOwnersAndTheGroupsOwnDirectories) {
  EXPECT_EQ(left({{0700, owner, 0, false}}), 0700u);
  EXPECT_EQ(left({{0710, 0, group, false}}), 0070u);
  EXPECT_EQ(left({{0710, owner, group, false}}), 0770u);
  EXPECT_EQ(left({{0710, owner, group, false}, {0700, owner, group, false}}), 0700u);
  EXPECT_EQ(left({{0710, owner, 0, false}, {0710, 0, group, false}}), 0u);
}

TEST(ReachableClasses, BitsThatKeepSomeOutOfALargerClass) {
  EXPECT_EQ(left({{0701, 0, 7, false}}), 0u);      // a group that may not, whoever is in it
  EXPECT_EQ(left({{0011, owner, 7, false}}), 0u);  // an owner who may not
  EXPECT_EQ(left({{0010, 7, group, false}}), 0u);
}

TEST(ReachableClasses, AnAclLeavesTheOwnerAlone) {
  EXPECT_EQ(left({{0777, owner, group, true}}), 0700u);
  EXPECT_EQ(left({{0777, 0, group, true}}), 0u);
}

}  // namespace
}  // namespace pwalk::mount
