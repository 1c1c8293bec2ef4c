// Names looked at while their directory is still being listed: only where somebody is idle, each once, a
// bounded number of them, and what is found stands under the order of listing, whatever has become of the
// list.
// SPDX-License-Identifier: MIT

#include "walk/look_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <random>
#include <thread>
#include <vector>

namespace pwalk::walk {
namespace {

std::vector<Listed64> listed(std::uint32_t count) {
  std::vector<Listed64> names(count);
  for (std::uint32_t i = 0; i < count; ++i) names[i].order = i;
  return names;
}

/// The second of two workers, which has nothing to do but help: "finds" the order of each name as its inode
/// number, and that each tenth has vanished.
class Helper {
 public:
  explicit Helper(Queues& queues)
      : queues_(queues), thread_([this] {
          Task task;
          while (queues_.next(1, task)) {
            std::uint32_t begin, end;
            while (task.shared->take(begin, end))
              for (std::uint32_t at = begin; at < end; ++at) look_at(task.shared->work(), at);
            queues_.leave(*task.shared);
          }
        }) {
    while (queues_.idle() == 0) std::this_thread::yield();
  }
  ~Helper() { queues_.close(); }

  std::atomic<std::uint32_t> looked{0};

 private:
  void look_at(const StatWork& work, std::uint32_t at) {
    std::uint32_t order = work.names[at].order;
    work.packed[at].inode = order;
    work.errors[at] = order % 10 == 0 ? ENOENT : 0;
    looked.fetch_add(1);
  }
  Queues& queues_;
  std::jthread thread_;
};

TEST(LookAhead, NobodyIsAskedWhereNobodyIsIdle) {
  Queues queues(2, 2);
  LookAhead ahead(queues);
  ahead.offer(-1, listed(10 * LookAhead::block_names));
  ahead.end();
  struct statx stat;
  int error;
  EXPECT_FALSE(ahead.found(0, stat, error));
}

TEST(LookAhead, ASmallDirectoryIsNotOffered) {
  Queues queues(2, 2);
  Helper helper(queues);
  LookAhead ahead(queues);
  ahead.offer(-1, listed(LookAhead::names_from - 1));
  ahead.end();
  EXPECT_EQ(helper.looked.load(), 0u);
}

TEST(LookAhead, WhatIsFoundStandsUnderTheOrderOfListing) {
  Queues queues(2, 2);
  Helper helper(queues);
  LookAhead ahead(queues);
  std::mt19937 random(1);
  for (int directory = 0; directory < 20; ++directory) {
    std::uint32_t count = LookAhead::names_from + static_cast<std::uint32_t>(random() % 300'000);
    helper.looked = 0;
    {
      std::vector<Listed64> all = listed(count);
      std::vector<Listed64> names;
      while (queues.idle() == 0) std::this_thread::yield();
      for (std::uint32_t begin = 0; begin < count; begin += 1000) {
        names.insert(names.end(), all.begin() + begin, all.begin() + std::min(count, begin + 1000));
        ahead.offer(-1, names);
      }
      while (helper.looked < LookAhead::block_names) std::this_thread::yield();
      std::shuffle(names.begin(), names.end(), random);
      ahead.end();
    }
    std::uint32_t found = 0;
    for (std::uint32_t order = 0; order < count; ++order) {
      struct statx stat;
      int error = -2;
      if (!ahead.found(order, stat, error)) continue;
      ++found;
      ASSERT_EQ(error, order % 10 == 0 ? ENOENT : 0);
      if (error == 0) {
        ASSERT_EQ(stat.stx_ino, order);
      }
    }
    EXPECT_EQ(found, helper.looked.load());
    EXPECT_LE(found, LookAhead::blocks_max * LookAhead::block_names);
    ahead.forget();
    struct statx stat;
    int error;
    EXPECT_FALSE(ahead.found(0, stat, error));
  }
}

TEST(LookAhead, WhatWasCutShortIsNotFound) {
  Queues queues(2, 1);
  LookAhead ahead(queues);
  std::jthread helper([&] {
    Task task;
    if (!queues.next(0, task)) return;
    std::uint32_t begin, end;
    while (task.shared->take(begin, end))
      std::fill(task.shared->work().errors + begin, task.shared->work().errors + end, ECANCELED);
    queues.leave(*task.shared);
  });
  while (queues.idle() == 0) std::this_thread::yield();
  ahead.offer(-1, listed(LookAhead::names_from));
  helper.join();
  ahead.end();
  struct statx stat;
  int error;
  for (std::uint32_t order = 0; order < LookAhead::names_from; ++order)
    EXPECT_FALSE(ahead.found(order, stat, error));
}

}  // namespace
}  // namespace pwalk::walk
