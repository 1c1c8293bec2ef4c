// Reading on from any child gives what asking for each child gives.
// SPDX-License-Identifier: MIT
#include "snapshot/children.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

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

}  // namespace
}  // namespace pwalk::snapshot
