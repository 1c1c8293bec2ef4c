// The words of -o.
// SPDX-License-Identifier: MIT
#include "mount/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace pwalk::mount {
namespace {

constexpr char always[] = "ro,nosuid,nodev,default_permissions,subtype=pwalk-mount,fsname=";

using Words = std::vector<std::string>;

TEST(Options, AreSplitAtCommas) {
  EXPECT_EQ(split_options("a,b=c,,d,"), (Words{"a", "b=c", "d"}));
  EXPECT_EQ(split_options("a\\,b,c\\\\"), (Words{"a,b", "c\\"}));
  EXPECT_EQ(split_options(""), Words{});
}

TEST(Options, TheSourceIsEscaped) {
  EXPECT_EQ(read_options("/a,b\\c", {}).fuse, std::string(always) + "/a\\,b\\\\c");
}

TEST(Options, EscapingIsUndoneBySplitting) {
  for (const std::string text : {"plain", ",", "\\", "a\\,b", ",,\\\\"})
    EXPECT_EQ(split_options(escape_option_value(text)), Words{text});
}

TEST(Options, WhatFstabAddsIsTaken) {
  Words words{"rw",     "dev", "suid", "noauto", "nofail", "_netdev", "user=joe", "x-systemd.automount",
              "noatime"};
  EXPECT_EQ(read_options("/s", words).fuse, std::string(always) + "/s");
}

TEST(Options, WhatMeansSomethingIsPassed) {
  EXPECT_EQ(read_options("/s", {"allow_other", "noexec"}).fuse,
            std::string(always) + "/s,allow_other,noexec");
}

TEST(Options, IoUringIsForALibraryThatHasIt) {
  EXPECT_EQ(read_options("/s", {"io_uring", "io_uring_q_depth=16"}, true).fuse,
            std::string(always) + "/s,io_uring,io_uring_q_depth=16");
  EXPECT_THROW(read_options("/s", {"io_uring"}, false), std::system_error);
  EXPECT_THROW(read_options("/s", {"io_uring_q_depth=16"}, false), std::system_error);
}

TEST(MountOptions, ReaddirplusIsYesOrNo) {
  EXPECT_TRUE(read_options("/s", {}).readdirplus);
  EXPECT_FALSE(read_options("/s", {"readdirplus=no"}).readdirplus);
  EXPECT_TRUE(read_options("/s", {"readdirplus=no", "readdirplus=yes"}).readdirplus);
  EXPECT_EQ(read_options("/s", {"readdirplus=no"}).fuse.find("readdirplus"), std::string::npos);
  EXPECT_THROW(read_options("/s", {"readdirplus=auto"}), std::system_error);
}

TEST(Options, SayWhatUnknownAclsMean) {
  EXPECT_FALSE(read_options("/s", {"noexec"}).acl_policy.may_close());
  EXPECT_TRUE(read_options("/s", {"allow_other"}).acl_policy.may_close());
  EXPECT_TRUE(read_options("/s", {"allow_root"}).acl_policy.may_close());
  Options trusting = read_options("/s", {"acl=mode", "allow_other"});
  EXPECT_FALSE(trusting.acl_policy.may_close());
  EXPECT_EQ(trusting.fuse, std::string(always) + "/s,allow_other");  // libfuse knows no acl=mode
}

TEST(Options, SayWhatTotalsAreShownWhere) {
  EXPECT_FALSE(read_options("/s", {"allow_other"}).totals.for_all);
  EXPECT_FALSE(read_options("/s", {"allow_other"}).totals.in_tree());
  Options all = read_options("/s", {"rbytes", "xattr=list", "allow_other", "totals=all"});
  EXPECT_TRUE(all.totals.for_all && all.totals.as_sizes && all.totals.as_attributes && all.totals.listed);
  EXPECT_EQ(all.fuse, std::string(always) + "/s,allow_other");
  EXPECT_FALSE(read_options("/s", {"xattr"}).totals.listed);
  EXPECT_TRUE(read_options("/s", {"xattr"}).totals.in_tree());
}

TEST(Options, TotalsInTheTreeAreRefusedWhereOthersWouldSeeThem) {
  for (const char* word : {"rbytes", "xattr", "xattr=list"}) {
    EXPECT_THROW(read_options("/s", {word, "allow_other"}), std::system_error) << word;
    EXPECT_THROW(read_options("/s", {"allow_other", word}), std::system_error) << word;
    // What root has looked at is in the kernel's cache, for all.
    EXPECT_THROW(read_options("/s", {word, "allow_root"}), std::system_error) << word;
    EXPECT_TRUE(read_options("/s", {word, "allow_root", "totals=all"}).totals.in_tree()) << word;
  }
}

TEST(Options, OfAMountThatIsMadeAlreadyMustHaveBeenSafe) {
  const std::vector<std::string> safe = {"ro", "nosuid", "nodev", "default_permissions"};
  EXPECT_NO_THROW(require_mounted_with(safe));
  for (const std::string& lacking : safe) {
    std::vector<std::string> words = {"allow_other", "dev", "suid"};
    std::copy_if(safe.begin(), safe.end(), std::back_inserter(words),
                 [&](const std::string& word) { return word != lacking; });
    try {
      require_mounted_with(words);
      ADD_FAILURE() << "without " << lacking;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EPERM);
      EXPECT_NE(std::string(error.what()).find("without '" + lacking + "'"), std::string::npos);
    }
  }
}

TEST(Options, UnknownOnesAreRefusedByName) {
  for (const char* word : {"bogus", "totals", "totals=none", "xattr=all", "rbytes=1", "fsname=x",
                           "allow_other=1", "acl", "acl=posix", "xfoo", ""}) {
    try {
      read_options("/s", {word});
      ADD_FAILURE() << word << " was taken";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EINVAL);
      EXPECT_NE(std::string(error.what()).find(std::string("'") + word + "'"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace pwalk::mount
