// Who may read what: the permission bits and ACLs of a snapshot's root that its ancestors guard, and of
// views.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mount/tree.h"
#include "snapshot/manifest.h"
#include "support/mounted_sample.h"
#include "support/sample_snapshot.h"

namespace pwalk::mount {
namespace {

/// user::rwx, group::r-x, other::---
const std::string acl("\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\5\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
                      28);

constexpr AclPolicy for_oneself{.others_allowed = false, .mode_trusted = false, .posix_acls_enforced = false};
constexpr AclPolicy for_others{.others_allowed = true, .mode_trusted = false, .posix_acls_enforced = true};
constexpr AclPolicy trusting{.others_allowed = true, .mode_trusted = true, .posix_acls_enforced = true};

class Mounted : public test::MountedSample {
 public:
  Mounted(const test::SampleNode& root, const AclPolicy& policy, const TotalsOptions& totals = {},
          const std::vector<snapshot::Ancestor>& ancestors = {})
      : MountedSample(root, {.policy = policy, .totals = totals}) {
    change_manifest([&](snapshot::Manifest& manifest) { manifest.ancestors = ancestors; });
  }

  mode_t bits(const std::string& path) { return stat(path).st_mode & mode_t{07777}; }
  snapshot::Acl acl_of(const std::string& path) { return tree().acl(id(path)); }
};

test::SampleNode root_of(std::uint16_t permissions, const std::string& access_acl) {
  test::SampleNode root =
      test::sample_directory("", 2, permissions, {test::sample_directory("inner", 3, 0755, {})});
  root.outcome.access_acl = access_acl;
  return root;
}

TEST(RightsOfTheRoot, AreNoMoreThanThoseOnTheWayToIt) {
  const std::vector<snapshot::Ancestor> owners_only = {{0700, 1000, 100, false}};
  const std::vector<snapshot::Ancestor> open = {{0755, 0, 0, false}};
  Mounted narrowed(root_of(0755, ""), for_others, {}, owners_only);
  EXPECT_EQ(narrowed.bits(""), 0700u);
  EXPECT_EQ(narrowed.bits("inner"), 0755u);
  EXPECT_EQ(narrowed.bits(".pwalk/own.json"), 0400u);
  EXPECT_EQ(narrowed.bits(".pwalk/summary"), 0400u);
  EXPECT_EQ(Mounted(root_of(0755, ""), for_others, {}, open).bits(""), 0755u);
  // Nobody else is there, or what the mode bits say is believed.
  EXPECT_EQ(Mounted(root_of(0755, ""), for_oneself, {}, owners_only).bits(""), 0755u);
  EXPECT_EQ(Mounted(root_of(0755, ""), trusting, {}, owners_only).bits(""), 0755u);
}

TEST(RightsOfTheRoot, WithAnAclItIsClosedWhereItsAncestorsGuardIt) {
  const std::vector<snapshot::Ancestor> owner_and_group = {{0750, 1000, 100, false}};
  const std::vector<snapshot::Ancestor> open = {{0755, 0, 0, false}};
  Mounted guarded(root_of(0775, acl), for_others, {}, owner_and_group);
  EXPECT_EQ(guarded.bits(""), 0700u);
  EXPECT_EQ(guarded.acl_of("").access_value, "");
  Mounted unguarded(root_of(0775, acl), for_others, {}, open);
  EXPECT_EQ(unguarded.bits(""), 0775u);
  EXPECT_EQ(unguarded.acl_of("").access_value, acl);
  EXPECT_EQ(Mounted(root_of(0775, ""), for_others, {}, owner_and_group).bits(""), 0770u);
  EXPECT_EQ(Mounted(root_of(0775, acl), trusting, {}, owner_and_group).bits(""), 0775u);
}

/// `plain`, `listed` (access ACL), `shut` (access ACL, no bits for the group), `inheriting` (default ACL
/// only): in each a closed directory.
test::SampleNode directories() {
  std::vector<test::SampleNode> made;
  std::uint64_t inode = 10;
  auto add = [&](const char* name, std::uint16_t permissions, const std::string& access,
                 const std::string& default_acl) {
    std::uint64_t first = inode;
    inode += 10;
    test::SampleNode directory = test::sample_directory(
        name, first, permissions,
        {test::sample_directory("closed", first + 1, 0700, {test::sample_file("file", first + 2, 1)})});
    directory.outcome.access_acl = access;
    directory.outcome.default_acl = default_acl;
    made.push_back(directory);
  };
  add("plain", 0725, "", "");
  add("listed", 0725, acl, acl);
  add("shut", 0705, acl, "");
  add("inheriting", 0725, "", acl);
  return test::sample_directory("", 2, 0755, made);
}

TEST(RightsOfViews, AreTheDirectorysForWhatIsItsOwn) {
  Mounted mounted(directories(), for_others);
  for (const char* name : {"plain", "inheriting"}) {
    std::string views = std::string(name) + "/.pwalk";
    EXPECT_EQ(mounted.bits(views), 0555u) << name;
    EXPECT_EQ(mounted.bits(views + "/own.json"), 0404u) << name;
    EXPECT_EQ(mounted.bits(views + "/stat"), 0505u) << name;
    EXPECT_EQ(mounted.bits(views + "/stat/closed"), 0444u) << name;
    EXPECT_EQ(mounted.acl_of(views + "/own.json").access_value, "") << name;
    EXPECT_EQ(mounted.acl_of(views + "/stat").access_value, "") << name;
  }
  // Those whom the ACL names have their part in the group's bits.
  EXPECT_EQ(mounted.bits("listed/.pwalk"), 0555u);
  EXPECT_EQ(mounted.bits("listed/.pwalk/own.json"), 0444u);
  EXPECT_EQ(mounted.bits("listed/.pwalk/stat"), 0555u);
  EXPECT_EQ(mounted.bits("shut/.pwalk/own.json"), 0404u);
  EXPECT_EQ(mounted.bits("shut/.pwalk/stat"), 0505u);
  // Nobody asks for the ACL.
  EXPECT_EQ(Mounted(directories(), for_oneself).bits("listed/.pwalk/own.json"), 0404u);
  EXPECT_EQ(Mounted(directories(), for_oneself).bits("listed/.pwalk/stat"), 0505u);
}

/// The permissions in an ACL with the three entries of `acl`.
std::vector<int> permissions_in(const std::string& value) {
  if (value.size() != acl.size()) return {};
  return {value[6], value[14], value[22]};
}

TEST(RightsOfViews, HaveTheDirectorysAclWhereTheKernelGoesByIt) {
  Mounted mounted(directories(), for_others);
  EXPECT_EQ(permissions_in(mounted.acl_of("listed/.pwalk/own.json").access_value), (std::vector{4, 4, 0}));
  EXPECT_EQ(permissions_in(mounted.acl_of("listed/.pwalk/stat").access_value), (std::vector{5, 5, 0}));
  EXPECT_EQ(mounted.acl_of("listed/.pwalk/stat").default_value, "");
  for (const char* name :
       {"listed/.pwalk", "listed/.pwalk/summary", "listed/.pwalk/du", "listed/.pwalk/errors",
        "listed/.pwalk/stat/closed", ".pwalk/stat/listed", "shut/.pwalk/own.json", "shut/.pwalk/stat"})
    EXPECT_EQ(mounted.acl_of(name).access_value, "") << name;
  Mounted unasked(directories(), for_oneself);
  for (const char* name : {"own.json", "stat"})
    EXPECT_EQ(unasked.acl_of(std::string("listed/.pwalk/") + name).access_value, "") << name;
}

TEST(RightsOfViews, OfASubtreeAreThoseWhichHoldThroughoutIt) {
  Mounted mounted(directories(), for_others);
  for (const char* name : {"summary", "summary.json", "errors"})
    EXPECT_EQ(mounted.bits(std::string("plain/.pwalk/") + name), 0400u) << name;
  EXPECT_EQ(mounted.bits("plain/.pwalk/du"), 0500u);
  // An ACL somewhere below may keep anyone out.
  EXPECT_EQ(mounted.bits(".pwalk/summary"), 0u);
  EXPECT_EQ(mounted.bits(".pwalk/snapshot.json"), 0u);
}

TEST(RightsOfViews, OfASubtreeAreTheDirectorysWithTotalsForAll) {
  Mounted mounted(directories(), for_others, {.for_all = true});
  for (const char* name : {"summary", "summary.json", "errors"}) {
    EXPECT_EQ(mounted.bits(std::string("plain/.pwalk/") + name), 0404u) << name;
    EXPECT_EQ(mounted.bits(std::string("listed/.pwalk/") + name), 0444u) << name;
    EXPECT_EQ(permissions_in(mounted.acl_of(std::string("listed/.pwalk/") + name).access_value),
              (std::vector{4, 4, 0}))
        << name;
  }
  EXPECT_EQ(mounted.bits("plain/.pwalk/du"), 0505u);
  EXPECT_EQ(mounted.bits("listed/.pwalk/du"), 0555u);
  EXPECT_EQ(permissions_in(mounted.acl_of("listed/.pwalk/du").access_value), (std::vector{5, 5, 0}));
  // Of a child there is what its own directory lets one reach.
  for (const char* name : {".pwalk", ".pwalk/stat/listed", ".pwalk/du/listed", "listed/.pwalk"})
    EXPECT_EQ(mounted.acl_of(name).access_value, "") << name;
  for (const char* name : {".pwalk/stat/listed", ".pwalk/du/listed", ".pwalk/du/shut"})
    EXPECT_EQ(mounted.bits(name), 0444u) << name;
}

}  // namespace
}  // namespace pwalk::mount
