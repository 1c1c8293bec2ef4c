// Stores: names made from paths, times in order, slots not given twice, latest never moving back.
// SPDX-License-Identifier: MIT

#include "snapshot/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <system_error>

#include "base/file.h"
#include "snapshot/format.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

TEST(SnapshotName, ComesFromThePath) {
  EXPECT_EQ(default_snapshot_name("/"), "_root_");
  EXPECT_EQ(default_snapshot_name("/usr/share"), "usr-share");
  EXPECT_EQ(default_snapshot_name("/usr-share"), "usr--share");
  EXPECT_EQ(default_snapshot_name("/.snap"), "_.snap");
  std::string one = default_snapshot_name("/" + std::string(300, 'a'));
  std::string two = default_snapshot_name("/" + std::string(301, 'a'));
  EXPECT_EQ(one.size(), 200u);
  EXPECT_NE(one, two);
}

TEST(SnapshotName, SaysWhyNot) {
  EXPECT_EQ(why_not_a_name("usr-share"), "");
  EXPECT_NE(why_not_a_name(""), "");
  EXPECT_NE(why_not_a_name("a/b"), "");
  EXPECT_NE(why_not_a_name(".a"), "");
  EXPECT_NE(why_not_a_name(std::string(201, 'a')), "");
}

TEST(TimeName, IsUtcAndInOrder) {
  EXPECT_EQ(time_name({1795373212, 999}), "2026-11-22T184652Z");
  EXPECT_TRUE(time_name_before("2026-11-22T184652Z", "2026-11-22T184653Z"));
  EXPECT_TRUE(time_name_before("2026-11-22T184652Z", "2026-11-22T184652Z-2"));
  EXPECT_TRUE(time_name_before("2026-11-22T184652Z-2", "2026-11-22T184652Z-10"));
  EXPECT_FALSE(time_name_before("2026-11-22T184652Z", "2026-11-22T184652Z"));
}

class StoreTest : public ::testing::Test {
 protected:
  std::string store() const { return directory_.path("a/b/store"); }
  std::string latest() const {
    char target[100];
    ssize_t length = ::readlink((store() + "/name/latest").c_str(), target, sizeof target);
    return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
  }
  test::TemporaryDirectory directory_;
};

TEST_F(StoreTest, IsPrivateAndLocked) {
  StoreName name(store(), "name");
  struct stat status;
  ASSERT_EQ(::stat((store() + "/name").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  try {
    StoreName second(store(), "name");
    ADD_FAILURE() << "locked twice";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EWOULDBLOCK);
  }
  StoreName other(store(), "other");
}

TEST_F(StoreTest, SlotsAreNotGivenAgain) {
  std::set<std::uint32_t> slots;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(slots.insert(StoreName(store(), "name").take_slot()).second);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(slots.insert(StoreName(store(), "other").take_slot()).second);
}

void write_manifest(const std::string& path, std::uint32_t slot, std::int64_t start_seconds = 0,
                    bool complete = true) {
  std::filesystem::create_directories(path);
  Manifest manifest;
  manifest.slot = slot;
  manifest.start.seconds = start_seconds;
  manifest.complete = complete;
  manifest.totals.entries = 1;
  manifest.host = "host";
  manifest.root = "/root";
  manifest.parts = {{0, 1}};
  manifest.shards.push_back({0, {{format::array_entries, "00000000.entries", array_file_bytes(64), 1, 0}}});
  Fd directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  write_file_durably(directory.get(), format::manifest_name, to_text(manifest));
}

TEST_F(StoreTest, ALostCounterIsFoundAgain) {
  { StoreName(store(), "name").take_slot(); }
  write_manifest(store() + "/name/2026-11-22T184652Z", 41);
  std::filesystem::remove(store() + "/.next-slot");
  EXPECT_EQ(StoreName(store(), "name").take_slot(), 42u);
}

TEST_F(StoreTest, AfterAFullRoundFreeSlotsAreGivenAgain) {
  { StoreName name(store(), "name"); }
  write_manifest(store() + "/name/2026-11-22T184652Z", 0);
  directory_.write_file("a/b/store/.next-slot", std::to_string(format::store_slots) + "\n");
  EXPECT_EQ(StoreName(store(), "name").take_slot(), 1u) << "0 is taken";
}

TEST_F(StoreTest, OriginIsThatOfTheNewest) {
  { EXPECT_FALSE(StoreName(store(), "name").origin()); }
  write_manifest(store() + "/name/2026-11-22T184652Z", 0);
  auto origin = StoreName(store(), "name").origin();
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->host, "host");
  EXPECT_EQ(origin->root, "/root");
  EXPECT_EQ(origin->entries, 1u);
}

TEST_F(StoreTest, WhatToExpectOnlyACompleteOneSays) {
  { StoreName name(store(), "name"); }
  write_manifest(store() + "/name/2026-11-22T184652Z", 0, 0, false);
  auto origin = StoreName(store(), "name").origin();
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->host, "host");
  EXPECT_FALSE(origin->entries);
  write_manifest(store() + "/name/2026-11-21T184652Z", 1);
  EXPECT_EQ(StoreName(store(), "name").origin()->entries, 1u) << "an older one";
}

TEST_F(StoreTest, TimesDoNotCollide) {
  StoreName name(store(), "name");
  EXPECT_EQ(name.free_time_name("2026-11-22T184652Z"), "2026-11-22T184652Z");
  std::filesystem::create_directory(store() + "/name/2026-11-22T184652Z");
  EXPECT_EQ(name.free_time_name("2026-11-22T184652Z"), "2026-11-22T184652Z-2");
}

TEST_F(StoreTest, LatestNeverMovesBack) {
  StoreName name(store(), "name");
  write_manifest(store() + "/name/2026-01-01T000000Z", 0, 1);
  write_manifest(store() + "/name/2026-01-02T000000Z", 1, 2);
  name.update_latest("2026-01-02T000000Z");
  EXPECT_EQ(latest(), "2026-01-02T000000Z");
  name.update_latest("2026-01-01T000000Z");
  EXPECT_EQ(latest(), "2026-01-02T000000Z");
  std::filesystem::remove_all(store() + "/name/2026-01-02T000000Z");
  name.update_latest("2026-01-01T000000Z");
  EXPECT_EQ(latest(), "2026-01-01T000000Z") << "unless it points to nothing";
}

}  // namespace
}  // namespace pwalk::snapshot
