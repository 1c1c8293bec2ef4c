// A walk of which everything that its sinks were told is written down, by path.
// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "support/temporary_directory.h"
#include "walk/walker.h"

namespace pwalk::walk {

/// What all sinks of one walk saw, by path.
struct Seen {
  std::mutex mutex;
  std::vector<std::string> paths{""};  // by token
  std::map<Token, Token> parents;
  std::map<std::string, Child> children;  // without what they point to
  std::map<std::string, std::string> targets;
  std::map<std::string, struct statx> stats;  // of those that are no directories
  std::map<std::string, Outcome> outcomes;
  std::map<std::string, std::pair<std::string, std::string>> acls;
  std::map<std::string, std::uint64_t> links;  // as begin() was told
  std::vector<std::string> finished;
  unsigned vanished = 0;
  unsigned duplicates = 0;
  unsigned excluded = 0;
  std::function<void(std::string_view)> on_child;
  std::function<void()> on_victim;  // an entry of that name was listed, and is not opened yet
  std::string no_room_for;          // name of an entry that does not fit
  std::string no_room_in;           // path of a directory whose children do not fit

  void forget() {
    paths = {""};
    parents.clear();
    children.clear();
    targets.clear();
    stats.clear();
    outcomes.clear();
    acls.clear();
    links.clear();
    finished.clear();
    vanished = duplicates = excluded = 0;
  }
};

class RecordingSink : public Sink {
 public:
  explicit RecordingSink(Seen& seen) : seen_(seen) {}
  bool begin(Token directory, std::uint64_t entries, std::uint64_t names_bytes,
             std::uint64_t links) override {
    std::lock_guard lock(seen_.mutex);
    directory_ = directory;
    last_.clear();
    entries_ = entries;
    names_bytes_ = names_bytes;
    if (links != 0) seen_.links[seen_.paths[directory]] = links;
    return seen_.no_room_in.empty() || seen_.paths[directory] != seen_.no_room_in;
  }
  bool add(const Child& child, Token& token) override {
    std::lock_guard lock(seen_.mutex);
    if (child.name == seen_.no_room_for) return false;
    EXPECT_LT(last_, child.name);
    last_ = child.name;
    EXPECT_GT(entries_--, 0u);
    EXPECT_GE(names_bytes_, child.name.size() + 1);
    names_bytes_ -= child.name.size() + 1;
    std::string path = seen_.paths[directory_] + "/" + std::string(child.name);
    EXPECT_TRUE(seen_.children.emplace(path, child).second) << path;
    if (!child.target.empty()) seen_.targets[path] = child.target;
    if (child.stat != nullptr && !child.is_directory) seen_.stats[path] = *child.stat;
    if (child.is_directory) {
      token = seen_.paths.size();
      seen_.paths.push_back(path);
      seen_.parents[token] = directory_;
    }
    if (seen_.on_child) seen_.on_child(child.name);
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
  void vanished() override { count(seen_.vanished); }
  void duplicate() override { count(seen_.duplicates); }
  void excluded() override { count(seen_.excluded); }

  unsigned fail_at_ = 0;

 private:
  void count(unsigned& counter) {
    std::lock_guard lock(seen_.mutex);
    ++counter;
  }
  void note(Token directory, const Outcome& outcome) {
    std::lock_guard lock(seen_.mutex);
    const std::string& path = seen_.paths[directory];
    EXPECT_TRUE(seen_.outcomes.emplace(path, outcome).second);
    if (!outcome.access_acl.empty() || !outcome.default_acl.empty())
      seen_.acls[path] = {std::string(outcome.access_acl), std::string(outcome.default_acl)};
  }
  Seen& seen_;
  Token directory_ = 0;
  std::string last_;
  std::uint64_t entries_ = 0;
  std::uint64_t names_bytes_ = 0;
};

/// A directory to walk, and the walk.
class RecordedWalk : public ::testing::Test {
 protected:
  bool walk(unsigned workers, unsigned descriptors = 0, unsigned fail_at = 0) {
    Fd root = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
    struct statx stat;
    EXPECT_EQ(stat_entry(root.get(), "", stat), 0);
    std::vector<std::unique_ptr<RecordingSink>> sinks;
    std::vector<Sink*> pointers;
    for (unsigned i = 0; i < std::max(workers, options_.workers_max); ++i) {
      sinks.push_back(std::make_unique<RecordingSink>(seen_));
      sinks.back()->fail_at_ = fail_at;
      pointers.push_back(sinks.back().get());
    }
    Options options = options_;
    options.workers = workers;
    options.descriptors = descriptors;
    MountTable mounts;
    Walker walker(options, mounts, pointers, stop_);
    bool whole = walker.run(std::move(root), stat, 0);
    if (!whole && settles_) walker.settle();
    counts_ = walker.counts();
    abandoned_ = walker.abandoned();
    workers_changes_ = walker.workers_changes();
    return whole;
  }
  /// After a walk of one worker: how the directory at `path` ended.
  const Outcome& outcome(const std::string& path) { return seen_.outcomes.at(path); }
  const Child& child(const std::string& path) { return seen_.children.at(path); }

  test::TemporaryDirectory directory_{test::memory_directory()};
  Seen seen_;
  std::atomic<bool> stop_{false};
  Options options_;
  bool settles_ = false;
  Counts counts_;
  unsigned abandoned_ = 0;
  std::vector<Walker::WorkersChange> workers_changes_;
};

}  // namespace pwalk::walk
