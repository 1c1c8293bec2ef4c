// The walk through a snapshot: order, paths, depth, skipping, and a chain of directories far deeper than a
// stack would go.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "../support/sample_snapshot.h"
#include "../support/snapshot_editor.h"
#include "../support/temporary_directory.h"
#include "../support/tiny_scan.h"
#include "base/error.h"
#include "report/tree_cursor.h"

namespace pwalk::report {
namespace {

using Visit = TreeCursor::Visit;
using Among = TreeCursor::Among;

/// Each visit as "+PATH DEPTH" (enter), "-PATH DEPTH" (leave) or "PATH DEPTH".
std::vector<std::string> visits(TreeCursor& cursor, std::uint64_t max_depth = 1000) {
  std::vector<std::string> seen;
  for (Visit visit = cursor.next(); visit != Visit::end; visit = cursor.next()) {
    const char* sign = visit == Visit::enter ? "+" : visit == Visit::leave ? "-" : "";
    seen.push_back(sign + cursor.path() + " " + std::to_string(cursor.depth()));
    if (visit == Visit::enter && cursor.depth() >= max_depth) cursor.skip();
  }
  EXPECT_EQ(cursor.next(), Visit::end);
  return seen;
}

class TreeCursorTest : public ::testing::Test {
 protected:
  TreeCursorTest() {
    live_.make_directory("tree/b/empty");
    live_.make_directory("tree/b/full");
    live_.make_directory("tree/c");
    live_.write_file("tree/a", "");
    live_.write_file("tree/b/full/x", "");
    live_.write_file("tree/b/full/y", "");
    live_.write_file("tree/b/zz", "");
    live_.write_file("tree/d", "");
    test::TinyScan(live_.path("tree"), live_.path("snapshot"));
    snapshot_ = snapshot::Snapshot::open(live_.path("snapshot"));
  }

  TreeCursor cursor(const std::string& inner, const std::string& shown, Among among = Among::entries,
                    std::size_t path_bytes_max = std::string::npos) {
    return TreeCursor(snapshot_, snapshot_->resolve(inner).value(), shown, among, path_bytes_max);
  }

  test::TemporaryDirectory live_;
  std::shared_ptr<const snapshot::Snapshot> snapshot_;
};

TEST_F(TreeCursorTest, DepthFirstInNameOrder) {
  TreeCursor all = cursor("", "T");
  EXPECT_EQ(visits(all),
            (std::vector<std::string>{"+T 0", "T/a 1", "+T/b 1", "+T/b/empty 2", "-T/b/empty 2",
                                      "+T/b/full 2", "T/b/full/x 3", "T/b/full/y 3", "-T/b/full 2",
                                      "T/b/zz 2", "-T/b 1", "+T/c 1", "-T/c 1", "T/d 1", "-T 0"}));
}

TEST_F(TreeCursorTest, DirectoriesOnly) {
  TreeCursor directories = cursor("", "T", Among::directories);
  EXPECT_EQ(visits(directories),
            (std::vector<std::string>{"+T 0", "+T/b 1", "+T/b/empty 2", "-T/b/empty 2", "+T/b/full 2",
                                      "-T/b/full 2", "-T/b 1", "+T/c 1", "-T/c 1", "-T 0"}));
}

TEST_F(TreeCursorTest, StartBelowTheRootStaysBelowIt) {
  TreeCursor below = cursor("b/full", "/x/y");
  EXPECT_EQ(below.start_length(), 5u);
  EXPECT_EQ(visits(below), (std::vector<std::string>{"+/x/y 0", "/x/y/x 1", "/x/y/y 1", "-/x/y 0"}));
}

TEST_F(TreeCursorTest, StartThatIsNoDirectory) {
  for (Among among : {Among::entries, Among::directories}) {
    TreeCursor one = cursor("b/zz", "zz", among);
    EXPECT_EQ(visits(one), (std::vector<std::string>{"zz 0"}));
  }
}

TEST_F(TreeCursorTest, StartPathThatEndsInASlashGetsNoSecondOne) {
  TreeCursor root = cursor("b", "/");
  EXPECT_EQ(root.start_length(), 1u);
  EXPECT_EQ(visits(root, 1), (std::vector<std::string>{"+/ 0", "+/empty 1", "-/empty 1", "+/full 1",
                                                       "-/full 1", "/zz 1", "-/ 0"}));
}

TEST_F(TreeCursorTest, SkipLeavesAtOnce) {
  for (Among among : {Among::entries, Among::directories}) {
    TreeCursor top = cursor("", "T", among);
    EXPECT_EQ(visits(top, 0), (std::vector<std::string>{"+T 0", "-T 0"}));
  }
}

TEST_F(TreeCursorTest, PathsAreCutWhereTheyGetTooLong) {
  TreeCursor cut = cursor("", "T", Among::entries, 7);
  EXPECT_EQ(visits(cut), (std::vector<std::string>{"+T 0", "T/a 1", "+T/b 1", "+T/b/… 2", "-T/b/… 2",
                                                   "+T/b/… 2", "T/b/… 3", "T/b/… 3", "-T/b/… 2", "T/b/zz 2",
                                                   "-T/b 1", "+T/c 1", "-T/c 1", "T/d 1", "-T 0"}));
  TreeCursor whole = cursor("b", "T", Among::entries, 8);
  EXPECT_EQ(visits(whole),
            (std::vector<std::string>{"+T 0", "+T/empty 1", "-T/empty 1", "+T/full 1", "T/full/x 2",
                                      "T/full/y 2", "-T/full 1", "T/zz 1", "-T 0"}));
  TreeCursor children = cursor("b", "T", Among::directories, 8);
  children.next();
  EXPECT_EQ(children.path_of_child("longer"), "T/longer");
  EXPECT_EQ(children.path_of_child("longest"), "T/…");
  children.next();
  EXPECT_EQ(children.path(), "T/empty");
  EXPECT_EQ(children.path_of_child(""), "T/empty/");
  EXPECT_EQ(children.path_of_child("x"), "T/empty/…");
}

/// Twenty levels under one name of a megabyte: each is sorted, ends with a NUL, and has a hash that is right.
TEST(TreeCursor, NamesThatAreSharedMakeNoEndlessPaths) {
  constexpr int levels = 20;
  std::string long_name(1 << 20, 'x');
  test::SampleNode chain = test::sample_directory("d0", 100, 0755, {test::sample_file("file", 99, 1)});
  for (int level = 1; level < levels; ++level)
    chain = test::sample_directory("d" + std::to_string(level), 100 + static_cast<std::uint64_t>(level), 0755,
                                   {chain});
  chain = test::sample_directory(long_name, 200, 0755, {chain});
  test::TemporaryDirectory directory;
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_directory("", 2, 0755, {chain}), 1);
  test::SnapshotEditor editor(path);
  std::uint32_t offset = 0;
  editor.change_entry(long_name, [&](format::Entry& entry) { offset = entry.name; });
  for (int level = 0; level < levels; ++level)
    editor.change_entry("d" + std::to_string(level), [&](format::Entry& entry) { entry.name = offset; });
  editor.save();
  auto snapshot = snapshot::Snapshot::open(path);
  for (Among among : {Among::entries, Among::directories}) {
    TreeCursor cursor(snapshot, snapshot->root(), "/", among);
    std::string rule;
    try {
      while (cursor.next() != Visit::end) ASSERT_LT(cursor.path().size(), long_name.size() + 1000);
    } catch (const FormatError& error) {
      rule = error.rule();
    }
    EXPECT_EQ(rule, "N6");
  }
}

/// Links whose names are the ends of one string, behind which one long target follows.
TEST(TreeCursor, TargetsThatAreSharedMakeNoEndlessListing) {
  constexpr std::uint32_t links = 20;
  std::string target(1 << 20, 'x');
  std::vector<test::SampleNode> nodes;
  for (std::uint32_t link = 0; link < links; ++link)
    nodes.push_back(test::sample_symlink(std::string(1, static_cast<char>('a' + link)), 10 + link, "t"));
  nodes.push_back(test::sample_symlink(std::string(links, 'z'), 100, target));
  test::TemporaryDirectory directory;
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_directory("", 2, 0755, nodes), 1);
  test::SnapshotEditor editor(path);
  std::uint32_t offset = 0;
  editor.change_entry(std::string(links, 'z'), [&](format::Entry& entry) { offset = entry.name; });
  for (std::uint32_t link = 0; link < links; ++link)
    editor.change_entry(std::string(1, static_cast<char>('a' + link)),
                        [&](format::Entry& entry) { entry.name = offset + links - 1 - link; });
  editor.save();
  auto snapshot = snapshot::Snapshot::open(path);
  TreeCursor cursor(snapshot, snapshot->root(), "/", Among::entries);
  std::string rule;
  std::size_t bytes = 0;
  try {
    while (cursor.next() != Visit::end) bytes += cursor.entry().target.size();
  } catch (const FormatError& error) {
    rule = error.rule();
  }
  EXPECT_EQ(rule, "N6");
  EXPECT_LT(bytes, 3 * target.size());
}

/// A chain of directories, each with one file beside the next, written without a file system.
TEST(TreeCursor, WalksAChainOfAHundredThousandLevels) {
  constexpr std::uint32_t levels = 100000;
  test::TemporaryDirectory directory;
  directory.make_directory("snapshot");
  {
    Fd output = open_at(AT_FDCWD, directory.path("snapshot"), O_RDONLY | O_DIRECTORY);
    snapshot::Manifest manifest;
    manifest.uuid = snapshot::new_uuid();
    manifest.root = "/";
    snapshot::SnapshotWriter writer(output.get(), manifest.uuid);
    snapshot::WorkerWriter& worker = writer.add_worker();
    struct statx directory_stat = {}, file_stat = {};
    directory_stat.stx_mode = S_IFDIR | 0755;
    file_stat.stx_mode = S_IFREG | 0644;
    snapshot::EntryInput level, file;
    level.device_index = file.device_index = writer.device_index(8, 1, "ext4");
    level.stat = &directory_stat;
    file.stat = &file_stat;
    file.name = "file";
    worker.add_root(level);
    level.name = "d";
    std::vector<snapshot::Place> chain{{0, 0}};
    for (std::uint32_t i = 0; i < levels; ++i) {
      worker.begin(chain.back(), 2, 7, 0);
      snapshot::Place next = worker.add(level);
      worker.add(file);
      worker.end({});
      chain.push_back(next);
    }
    worker.begin(chain.back(), 0, 0, 0);
    worker.end({});
    for (auto place = chain.rbegin(); place != chain.rend(); ++place) worker.finish(*place);
    writer.finish(manifest, 1);
  }
  auto snapshot = snapshot::Snapshot::open(directory.path("snapshot"));
  for (Among among : {Among::entries, Among::directories}) {
    TreeCursor cursor(snapshot, snapshot->root(), "/", among);
    std::uint64_t entered = 0, left = 0, others = 0, deepest = 0;
    std::size_t longest_path = 0;
    for (Visit visit = cursor.next(); visit != Visit::end; visit = cursor.next()) {
      (visit == Visit::enter ? entered : visit == Visit::leave ? left : others) += 1;
      deepest = std::max(deepest, cursor.depth());
      longest_path = std::max(longest_path, cursor.path().size());
    }
    EXPECT_EQ(entered, levels + 1);
    EXPECT_EQ(left, levels + 1);
    EXPECT_EQ(others, among == Among::entries ? levels : 0);
    EXPECT_EQ(deepest, levels);
    EXPECT_EQ(longest_path, among == Among::entries ? 2 * (levels - 1) + 5 : 2 * levels);
    EXPECT_EQ(cursor.path(), "/");
  }
}

}  // namespace
}  // namespace pwalk::report
