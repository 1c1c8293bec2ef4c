// Errors are listed with the paths that they happened at, those of a subtree found without looking at the
// rest.
// SPDX-License-Identifier: MIT

#include "report/error_list.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/writer.h"
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

TEST(ErrorList, StopsAtItsLimit) {
  test::TemporaryDirectory directory;
  auto snapshot = snapshot_with_errors(directory.path("snapshot"));
  EXPECT_EQ(list_errors(snapshot, 2).size(), 2u);
  EXPECT_EQ(list_errors(snapshot, 0).size(), 0u);
}

}  // namespace
}  // namespace pwalk::report
