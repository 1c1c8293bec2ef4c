// Properties of scans of random trees: any number of workers and any size of shards give one logical
// snapshot; the full check finds it whole; totals and hard-link excess are what counting by hand gives.
// SPDX-License-Identifier: MIT

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>

#include "snapshot/check.h"
#include "support/describe.h"
#include "support/limited_scan.h"
#include "support/random_tree.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

using snapshot::Directory;
using snapshot::Entry;
using snapshot::Snapshot;

std::string problems_of(const std::string& path) {
  std::string text;
  for (const auto& problem : snapshot::check_snapshot(path).problems) text += problem.text + "\n";
  return text;
}

/// What du -s and find would count below `path`, without the snapshot's help.
struct Counted {
  std::uint64_t entries = 0, files = 0, directories = 0, symlinks = 0;
  std::uint64_t apparent = 0, directory_bytes = 0, disk = 0;
  std::map<std::pair<dev_t, ino_t>, std::vector<struct stat>> linked;
};

void count(const std::string& path, Counted& counted) {
  struct stat status;
  ASSERT_EQ(::lstat(path.c_str(), &status), 0) << path;
  ++counted.entries;
  counted.disk += static_cast<std::uint64_t>(status.st_blocks) * 512;
  if (S_ISDIR(status.st_mode)) {
    ++counted.directories;
    counted.directory_bytes += static_cast<std::uint64_t>(status.st_size);
    for (const auto& entry : std::filesystem::directory_iterator(path)) count(entry.path().string(), counted);
    return;
  }
  counted.files += S_ISREG(status.st_mode);
  counted.symlinks += S_ISLNK(status.st_mode);
  counted.apparent += static_cast<std::uint64_t>(status.st_size);
  if (status.st_nlink > 1) counted.linked[{status.st_dev, status.st_ino}].push_back(status);
}

void compare_totals(const Snapshot& snapshot, const Directory& directory, const std::string& path) {
  Counted counted;
  count(path, counted);
  std::uint64_t inodes = 0, apparent = 0, disk = 0;
  for (const auto& [inode, names] : counted.linked) {
    inodes += names.size() - 1;
    apparent += (names.size() - 1) * static_cast<std::uint64_t>(names[0].st_size);
    disk += (names.size() - 1) * static_cast<std::uint64_t>(names[0].st_blocks) * 512;
  }
  snapshot::Totals totals = directory.totals();
  EXPECT_EQ(totals.entries, counted.entries) << path;
  EXPECT_EQ(totals.files, counted.files) << path;
  EXPECT_EQ(totals.directories, counted.directories) << path;
  EXPECT_EQ(totals.symlinks, counted.symlinks) << path;
  EXPECT_EQ(totals.apparent_bytes, counted.apparent) << path;
  EXPECT_EQ(totals.directory_bytes, counted.directory_bytes) << path;
  EXPECT_EQ(totals.disk_bytes, counted.disk) << path;
  EXPECT_EQ(totals.excess_inodes, inodes) << path;
  EXPECT_EQ(totals.excess_apparent, apparent) << path;
  EXPECT_EQ(totals.excess_disk, disk) << path;
  for (std::uint32_t i = 0; i < directory.record.dir_count; ++i) {
    Directory below = snapshot.subdirectory(directory, i);
    compare_totals(snapshot, below, path + "/" + std::string(snapshot.entry(below.entry()).name));
  }
}

/// Shows the first line that differs, not all of both.
void expect_same(const std::string& path, const std::vector<std::string>& expected) {
  std::vector<std::string> found = test::describe(*Snapshot::open(path));
  EXPECT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) ASSERT_EQ(found[i], expected[i]);
}

class ScanProperty : public ::testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    tree_ = directory_.path() + "/tree";
    ASSERT_EQ(::mkdir(tree_.c_str(), 0755), 0);
    test::make_random_tree(tree_, GetParam(), 50 + GetParam() * 40);
  }
  test::TemporaryDirectory directory_{test::memory_directory()};
  std::string tree_;
};

TEST_P(ScanProperty, TotalsAreWhatCountingGives) {
  test::limited_scan(tree_, directory_.path() + "/snapshot", 3, {});
  auto snapshot = Snapshot::open(directory_.path() + "/snapshot");
  compare_totals(*snapshot, snapshot->root_directory(), tree_);
  EXPECT_EQ(problems_of(directory_.path() + "/snapshot"), "");
}

TEST_P(ScanProperty, AnyNumberOfWorkersGivesTheSameSnapshot) {
  test::limited_scan(tree_, directory_.path() + "/one", 1, {});
  auto expected = test::describe(*Snapshot::open(directory_.path() + "/one"));
  for (unsigned workers : {2u, 4u, 9u}) {
    std::string path = directory_.path() + "/workers" + std::to_string(workers);
    test::limited_scan(tree_, path, workers, {});
    expect_same(path, expected);
  }
}

TEST_P(ScanProperty, SmallShardsGiveTheSameSnapshot) {
  test::limited_scan(tree_, directory_.path() + "/one", 1, {});
  snapshot::WriterLimits small;
  small.names_bytes = 12000;
  small.records = 2000;
  small.link_notes = 3;
  std::string path = directory_.path() + "/small";
  auto manifest = test::limited_scan(tree_, path, 2, small);
  if (GetParam() > 20) {
    EXPECT_GT(manifest.shards.size(), 2u);
  }
  expect_same(path, test::describe(*Snapshot::open(directory_.path() + "/one")));
  EXPECT_EQ(problems_of(path), "");
}

TEST_P(ScanProperty, FewDescriptorsGiveTheSameSnapshot) {
  test::limited_scan(tree_, directory_.path() + "/one", 1, {});
  std::string path = directory_.path() + "/few";
  test::limited_scan(tree_, path, 3, {}, 3);
  expect_same(path, test::describe(*Snapshot::open(directory_.path() + "/one")));
}

TEST_P(ScanProperty, EveryEntryIsFoundByNameAndNumber) {
  test::limited_scan(tree_, directory_.path() + "/snapshot", 2, {});
  auto snapshot = Snapshot::open(directory_.path() + "/snapshot");
  std::set<std::uint64_t> numbers{0};
  std::vector<Directory> waiting{snapshot->root_directory()};
  while (!waiting.empty()) {
    Directory directory = waiting.back();
    waiting.pop_back();
    std::string path = snapshot->path_of(directory);
    for (std::uint32_t i = 0; i < directory.record.child_count; ++i) {
      Entry child = snapshot->child(directory, i);
      auto found = snapshot->find(directory, child.name);
      ASSERT_TRUE(found) << child.name;
      EXPECT_EQ(found->place, child.place);
      EXPECT_FALSE(snapshot->find(directory, std::string(child.name) + "\x01"));
      std::uint64_t number = snapshot->number_of(child.place);
      EXPECT_TRUE(numbers.insert(number).second);
      EXPECT_EQ(snapshot->place_of(number), child.place);
      auto resolved = snapshot->resolve(path + "/" + std::string(child.name));
      ASSERT_TRUE(resolved);
      EXPECT_EQ(resolved->place, child.place);
      if (child.is_directory()) {
        waiting.push_back(snapshot->directory_of(child));
        EXPECT_EQ(snapshot->parent_of(waiting.back()).place, directory.place);
      }
    }
  }
  EXPECT_EQ(numbers.size(), snapshot->entry_count());
  EXPECT_EQ(*numbers.rbegin(), snapshot->entry_count() - 1);
  EXPECT_FALSE(snapshot->place_of(snapshot->entry_count()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScanProperty, ::testing::Range(1u, 41u, 3u));

}  // namespace
}  // namespace pwalk
