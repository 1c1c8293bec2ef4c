// Snapshots leave a store whole: not while they are read, out of sight in one step, `latest` first.
// SPDX-License-Identifier: MIT
#include "snapshot/removal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "snapshot/in_use.h"
#include "snapshot/publish.h"
#include "snapshot/snapshot.h"
#include "support/temporary_directory.h"
#include "support/tiny_scan.h"

namespace pwalk::snapshot {
namespace {

namespace fs = std::filesystem;

class RemovalTest : public ::testing::Test {
 protected:
  RemovalTest() { fs::create_directories(directory_.path("tree/below")); }

  std::string name_path() const { return store_ + "/name"; }
  std::string path(const std::string& time) const { return name_path() + "/" + time; }
  /// A snapshot of a small tree; as a scan would, points `latest` to a complete one.
  void make(const std::string& time, bool complete = true) {
    StoreName name(store_, "name");
    test::TinyScan(directory_.path("tree"), path(time), complete);
    if (complete) name.update_latest(time);
  }
  std::string latest() const {
    std::error_code error;
    return fs::read_symlink(name_path() + "/latest", error).string();
  }
  /// Names in the NAME directory, all but `latest` and the lock.
  std::vector<std::string> names() const {
    std::vector<std::string> names =
        list_directory(open_at(AT_FDCWD, name_path(), O_RDONLY | O_DIRECTORY).get());
    std::erase(names, ".lock");
    std::erase(names, "latest");
    return names;
  }
  std::optional<bool> in_use(const std::string& time) const {
    return is_in_use(open_at(AT_FDCWD, path(time), O_RDONLY | O_DIRECTORY).get());
  }

  test::TemporaryDirectory directory_;
  std::string store_ = directory_.path("store");
};

constexpr char first[] = "2026-01-01T000000Z";
constexpr char second[] = "2026-01-02T000000Z";
constexpr char third[] = "2026-01-03T000000Z";

TEST_F(RemovalTest, RemovesWhatWasTakenAndNothingElse) {
  for (const char* time : {first, second, third}) make(time);
  auto name = std::make_unique<StoreName>(store_, "name", StoreName::Missing::refuse);
  Removal removal(*name);
  EXPECT_TRUE(removal.take(first));
  EXPECT_TRUE(removal.take(third));
  EXPECT_EQ(names(), (std::vector<std::string>{first, second, third})) << "so far nothing has changed";
  removal.hide();
  EXPECT_FALSE(fs::exists(path(first)));
  EXPECT_EQ(latest(), second);
  name.reset();
  // A scan that starts now leaves what is being deleted alone.
  StoreName scan(store_, "name");
  EXPECT_EQ(names().size(), 3u);
  removal.delete_hidden();
  EXPECT_EQ(names(), std::vector<std::string>{second});
}

TEST_F(RemovalTest, WithoutHideNothingChanges) {
  make(first);
  {
    StoreName name(store_, "name");
    Removal removal(name);
    EXPECT_TRUE(removal.take(first));
  }
  EXPECT_EQ(names(), std::vector<std::string>{first});
  EXPECT_EQ(in_use(first), false);
}

TEST_F(RemovalTest, WhatIsReadStays) {
  make(first);
  auto reader = Snapshot::open(path(first));
  auto second_reader = Snapshot::open(path(first));
  EXPECT_EQ(in_use(first), true);
  reader.reset();
  EXPECT_EQ(in_use(first), true);
  StoreName name(store_, "name");
  Removal removal(name);
  EXPECT_FALSE(removal.take(first));
  removal.hide();
  removal.delete_hidden();
  EXPECT_EQ(names(), std::vector<std::string>{first});
  EXPECT_EQ(latest(), first);
  second_reader.reset();
  EXPECT_EQ(in_use(first), false);
  EXPECT_TRUE(removal.take(first));
}

TEST_F(RemovalTest, WhatWasOnlyOpenedGoes) {
  make(first);
  auto reader = Snapshot::open(AT_FDCWD, path(first), Hold::while_opening);
  EXPECT_EQ(in_use(first), false);
  StoreName name(store_, "name");
  Removal removal(name);
  EXPECT_TRUE(removal.take(first));
  removal.hide();
  removal.delete_hidden();
  EXPECT_EQ(names(), std::vector<std::string>{});
  EXPECT_EQ(reader->root_directory().record.child_count, 1u) << "what is mapped stays readable";
}

TEST_F(RemovalTest, AKilledReaderMarksNothing) {
  make(first);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  pid_t child = ::fork();
  if (child == 0) {
    auto reader = Snapshot::open(path(first));
    [[maybe_unused]] ssize_t written = ::write(ends[1], "x", 1);
    for (;;) ::pause();
  }
  char word;
  ASSERT_EQ(::read(ends[0], &word, 1), 1);
  EXPECT_EQ(in_use(first), true);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(in_use(first), false);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(RemovalTest, WhatIsBeingRemovedCannotBeOpened) {
  make(first);
  Fd opened = open_at(AT_FDCWD, path(first), O_RDONLY | O_DIRECTORY);
  StoreName name(store_, "name");
  Removal removal(name);
  ASSERT_TRUE(removal.take(first));
  // Its directory is known to the reader already; what he gets is all of it or ENOENT.
  std::jthread remover([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    removal.hide();
    removal.delete_hidden();
  });
  try {
    Snapshot::open(opened.get(), ".");
    ADD_FAILURE() << "opened while it was being removed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
  }
}

TEST_F(RemovalTest, AReaderWaitsForWhoOnlyLooks) {
  make(first);
  Fd opened = open_at(AT_FDCWD, path(first), O_RDONLY | O_DIRECTORY);
  auto looking = std::make_unique<std::optional<Fd>>(mark_as_removed(opened.get()));
  ASSERT_TRUE(*looking);
  std::jthread looks_away([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    looking.reset();
  });
  EXPECT_EQ(Snapshot::open(opened.get(), ".")->root_directory().record.child_count, 1u);
}

TEST_F(RemovalTest, LatestGoesToTheNewestCompleteOne) {
  make(first);
  make(second, false);
  make(third);
  fs::create_directory(path("2026-01-02T120000Z"));  // no snapshot
  {
    StoreName name(store_, "name");
    Removal removal(name);
    EXPECT_TRUE(removal.take(third));
    removal.hide();
    EXPECT_EQ(latest(), first) << "the second is incomplete";
    removal.delete_hidden();
  }
  StoreName name(store_, "name");
  Removal removal(name);
  EXPECT_TRUE(removal.take(second));
  removal.hide();
  EXPECT_EQ(latest(), first);
  Removal last(name);
  EXPECT_TRUE(last.take(first));
  last.hide();
  EXPECT_EQ(latest(), "") << "there is none";
}

TEST_F(RemovalTest, WhatAKilledRemovalLeftIsCollected) {
  make(first);
  make(second);
  {
    StoreName name(store_, "name");
    Removal removal(name);
    EXPECT_TRUE(removal.take(first));
    removal.hide();
  }
  EXPECT_EQ(names().size(), 2u);
  StoreName scan(store_, "name");
  EXPECT_EQ(names(), std::vector<std::string>{second});
}

TEST_F(RemovalTest, MakesNoStore) {
  EXPECT_THROW(StoreName(store_, "name", StoreName::Missing::refuse), std::system_error);
  EXPECT_FALSE(fs::exists(store_));
}

TEST_F(RemovalTest, SnapshotsAreListedInOrder) {
  make(second);
  make(first);
  make(third, false);
  fs::create_directory(path("empty"));
  fs::create_directory(path("damaged"));
  directory_.write_file("store/name/damaged/manifest.json", "{}");
  auto reader = Snapshot::open(path(first));
  std::vector<StoredSnapshot> all = stored_snapshots(store_, "name");
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].time, first);
  EXPECT_EQ(all[0].in_use, true);
  EXPECT_FALSE(all[0].is_latest) << "made later, but not of a later time";
  EXPECT_EQ(all[1].time, second);
  EXPECT_TRUE(all[1].is_latest);
  EXPECT_EQ(all[1].in_use, false);
  EXPECT_GT(all[1].disk_bytes, 0u);
  EXPECT_TRUE(all[1].manifest && all[1].manifest->complete);
  EXPECT_FALSE(all[2].manifest->complete);
  EXPECT_EQ(all[3].time, "damaged");
  EXPECT_FALSE(all[3].manifest);
  EXPECT_NE(all[3].trouble, "");
  EXPECT_EQ(store_names(store_), std::vector<std::string>{"name"});
}

/// A prune of many must not keep a scan from its lock while it opens them.
TEST_F(RemovalTest, WhatIsKnownIsNotOpenedAgain) {
  make(first);
  make(second);
  fs::create_directory(path("empty"));
  std::vector<StoredSnapshot> known = stored_snapshots(store_, "name");
  ASSERT_EQ(known.size(), 2u);
  fs::remove_all(path(first));
  make(third);
  directory_.write_file(std::string("store/name/") + second + "/manifest.json", "{}");
  std::vector<StoredSnapshot> all = stored_snapshots(store_, "name", std::move(known));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].time, second);
  EXPECT_TRUE(all[0].manifest) << "as it was known";
  EXPECT_FALSE(all[0].is_latest);
  EXPECT_EQ(all[1].time, third);
  EXPECT_TRUE(all[1].manifest);
  EXPECT_TRUE(all[1].is_latest);
}

TEST_F(RemovalTest, WhatIsDamagedTakesItsSpaceToo) {
  make(first);
  directory_.write_file(std::string("store/name/") + first + "/manifest.json", "{}");
  std::vector<StoredSnapshot> all = stored_snapshots(store_, "name");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].manifest);
  EXPECT_GT(all[0].disk_bytes, 0u);
  EXPECT_EQ(all[0].in_use, false);
}

/// Whose manifest alone is whole: prune must not take it for the newest that can be read.
TEST_F(RemovalTest, ASnapshotThatCannotBeOpenedIsNone) {
  make(first);
  make(second);
  for (const auto& file : fs::directory_iterator(path(second)))
    if (file.path().extension() == ".names") fs::remove(file.path());
  std::vector<StoredSnapshot> all = stored_snapshots(store_, "name");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].manifest);
  EXPECT_FALSE(all[1].manifest);
  EXPECT_NE(all[1].trouble.find("is missing"), std::string::npos) << all[1].trouble;
}

TEST(TimeNames, AreTold) {
  constexpr Timestamp start{1795373212, 5};
  for (const char* name : {"2026-11-22T184652Z", "2026-11-22T184652Z-2", "2026-11-22T184652Z-10"})
    EXPECT_TRUE(is_time_name(name, start)) << name;
  for (const char* name : {"", "latest", "2026-11-22T184652", "2026-11-22T184652Z-", "2026-11-22T184652Z-x",
                           "2026-11-22T184652Zold", "2026-11-22T184653Z", "before the move"})
    EXPECT_FALSE(is_time_name(name, start)) << name;
}

}  // namespace
}  // namespace pwalk::snapshot
