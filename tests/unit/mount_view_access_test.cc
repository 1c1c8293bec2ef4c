// Who may read a view: permission bits and ACLs against their definition, over all modes and masks.
// SPDX-License-Identifier: MIT
#include "mount/view_access.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "snapshot/format.h"

namespace pwalk::mount {
namespace {

struct AclEntry {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};

std::string acl(const std::vector<AclEntry>& entries) {
  std::string value("\2\0\0\0", 4);
  for (const AclEntry& entry : entries) value.append(reinterpret_cast<const char*>(&entry), sizeof entry);
  return value;
}

TEST(ViewAccess, AClassReadsWhatItMayListAndSearch) {
  for (mode_t mode = 0; mode < 010000; ++mode) {
    for (unsigned shift : {0u, 3u, 6u}) {
      bool both = (mode >> shift & 5) == 5;
      mode_t file = view_permissions(mode, ViewRight::both, false, false) >> shift & 7;
      mode_t directory = view_permissions(mode, ViewRight::both, true, false) >> shift & 7;
      ASSERT_EQ(file, both ? 4u : 0u) << mode;
      ASSERT_EQ(directory, both ? 5u : 0u) << mode;
    }
    ASSERT_EQ(view_permissions(mode, ViewRight::as_directory, true, false), mode & 0555) << mode;
  }
}

TEST(ViewAccess, ASubtreeIsReadByTheClassesThatMayReadAllOfIt) {
  using namespace format;
  EXPECT_EQ(subtree_permissions(0755, 0, false), 0u);
  EXPECT_EQ(subtree_permissions(0755, access_everyone | access_group | access_owner, false), 0444u);
  EXPECT_EQ(subtree_permissions(0755, access_everyone, true), 0555u);
  EXPECT_EQ(subtree_permissions(0755, access_group, false), 0040u);
  EXPECT_EQ(subtree_permissions(0755, access_owner, true), 0500u);
  EXPECT_EQ(subtree_permissions(0750, access_group | access_owner, true), 0550u);
  // Whatever the record says, never more than the directory shows.
  EXPECT_EQ(subtree_permissions(0700, access_everyone | access_group | access_owner, false), 0400u);
  EXPECT_EQ(subtree_permissions(0, access_everyone, false), 0u);
}

TEST(ViewAccess, AnAclGivesNothingBeyondItsMask) {
  for (std::uint16_t granted = 0; granted < 8; ++granted) {
    for (std::uint16_t mask = 0; mask < 8; ++mask) {
      std::string value =
          acl({{1, 7, ~0u}, {2, granted, 1000}, {4, granted, ~0u}, {16, mask, ~0u}, {32, 5, ~0u}});
      std::uint16_t may = granted & mask;
      auto all = static_cast<std::uint16_t>((may & 5) == 5 ? 4 : 0);
      EXPECT_EQ(view_acl(value, ViewRight::both, false),
                acl({{1, 4, ~0u}, {2, all, 1000}, {4, all, ~0u}, {16, 4, ~0u}, {32, 4, ~0u}}));
      auto same = static_cast<std::uint16_t>(may & 5);
      EXPECT_EQ(view_acl(value, ViewRight::as_directory, true),
                acl({{1, 5, ~0u}, {2, same, 1000}, {4, same, ~0u}, {16, 5, ~0u}, {32, 5, ~0u}}));
    }
  }
}

TEST(ViewAccess, TheKernelIsMadeToLookAtAnAcl) {
  // A mask that leaves nothing would make the kernel take a named user for one of the others.
  EXPECT_EQ(view_permissions(0725, ViewRight::both, false, true), 0444u);
  EXPECT_EQ(view_permissions(0725, ViewRight::as_directory, true, true), 0555u);
  EXPECT_EQ(view_permissions(0720, ViewRight::both, false, true), 0440u);
}

TEST(ViewAccess, WhatIsNoAclIsRefused) {
  for (const std::string& value :
       {std::string(), std::string("\2\0\0", 3), std::string("\1\0\0\0", 4), acl({{1, 7, 0}}) + "x"}) {
    try {
      view_acl(value, ViewRight::both, false);
      ADD_FAILURE() << value.size() << " bytes were taken";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EIO);
    }
  }
}

}  // namespace
}  // namespace pwalk::mount
