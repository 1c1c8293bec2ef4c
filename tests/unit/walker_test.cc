// The walk as its sinks see it: every name once, sorted, each directory finished after all below it, errors
// as data, a sink's exception and a stop ending it.
// SPDX-License-Identifier: MIT

#include "walk/walker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk::walk {
namespace {

/// What all sinks of one walk saw, by path.
struct Seen {
  std::mutex mutex;
  std::vector<std::string> paths{""};  // by token
  std::map<Token, Token> parents;
  std::map<std::string, Child> children;
  std::map<std::string, Outcome> outcomes;
  std::vector<std::string> finished;
  unsigned vanished = 0;
  std::function<void()> on_victim;  // an entry of that name was listed, and is not opened yet
};

class RecordingSink : public Sink {
 public:
  explicit RecordingSink(Seen& seen) : seen_(seen) {}
  bool begin(Token directory, std::uint64_t entries, std::uint64_t names_bytes, std::uint64_t) override {
    directory_ = directory;
    last_.clear();
    entries_ = entries;
    names_bytes_ = names_bytes;
    return true;
  }
  bool add(const Child& child, Token& token) override {
    std::lock_guard lock(seen_.mutex);
    EXPECT_LT(last_, child.name);
    last_ = child.name;
    EXPECT_GT(entries_--, 0u);
    EXPECT_GE(names_bytes_, child.name.size() + 1);
    names_bytes_ -= child.name.size() + 1;
    std::string path = seen_.paths[directory_] + "/" + std::string(child.name);
    EXPECT_TRUE(seen_.children.emplace(path, child).second) << path;
    if (child.is_directory) {
      token = seen_.paths.size();
      seen_.paths.push_back(path);
      seen_.parents[token] = directory_;
    }
    if (child.name == "victim" && seen_.on_victim) seen_.on_victim();
    if (fail_at_ != 0 && --fail_at_ == 0) throw_errno(ENOSPC, "the sink is full");
    return true;
  }
  void end(const Outcome& outcome) override { note(directory_, outcome); }
  void not_listed(Token directory, const Outcome& outcome) override { note(directory, outcome); }
  void finish(Token directory) override {
    std::lock_guard lock(seen_.mutex);
    seen_.finished.push_back(seen_.paths[directory]);
  }
  void vanished() override { ++seen_.vanished; }
  void duplicate() override {}
  void excluded() override {}

  unsigned fail_at_ = 0;

 private:
  void note(Token directory, const Outcome& outcome) {
    std::lock_guard lock(seen_.mutex);
    EXPECT_TRUE(seen_.outcomes.emplace(seen_.paths[directory], outcome).second);
  }
  Seen& seen_;
  Token directory_ = 0;
  std::string last_;
  std::uint64_t entries_ = 0;
  std::uint64_t names_bytes_ = 0;
};

class WalkerTest : public ::testing::Test {
 protected:
  bool walk(unsigned workers, unsigned descriptors = 0, unsigned fail_at = 0) {
    Fd root = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
    struct statx stat;
    EXPECT_EQ(stat_entry(root.get(), "", stat), 0);
    std::vector<std::unique_ptr<RecordingSink>> sinks;
    std::vector<Sink*> pointers;
    for (unsigned i = 0; i < workers; ++i) {
      sinks.push_back(std::make_unique<RecordingSink>(seen_));
      sinks.back()->fail_at_ = fail_at;
      pointers.push_back(sinks.back().get());
    }
    Options options;
    options.workers = workers;
    options.descriptors = descriptors;
    options.output_device = output_.first;
    options.output_inode = output_.second;
    MountTable mounts;
    Walker walker(options, mounts, pointers, stop_);
    return walker.run(std::move(root), stat, 0);
  }
  void make_comb(unsigned levels) {
    Fd at = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
    for (unsigned i = 0; i < levels; ++i) {
      for (const char* name : {"down", "side", "zide"}) ASSERT_EQ(::mkdirat(at.get(), name, 0755), 0);
      at = open_at(at.get(), i % 3 == 0 ? "side" : "down", O_RDONLY | O_DIRECTORY);
    }
  }
  test::TemporaryDirectory directory_{test::memory_directory()};
  Seen seen_;
  std::atomic<bool> stop_{false};
  std::pair<std::uint64_t, std::uint64_t> output_{0, 0};
};

TEST_F(WalkerTest, FinishesEachDirectoryOnceAfterAllBelowIt) {
  make_comb(60);
  for (unsigned workers : {1u, 2u, 7u}) {
    Seen fresh;
    std::swap(seen_.paths, fresh.paths);
    seen_.parents.clear();
    seen_.children.clear();
    seen_.outcomes.clear();
    seen_.finished.clear();
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
    seen_.paths = {""};
    seen_.parents.clear();
    seen_.children.clear();
    seen_.outcomes.clear();
    seen_.finished.clear();
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
  output_ = {status.st_dev, status.st_ino};
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
  test::TemporaryDirectory elsewhere;
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
    seen_.paths = {""};
    seen_.children.clear();
    seen_.outcomes.clear();
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
