// Errors are listed with the paths that they happened at, those of a subtree found without looking at the
// rest.
// SPDX-License-Identifier: MIT

#include "report/error_list.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "snapshot/writer.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::report {
namespace {

struct statx stat_of(std::uint16_t mode) {
  struct statx stat = {};
  stat.stx_mode = mode;
  stat.stx_nlink = 1;
  return stat;
}

snapshot::EntryInput input(const char* name, const struct statx* stat) {
  snapshot::EntryInput entry;
  entry.name = name;
  entry.stat = stat;
  return entry;
}

/// /top: bad (no stat), good/ (empty), link (unreadable target), locked/ (cannot be opened)
std::shared_ptr<const snapshot::Snapshot> snapshot_with_errors(const std::string& path) {
  struct statx directory = stat_of(S_IFDIR | 0755);
  struct statx link = stat_of(S_IFLNK | 0777);
  EXPECT_EQ(::mkdir(path.c_str(), 0700), 0);
  Fd opened = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  snapshot::Manifest manifest;
  manifest.root = "/top";
  snapshot::SnapshotWriter writer(opened.get(), manifest.uuid);
  writer.device_index(8, 1, "ext4");
  snapshot::WorkerWriter& worker = writer.add_worker();
  worker.add_root(input("", &directory));
  worker.begin({0, 0}, 4, 100, 0);
  snapshot::EntryInput bad = input("bad\n", nullptr);
  bad.stat_error = EIO;
  worker.add(bad);
  snapshot::Place good = worker.add(input("good", &directory));
  snapshot::EntryInput unreadable = input("link", &link);
  unreadable.target_error = EACCES;
  worker.add(unreadable);
  snapshot::Place locked = worker.add(input("locked", &directory));
  worker.end({});
  worker.begin(good, 0, 0, 0);
  worker.end({});
  worker.finish(good);
  snapshot::ListingOutcome outcome;
  outcome.state = format::state_failed;
  outcome.call = format::call_openat;
  outcome.error = EACCES;
  worker.not_listed(locked, outcome);
  worker.finish(locked);
  worker.finish({0, 0});
  writer.finish(manifest, 1);
  return snapshot::Snapshot::open(path);
}

TEST(ErrorList, NamesEachEntry) {
  test::TemporaryDirectory directory;
  auto snapshot = snapshot_with_errors(directory.path("snapshot"));
  std::vector<std::string> messages;
  for (const FailedEntry& failed : list_errors(snapshot, 10)) messages.push_back(failed.message());
  EXPECT_EQ(messages, (std::vector<std::string>{"cannot stat '/top/bad\\n': Input/output error",
                                                "cannot read the target of '/top/link': Permission denied",
                                                "cannot open '/top/locked': Permission denied"}));
  EXPECT_EQ(snapshot->manifest().totals.errors, 3u);
}

TEST(ErrorList, OfAScanThatEndedSaysSo) {
  EXPECT_EQ((FailedEntry{"/top\n", format::call_getdents64, ECANCELED}.message()),
            "not all of '/top\\n' was looked at: the scan ended");
  EXPECT_EQ((FailedEntry{"/top", format::call_getdents64, EIO}.message()),
            "cannot list '/top': Input/output error");
  EXPECT_EQ((FailedEntry{"/top", format::call_statx, ECANCELED}.message()),
            "cannot stat '/top': Operation canceled");
}

TEST(ErrorList, StopsAtItsLimit) {
  test::TemporaryDirectory directory;
  auto snapshot = snapshot_with_errors(directory.path("snapshot"));
  EXPECT_EQ(list_errors(snapshot, 2).size(), 2u);
  EXPECT_EQ(list_errors(snapshot, 0).size(), 0u);
}

TEST(ErrorList, OfAnyStartAreThoseBelowIt) {
  test::TemporaryDirectory directory;
  auto snapshot = snapshot_with_errors(directory.path("snapshot"));
  auto of = [&](const std::string& name, std::size_t most) {
    std::vector<std::string> messages;
    auto take = [&](const FailedEntry& failed) {
      messages.push_back(failed.message());
      return messages.size() < most;
    };
    visit_errors(snapshot, snapshot->resolve(name).value(), name, take);
    return messages;
  };
  using Messages = std::vector<std::string>;
  EXPECT_EQ(of("bad\n", 9), Messages{"cannot stat 'bad\\n': Input/output error"});
  EXPECT_EQ(of("bad\n", 1), of("bad\n", 9));
  EXPECT_EQ(of("link", 9), Messages{"cannot read the target of 'link': Permission denied"});
  EXPECT_EQ(of("locked", 9), Messages{"cannot open 'locked': Permission denied"});
  EXPECT_EQ(of("good", 9), Messages{});
  for (std::size_t most : {1u, 2u, 3u}) EXPECT_EQ(of("", most).size(), most);
}

TEST(ErrorList, CutsPathsThatGetTooLong) {
  test::TemporaryDirectory directory;
  auto snapshot = snapshot_with_errors(directory.path("snapshot"));
  std::vector<std::string> paths;
  auto take = [&](const FailedEntry& failed) {
    paths.push_back(failed.path);
    return true;
  };
  visit_errors(snapshot, snapshot->root(), ".", take, 6);
  EXPECT_EQ(paths, (std::vector<std::string>{"./bad\n", "./link", "./…"}));
}

/// Many errors of files in directories that all have one long name.
TEST(ErrorList, ReadsNoNameOverAndOver) {
  test::TemporaryDirectory directory;
  std::string path = directory.path("snapshot");
  std::vector<test::SampleNode> directories;
  for (std::uint64_t i = 0; i < 9; ++i) {
    test::SampleNode file = test::sample_file("file" + std::to_string(i), 100 + i, 1);
    file.has_stat = false;
    file.stat_error = EIO;
    directories.push_back(test::sample_directory("d" + std::to_string(i), 200 + i, 0755, {file}));
  }
  std::string long_name(1 << 20, 'x');
  directories.push_back(test::sample_file(long_name, 3, 1));
  test::write_sample(path, test::sample_directory("", 2, 0755, directories), 1);
  test::SnapshotEditor editor(path);
  std::uint32_t offset = 0;
  editor.change_entry(long_name, [&](format::Entry& entry) { offset = entry.name; });
  for (int i = 0; i < 9; ++i)
    editor.change_entry("file" + std::to_string(i), [&](format::Entry& entry) { entry.name = offset; });
  editor.save();
  std::string rule;
  std::size_t taken = 0;
  try {
    taken = list_errors(snapshot::Snapshot::open(path), 100).size();
  } catch (const FormatError& error) {
    rule = error.rule();
  }
  EXPECT_EQ(rule, "N6");
  EXPECT_EQ(taken, 0u);
}

}  // namespace
}  // namespace pwalk::report
