// The walk as its sinks see it: every name once, sorted, each directory finished after all below it, errors
// as data, a sink's exception and a stop ending it.
// SPDX-License-Identifier: MIT

#include "walk/walker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "support/recorded_walk.h"
#include "support/temporary_directory.h"

namespace pwalk::walk {
namespace {

class WalkerTest : public RecordedWalk {
 protected:
  void make_comb(unsigned levels) {
    Fd at = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
    for (unsigned i = 0; i < levels; ++i) {
      for (const char* name : {"down", "side", "zide"}) ASSERT_EQ(::mkdirat(at.get(), name, 0755), 0);
      at = open_at(at.get(), i % 3 == 0 ? "side" : "down", O_RDONLY | O_DIRECTORY);
    }
  }
};

TEST_F(WalkerTest, FinishesEachDirectoryOnceAfterAllBelowIt) {
  make_comb(60);
  for (unsigned workers : {1u, 2u, 7u}) {
    seen_.forget();
    ASSERT_TRUE(walk(workers));
    EXPECT_EQ(seen_.children.size(), 180u);
    ASSERT_EQ(seen_.finished.size(), 181u);
    std::map<std::string, std::size_t> order;
    for (std::size_t i = 0; i < seen_.finished.size(); ++i)
      EXPECT_TRUE(order.emplace(seen_.finished[i], i).second) << seen_.finished[i];
    for (const auto& [child, parent] : seen_.parents)
      EXPECT_LT(order[seen_.paths[child]], order[seen_.paths[parent]]);
  }
}

TEST_F(WalkerTest, NeedsFewDescriptorsHoweverDeepTheTreeIs) {
  make_comb(3000);
  for (unsigned workers : {1u, 3u}) {
    seen_.forget();
    ASSERT_TRUE(walk(workers, 8));
    EXPECT_EQ(seen_.children.size(), 9000u);
    for (const auto& [path, outcome] : seen_.outcomes)
      ASSERT_EQ(outcome.listed, Listed::whole) << outcome.error;
  }
}

TEST_F(WalkerTest, ManyEntriesAreSortedToo) {
  std::set<std::string> expected;
  Fd at = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
  for (unsigned i = 0; i < 9000; ++i) {
    std::string name = std::string(i % 11, 'a' + static_cast<char>(i % 3)) + std::to_string(i * 7919);
    expected.insert("/" + name);
    ASSERT_EQ(::symlinkat(name.c_str(), at.get(), name.c_str()), 0);
  }
  ASSERT_TRUE(walk(2));
  EXPECT_EQ(seen_.children.size(), expected.size());
  for (const auto& [path, child] : seen_.children) EXPECT_TRUE(expected.count(path)) << path;
}

TEST_F(WalkerTest, DoesNotEnterItsOwnOutput) {
  directory_.make_directory("output/below");
  struct stat status;
  ASSERT_EQ(::stat(directory_.path("output").c_str(), &status), 0);
  options_.output_device = status.st_dev;
  options_.output_inode = status.st_ino;
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.size(), 1u);
  EXPECT_EQ(seen_.children["/output"].not_entered, NotEntered::own_output);
}

TEST_F(WalkerTest, DoesNotFollowSymbolicLinks) {
  directory_.make_directory("directory/below");
  ASSERT_EQ(::symlink("directory", directory_.path("link").c_str()), 0);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.size(), 3u);
  EXPECT_FALSE(seen_.children["/link"].is_directory);
}

TEST_F(WalkerTest, ADirectorySwappedForALinkIsNotEntered) {
  // The link leads to the very directory that was listed, so that only not following it decides.
  test::TemporaryDirectory elsewhere{test::memory_directory()};
  directory_.make_directory("victim/secret");
  seen_.on_victim = [&] {
    std::filesystem::rename(directory_.path("victim"), elsewhere.path("victim"));
    std::filesystem::create_directory_symlink(elsewhere.path("victim"), directory_.path("victim"));
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.count("/victim/secret"), 0u);
  EXPECT_EQ(seen_.outcomes["/victim"].listed, Listed::vanished);
  EXPECT_EQ(seen_.outcomes["/victim"].call, Call::none) << "a race is no error";
}

TEST_F(WalkerTest, ADirectorySwappedForAnotherIsNotEntered) {
  directory_.make_directory("victim");
  directory_.make_directory("zother/secret");
  seen_.on_victim = [&] {
    std::filesystem::rename(directory_.path("victim"), directory_.path("moved"));
    std::filesystem::rename(directory_.path("zother"), directory_.path("victim"));
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.count("/victim/secret"), 0u);
  EXPECT_EQ(seen_.outcomes["/victim"].listed, Listed::vanished);
}

TEST_F(WalkerTest, AnExceptionOfASinkEndsTheWalk) {
  make_comb(200);
  for (unsigned workers : {1u, 4u}) {
    try {
      walk(workers, 0, 50);
      ADD_FAILURE() << "the exception was lost";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ENOSPC);
    }
    seen_.forget();
  }
}

TEST_F(WalkerTest, StopsWhenAsked) {
  make_comb(200);
  stop_ = true;
  EXPECT_FALSE(walk(3));
  EXPECT_LT(seen_.children.size(), 600u);
}

}  // namespace
}  // namespace pwalk::walk
