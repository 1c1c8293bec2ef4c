// Times, access bits, totals and fingerprints.
// SPDX-License-Identifier: MIT

#include "snapshot/derive.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <limits>

#include "base/text.h"

namespace pwalk::snapshot {
namespace {

TEST(Nanoseconds, GoBothWays) {
  for (Timestamp time : {Timestamp{0, 0}, Timestamp{1, 999'999'999}, Timestamp{-1, 0}, Timestamp{-1, 1},
                         Timestamp{-2, 999'999'999}, Timestamp{9'223'372'036, 854'775'807}}) {
    std::int64_t nanoseconds = 0;
    ASSERT_TRUE(to_nanoseconds(time, nanoseconds));
    EXPECT_EQ(from_nanoseconds(nanoseconds), time);
  }
  std::int64_t nanoseconds = 0;
  ASSERT_TRUE(to_nanoseconds({-1, 999'999'999}, nanoseconds));
  EXPECT_EQ(nanoseconds, -1);
}

TEST(Nanoseconds, WhatDoesNotFitIsNotClamped) {
  std::int64_t nanoseconds = 0;
  EXPECT_FALSE(to_nanoseconds({9'223'372'036, 854'775'808}, nanoseconds));
  EXPECT_FALSE(to_nanoseconds({16'725'225'600, 0}, nanoseconds));   // the year 2500
  EXPECT_FALSE(to_nanoseconds({-11'676'096'000, 0}, nanoseconds));  // 1600
  EXPECT_FALSE(to_nanoseconds({std::numeric_limits<std::int64_t>::min(), 0}, nanoseconds));
}

TEST(Nanoseconds, TheMarkForNoTimeIsNotATime) {
  // INT64_MIN nanoseconds are -9223372037 s + 145224192 ns.
  std::int64_t nanoseconds = 0;
  EXPECT_FALSE(to_nanoseconds({-9'223'372'037, 145'224'192}, nanoseconds));
}

format::Directory read_directory() {
  format::Directory record = {};
  record.state = format::state_read;
  record.acl = format::no_acl;
  return record;
}

TEST(Access, OwnModeDecides) {
  constexpr auto all = format::access_everyone | format::access_group | format::access_owner;
  EXPECT_EQ(own_access({0755, 1, 1}, read_directory()), all);
  EXPECT_EQ(own_access({0750, 1, 1}, read_directory()), format::access_group | format::access_owner);
  EXPECT_EQ(own_access({0700, 1, 1}, read_directory()), format::access_owner);
  EXPECT_EQ(own_access({0705, 1, 1}, read_directory()), format::access_owner);
  EXPECT_EQ(own_access({0055, 1, 1}, read_directory()), 0);
  EXPECT_EQ(own_access({0744, 1, 1}, read_directory()), format::access_owner) << "listable is not searchable";
}

TEST(Access, WhatIsNotKnownGrantsNothing) {
  for (std::uint16_t state : {format::state_failed, format::state_partial, format::state_not_reached}) {
    format::Directory record = read_directory();
    record.state = state;
    EXPECT_EQ(own_access({0777, 1, 1}, record), 0) << state;
  }
  format::Directory record = read_directory();
  record.acl = 0;
  EXPECT_EQ(own_access({0777, 1, 1}, record), 0);
  for (std::uint16_t flag : {format::directory_rich_acl, format::directory_acl_unread}) {
    record = read_directory();
    record.flags = flag;
    EXPECT_EQ(own_access({0777, 1, 1}, record), 0) << flag;
  }
}

TEST(Access, ASubdirectoryTakesAwayWhatItDoesNotGrant) {
  constexpr std::uint16_t all = format::access_everyone | format::access_group | format::access_owner;
  constexpr std::uint16_t mine = format::access_group | format::access_owner;
  DirectoryOwner directory{0755, 7, 8};
  EXPECT_EQ(fold_access(all, directory, all, {0755, 1, 1}), all) << "everyone, whoever owns it";
  EXPECT_EQ(fold_access(all, directory, mine, {0750, 7, 8}), mine);
  EXPECT_EQ(fold_access(all, directory, mine, {0750, 7, 9}), format::access_owner) << "another group";
  EXPECT_EQ(fold_access(all, directory, mine, {0750, 1, 8}), format::access_group) << "another owner";
  EXPECT_EQ(fold_access(all, directory, mine, {0750, 1, 1}), 0);
  EXPECT_EQ(fold_access(format::access_owner, directory, all, {0755, 1, 1}), format::access_owner)
      << "never adds";
}

TEST(Totals, CountTypesAndSizes) {
  Totals totals;
  EntryFacts file;
  file.mode = S_IFREG | 0644;
  file.apparent_bytes = 1000;
  file.blocks = 8;
  file.mtime = {-5, 1};
  file.ctime = {10, 0};
  add_entry(totals, file);
  EntryFacts fifo;
  fifo.mode = S_IFIFO;
  fifo.mtime = {-6, 0};
  add_entry(totals, fifo);
  EntryFacts unknown;
  unknown.has_stat = false;
  add_entry(totals, unknown);
  EXPECT_EQ(totals.entries, 3u);
  EXPECT_EQ(totals.files, 1u);
  EXPECT_EQ(totals.others(), 2u);
  EXPECT_EQ(totals.apparent_bytes, 1000u);
  EXPECT_EQ(totals.disk_bytes, 4096u);
  EXPECT_EQ(totals.newest_mtime, (Timestamp{-5, 1})) << "before 1970, and an entry without a stat has none";
}

Hash128 block_hash(const EntryFacts& facts, std::string_view name = "name", std::string_view target = {}) {
  BlockHasher hasher;
  hasher.start();
  hasher.add(name, target, facts);
  return hasher.finish();
}

TEST(Fingerprint, CoversWhatThePageSaysAndNothingElse) {
  EntryFacts base;
  base.mode = S_IFREG | 0644;
  base.mtime = {1, 2};
  Hash128 hash = block_hash(base);
  auto changed = [&](auto change) {
    EntryFacts facts = base;
    change(facts);
    return block_hash(facts) != hash;
  };
  EXPECT_NE(block_hash(base, "namf"), hash);
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.mode ^= 1; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.uid = 1; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.gid = 1; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.rdev = 1; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.inode = 1; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.mtime.nanoseconds = 3; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.ctime.seconds = 3; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.nlink = 3; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.apparent_bytes = 3; }));
  EXPECT_TRUE(changed([](EntryFacts& facts) { facts.blocks = 3; }));
  EXPECT_NE(block_hash(base, "name", "t"), hash);
  base.mode = S_IFDIR | 0755;
  hash = block_hash(base);
  EXPECT_FALSE(changed([](EntryFacts& facts) { facts.nlink = 3; }));
  EXPECT_FALSE(changed([](EntryFacts& facts) { facts.apparent_bytes = 3; }));
  EXPECT_FALSE(changed([](EntryFacts& facts) { facts.blocks = 3; }));
}

TEST(Fingerprint, IsThatOfAllBytesHoweverManyThereAre) {
  for (unsigned children : {1u, 100u, 5000u}) {  // the last are hashed piece by piece
    BlockHasher hasher;
    hasher.start();
    std::string bytes;  // as pwalk-snapshot(5) has them
    auto append = [&](auto value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); };
    for (std::uint32_t i = 0; i < children; ++i) {
      std::string name = "name " + std::to_string(i);
      EntryFacts facts;
      facts.mode = S_IFREG | 0644;
      facts.inode = i;
      hasher.add(name, {}, facts);
      append(static_cast<std::uint32_t>(name.size()));
      bytes += name;
      append(std::uint32_t{S_IFREG | 0644});
      append(std::uint64_t{0});  // uid, gid
      append(std::uint64_t{0});  // rdev
      append(std::uint64_t{i});
      for (int time = 0; time < 2; ++time) {
        append(std::int64_t{0});
        append(std::uint32_t{0});
      }
      append(std::uint32_t{0});  // nlink
      append(std::uint64_t{0});  // size
      append(std::uint64_t{0});  // blocks
      append(std::uint32_t{0});  // target
    }
    EXPECT_EQ(hasher.finish(), hash128(bytes.data(), bytes.size())) << children;
  }
}

TEST(Fingerprint, CoversStateErrnoAndSubdirectories) {
  Hash128 block = hash128("", 0);
  auto fingerprint = [&](std::uint16_t state, std::uint16_t error, int children) {
    FingerprintHasher hasher;
    hasher.start(block, state, error);
    std::uint8_t child[16] = {1};
    for (int i = 0; i < children; ++i) hasher.add(child);
    return to_hex(hasher.finish().data(), 16);
  };
  std::string base = fingerprint(1, 0, 0);
  EXPECT_NE(base, fingerprint(2, 0, 0));
  EXPECT_NE(base, fingerprint(1, 13, 0));
  EXPECT_NE(base, fingerprint(1, 0, 1));
  // Fixed for ever, and what xxhsum -H2 prints for the bytes that the page describes.
  EXPECT_EQ(base, "df59dc53e0918e8bf21c42401baa4d21");
}

}  // namespace
}  // namespace pwalk::snapshot
