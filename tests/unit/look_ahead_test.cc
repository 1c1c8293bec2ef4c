// Names looked at in the order of listing, by idle workers and their reader: each once, a bounded number of
// them, and what is found stands under the order of listing, whatever has become of the list.
// SPDX-License-Identifier: MIT

#include "walk/look_ahead.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <random>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace pwalk::walk {
namespace {

std::vector<Listed64> listed(std::uint32_t count) {
  std::vector<Listed64> names(count);
  for (std::uint32_t i = 0; i < count; ++i) names[i].order = i;
  return names;
}

void find(PackedStat& packed, std::uint32_t order, int error) {
  packed.inode = order;
  packed.mode = error == 0 ? S_IFREG : static_cast<std::uint16_t>(error);
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
    find(work.packed[at], order, order % 10 == 0 ? ENOENT : 0);
    looked.fetch_add(1);
  }
  Queues& queues_;
  std::jthread thread_;
};

/// The reader's own part, up to name `end`: how many names it looked at.
std::uint32_t look_at_rest(LookAhead& ahead, std::size_t end) {
  std::uint32_t looked = 0;
  while (SharedStats* left = ahead.left_before(end)) {
    std::uint32_t first, last;
    while (left->take(first, last))
      for (; first < last; ++first, ++looked)
        find(left->work().packed[first], left->work().names[first].order, 0);
  }
  return looked;
}

TEST(LookAhead, WhereManyWorkAndNobodyIsIdleNothingIsKept) {
  Queues queues(LookAhead::roomy_workers + 1, LookAhead::roomy_workers + 1);
  LookAhead ahead(queues);
  ahead.offer(-1, {}, listed(10 * LookAhead::block_names));
  EXPECT_EQ(ahead.left_before(10 * LookAhead::block_names), nullptr);
}

TEST(LookAhead, TheReaderLooksAtWhatNobodyElseDoes) {
  Queues queues(2, 2);
  LookAhead ahead(queues);
  ahead.offer(-1, {}, listed(10 * LookAhead::block_names + 5));
  EXPECT_FALSE(ahead.helped());
  EXPECT_EQ(look_at_rest(ahead, 4 * LookAhead::block_names + 1), 5 * LookAhead::block_names)
      << "whole blocks";
  EXPECT_EQ(look_at_rest(ahead, 5 * LookAhead::block_names), 0u);
  ahead.end();
  for (std::uint32_t order = 0; order < 10 * LookAhead::block_names + 5; ++order) {
    struct statx stat;
    int error = -2;
    ASSERT_EQ(ahead.found(order, stat, error), order < 5 * LookAhead::block_names);
    if (error == 0) {
      ASSERT_EQ(stat.stx_ino, order);
    }
  }
}

/// Names of a directory of `size` bytes that are kept while so many workers are active.
std::uint32_t kept_of(std::int64_t size, unsigned workers) {
  Queues queues(workers, workers);
  Fd directory(::memfd_create("a directory's size", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(directory.get(), size), 0);
  LookAhead ahead(queues);
  std::vector<Listed64> names = listed(LookAhead::blocks_most * LookAhead::block_names + 100'000);
  for (std::size_t count = 0; count < names.size(); count += 1000)
    ahead.offer(directory.get(), {}, {names.data(), count});
  return look_at_rest(ahead, names.size());
}

TEST(LookAhead, AsMuchIsKeptAsTheNamesLeaveRoomFor) {
  constexpr std::uint32_t least = LookAhead::blocks_least * LookAhead::block_names;
  constexpr std::uint32_t most = LookAhead::blocks_most * LookAhead::block_names;
  EXPECT_EQ(kept_of(0, 1), least) << "a size that says nothing";
  EXPECT_EQ(kept_of(60'000'000, 1), least) << "3,000,000 names in tmpfs";
  EXPECT_EQ(kept_of(16'000'000, 3), most / LookAhead::block_names / 3 * LookAhead::block_names)
      << "the others may need as much";
  std::uint32_t kept = kept_of(24'000'000, 1);  // and 96,000,000 bytes are for names
  EXPECT_EQ(kept / LookAhead::block_names,
            (LookAhead::directory_bytes - 96'000'000) / (LookAhead::name_bytes * LookAhead::block_names));
  // Of 20 bytes for each: from the 500,001st on nobody knows what is to come.
  EXPECT_GE(kept_of(10'000'000, 1), 490'000u);
  EXPECT_LE(kept_of(10'000'000, 1), 510'000u);
}

TEST(LookAhead, ASmallDirectoryIsNotOffered) {
  Queues queues(2, 2);
  Helper helper(queues);
  LookAhead ahead(queues);
  ahead.offer(-1, {}, listed(LookAhead::names_from - 1));
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
        ahead.offer(-1, {}, names);
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
    EXPECT_LE(found, LookAhead::blocks_least * LookAhead::block_names) << "of no size";
    ahead.forget();
    struct statx stat;
    int error;
    EXPECT_FALSE(ahead.found(0, stat, error));
  }
}

TEST(LookAhead, WhatWasCutShortOrNotKeptIsNotFound) {
  Queues queues(2, 1);
  LookAhead ahead(queues);
  std::jthread helper([&] {
    Task task;
    if (!queues.next(0, task)) return;
    std::uint32_t begin, end;
    while (task.shared->take(begin, end)) {
    }
    queues.leave(*task.shared);
  });
  while (queues.idle() == 0) std::this_thread::yield();
  ahead.offer(-1, {}, listed(LookAhead::names_from));
  helper.join();
  ahead.end();
  struct statx stat;
  int error;
  for (std::uint32_t order = 0; order < LookAhead::names_from; ++order)
    EXPECT_FALSE(ahead.found(order, stat, error));
}

}  // namespace
}  // namespace pwalk::walk
