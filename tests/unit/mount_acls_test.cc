// Directories whose rights the mode bits do not tell: which are closed, and what getxattr and listxattr give.
// SPDX-License-Identifier: MIT
#include "mount/acls.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>

#include "mount/log.h"
#include "mount/node_id.h"
#include "mount/source.h"
#include "mount/tree.h"
#include "snapshot/format.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk::mount {
namespace {

constexpr std::string_view access_name = "system.posix_acl_access";
constexpr std::string_view default_name = "system.posix_acl_default";

snapshot::Directory directory(std::uint16_t flags, std::uint32_t acl = format::no_acl) {
  snapshot::Directory result{};
  result.record.state = format::state_read;
  result.record.flags = flags;
  result.record.acl = acl;
  return result;
}

TEST(IsClosed, WhatTheModeBitsDoNotTell) {
  AclPolicy policy{.others_allowed = true, .mode_trusted = false, .posix_acls_enforced = true};
  EXPECT_TRUE(is_closed(directory(format::directory_rich_acl), policy));
  EXPECT_TRUE(is_closed(directory(format::directory_acl_unread), policy));
  EXPECT_TRUE(is_closed(directory(format::directory_mount_point | format::directory_acl_unread, 0), policy));
  EXPECT_FALSE(is_closed(directory(format::directory_mount_point), policy));
  EXPECT_FALSE(is_closed(directory(0, 7), policy));
  policy.posix_acls_enforced = false;
  EXPECT_TRUE(is_closed(directory(0, 7), policy));
  EXPECT_FALSE(is_closed(directory(0), policy));
}

TEST(IsClosed, WhatWasNotOpened) {
  AclPolicy policy{.others_allowed = true, .mode_trusted = false, .posix_acls_enforced = true};
  snapshot::Directory unread = directory(0);
  for (std::uint16_t state : {format::state_failed, format::state_not_reached, format::state_vanished,
                              format::state_excluded_pattern, format::state_excluded_loop}) {
    unread.record.state = state;
    EXPECT_TRUE(is_closed(unread, policy)) << state;
    EXPECT_FALSE(is_closed(unread, {true, true, true})) << state << ", mode bits trusted";
  }
  unread.record.state = format::state_partial;
  EXPECT_FALSE(is_closed(unread, policy));
}

TEST(IsClosed, NothingWithoutOthersOrWhereModeBitsAreTrusted) {
  for (AclPolicy policy : {AclPolicy{false, false, false}, AclPolicy{true, true, false}}) {
    EXPECT_FALSE(is_closed(directory(format::directory_rich_acl | format::directory_acl_unread), policy));
    EXPECT_FALSE(is_closed(directory(0, 7), policy));
  }
}

TEST(IsClosed, ClosedModesKeepTheOwnersBitsAndTheType) {
  EXPECT_EQ(closed_mode(S_IFDIR | 07777), static_cast<mode_t>(S_IFDIR | 07700));
  EXPECT_EQ(closed_mode(S_IFDIR | 0077), static_cast<mode_t>(S_IFDIR));
}

TEST(AclAttributes, AreThoseThatHaveAValue) {
  snapshot::Acl both{"a", "d"};
  EXPECT_EQ(acl_attribute_names(both),
            std::string("system.posix_acl_access\0system.posix_acl_default\0", 49));
  EXPECT_EQ(acl_attribute_names({"", "d"}), std::string("system.posix_acl_default\0", 25));
  EXPECT_EQ(acl_attribute_names({}), "");
  EXPECT_EQ(acl_attribute(both, access_name), "a");
  EXPECT_EQ(acl_attribute(both, default_name), "d");
  for (std::string_view other : {"user.posix_acl_access", "system.posix_acl_acces", "system.nfs4_acl", ""}) {
    EXPECT_FALSE(is_acl_attribute(other)) << other;
    EXPECT_EQ(acl_attribute(both, other), "") << other;
  }
  EXPECT_TRUE(is_acl_attribute(access_name) && is_acl_attribute(default_name));
}

/// The tree of the sample snapshot: `beta` (0750) has both POSIX ACLs, that of `rich_acl` (0755) is unread.
class AclTree : public testing::Test {
 protected:
  void SetUp() override {
    test::write_sample(directory_.path("sample"), test::sample_tree(), 2);
    source_.emplace(directory_.path("sample"), log_);
  }

  Tree tree(bool others_allowed, bool mode_trusted, bool posix_acls_enforced) {
    return Tree(*source_,
                {.others_allowed = others_allowed,
                 .mode_trusted = mode_trusted,
                 .posix_acls_enforced = posix_acls_enforced},
                {});
  }

  /// Permission bits, which must be the same however one asks.
  static mode_t mode(Tree& tree, const char* name) {
    Node found = tree.look_up(root_node, name).node.value();
    EXPECT_EQ(tree.node(found.id).attributes.st_mode, found.attributes.st_mode) << name;
    EXPECT_EQ(ModeInListing(name).of(tree), found.attributes.st_mode) << name;
    return found.attributes.st_mode & mode_t{07777};
  }

  static snapshot::Acl acl(Tree& tree, const char* name) {
    return tree.acl(tree.look_up(root_node, name).node.value().id);
  }

 private:
  class ModeInListing final : public ListingSink {
   public:
    explicit ModeInListing(const char* wanted) : wanted_(wanted) {}
    mode_t of(Tree& tree) {
      EXPECT_EQ(tree.list(root_node, 0, *this), 0);
      return mode_;
    }
    bool add(const char* name, const Node& node, std::uint64_t) override {
      if (name == wanted_) mode_ = node.attributes.st_mode;
      return true;
    }

   private:
    std::string wanted_;
    mode_t mode_ = 0;
  };

  test::TemporaryDirectory directory_;
  Log log_{[](const std::string&) {}};
  std::optional<Source> source_;
};

TEST_F(AclTree, WhereTheAclIsNotKnownTheDirectoryIsClosed) {
  Tree closing = tree(true, false, true);
  EXPECT_EQ(mode(closing, "rich_acl"), 0700u);
  EXPECT_EQ(mode(closing, "beta"), 0750u);
  EXPECT_EQ(mode(closing, "alpha"), 0755u);
  Tree without_kernel = tree(true, false, false);
  EXPECT_EQ(mode(without_kernel, "beta"), 0700u);
  EXPECT_EQ(mode(without_kernel, "alpha"), 0755u);
}

TEST_F(AclTree, ItIsNotForOneselfNorWhereModeBitsAreTrusted) {
  struct Case {
    bool others_allowed, mode_trusted, posix_acls_enforced;
  };
  for (Case each : {Case{false, false, true}, Case{true, true, true}, Case{true, true, false}}) {
    Tree open = tree(each.others_allowed, each.mode_trusted, each.posix_acls_enforced);
    EXPECT_EQ(mode(open, "rich_acl"), 0755u);
    EXPECT_EQ(mode(open, "beta"), 0750u);
  }
}

TEST_F(AclTree, AclsAreTheRecordedOnes) {
  Tree tree = this->tree(true, false, true);
  EXPECT_TRUE(tree.may_have_acls());
  EXPECT_EQ(acl(tree, "beta").access_value.size(), 28u);
  EXPECT_EQ(acl(tree, "beta").default_value, acl(tree, "beta").access_value);
  for (const char* without : {"alpha", "rich_acl", "pipe", "link", "no_stat", "."})
    EXPECT_EQ(acl_attribute_names(acl(tree, without)), "") << without;
  Tree without_kernel = this->tree(true, false, false);
  EXPECT_EQ(acl_attribute_names(acl(without_kernel, "beta")), "");
  try {
    tree.acl(entry_node(0, 999));
    ADD_FAILURE() << "an id that names nothing has an ACL";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ESTALE);
  }
}

TEST(AclsOfSnapshot, AreAskedForOnlyWhereThereAreAny) {
  test::TemporaryDirectory directory;
  test::write_sample(directory.path("plain"), test::sample_directory("", 2, 0755, {}), 1);
  Log log([](const std::string&) {});
  Source source(directory.path("plain"), log);
  EXPECT_FALSE(Tree(source, {}, {}).may_have_acls());
}

}  // namespace
}  // namespace pwalk::mount
