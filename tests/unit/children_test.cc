// Reading on from any child gives what asking for each child gives.
// SPDX-License-Identifier: MIT
#include "snapshot/children.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "../support/sample_snapshot.h"
#include "../support/temporary_directory.h"
#include "base/error.h"

namespace pwalk::snapshot {
namespace {

auto facts(const Entry& entry) {
  return std::tuple(entry.place, entry.name, entry.target, entry.mode, entry.flags, entry.uid, entry.gid,
                    entry.nlink, entry.inode, entry.apparent_bytes, entry.blocks, entry.mtime,
                    entry.directory_index);
}

class ChildrenTest : public ::testing::Test {
 protected:
  ChildrenTest() {
    test::write_sample(directory_.path("snapshot"), test::sample_tree(), 2);
    snapshot_ = Snapshot::open(directory_.path("snapshot"));
    root_ = snapshot_->root_directory();
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<const Snapshot> snapshot_;
  Directory root_;
};

TEST_F(ChildrenTest, AreThoseOfTheDirectoryFromAnyPositionOn) {
  ASSERT_GT(root_.record.child_count, 5u);
  for (std::uint32_t first = 0; first < root_.record.child_count; ++first) {
    Children children(*snapshot_, root_, first);
    for (std::uint32_t position = first; position < root_.record.child_count; ++position) {
      ASSERT_FALSE(children.at_end());
      EXPECT_EQ(children.position(), position);
      EXPECT_EQ(facts(children.next()), facts(snapshot_->child(root_, position)));
    }
    EXPECT_TRUE(children.at_end());
  }
}

TEST_F(ChildrenTest, EndAtTheEnd) {
  for (std::uint32_t position : {root_.record.child_count, root_.record.child_count + 1, ~std::uint32_t{0}}) {
    Children children(*snapshot_, root_, position);
    EXPECT_TRUE(children.at_end());
    EXPECT_THROW(children.next(), FormatError);
  }
}

/// Names before, at and behind a dot, as many of each as the way to them may depend on.
TEST(Find, EveryNameAndNoOther) {
  int number = 0;
  for (int before : {0, 1, 7})
    for (int hidden : {0, 1, 2, 3, 4, 7, 8, 9, 100})
      for (int behind : {0, 1, 1000}) {
        std::vector<test::SampleNode> files;
        auto add = [&](const std::string& start, int count) {
          for (int i = 0; i < count; ++i) {
            std::string digits = std::to_string(10'000 + 2 * i);
            files.push_back(test::sample_file(start + digits, 100 + files.size(), 1));
          }
        };
        add("!", before);
        add(".", hidden);
        add("a", behind);
        test::TemporaryDirectory directory;
        std::string path = directory.path("s" + std::to_string(number++));
        test::write_sample(path, test::sample_directory("", 2, 0755, files), 1);
        auto snapshot = Snapshot::open(path);
        Directory root = snapshot->root_directory();
        ASSERT_EQ(root.record.child_count, files.size());
        for (const test::SampleNode& file : files) {
          auto found = snapshot->find(root, file.name);
          ASSERT_TRUE(found) << file.name;
          ASSERT_EQ(found->name, file.name);
          std::string other = file.name;
          ++other.back();  // each number is even
          ASSERT_FALSE(snapshot->find(root, other)) << other;
        }
        for (const char* name : {"!", ".", "a", "!9", ".9", "a9", " ", "~", ".pwalk"})
          ASSERT_FALSE(snapshot->find(root, name)) << name;
      }
}

}  // namespace
}  // namespace pwalk::snapshot
