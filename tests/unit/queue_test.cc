// Queues: the newest first for oneself, the oldest half for a thief, everything exactly once, and nobody
// sleeps through work or the end.
// SPDX-License-Identifier: MIT

#include "walk/queue.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace pwalk::walk {
namespace {

TEST(Queues, TheNewestComesFirst) {
  Queues queues(1, 1);
  Node older, newer;
  queues.push(0, {&older, 1, 3});
  queues.push(0, {&newer, 5, 6});
  Task task;
  std::vector<std::pair<Node*, std::uint32_t>> order;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(queues.next(0, task));
    order.emplace_back(task.node, task.position);
  }
  EXPECT_EQ(order, (std::vector<std::pair<Node*, std::uint32_t>>{{&newer, 5}, {&older, 1}, {&older, 2}}));
}

TEST(Queues, AThiefTakesTheOldestHalf) {
  Queues queues(2, 2);
  Node older, newer;
  queues.push(0, {&older, 0, 10});
  queues.push(0, {&newer, 0, 10});
  Task task;
  ASSERT_TRUE(queues.next(1, task));
  EXPECT_EQ(task.node, &older);
  EXPECT_EQ(task.position, 5u);
  ASSERT_TRUE(queues.next(1, task)) << "the rest of the half is its own now";
  EXPECT_EQ(task.node, &older);
  EXPECT_EQ(task.position, 6u);
  ASSERT_TRUE(queues.next(0, task));
  EXPECT_EQ(task.node, &newer);
}

TEST(Queues, AfterATheftTheOldestThatIsLeftGivesUpItsDescriptor) {
  std::atomic<unsigned> open{0};
  Node root, first, second;
  for (Node* node : {&first, &second}) {
    node->parent = &root;
    node->keep(std::make_shared<Handle>(Fd(), open));
  }
  Queues queues(2, 2);
  queues.push(0, {&first, 0, 1});
  queues.push(0, {&second, 0, 1});
  queues.drop_oldest(0, 1);
  EXPECT_EQ(first.borrow(), nullptr);
  EXPECT_NE(second.borrow(), nullptr);
  Task task;
  ASSERT_TRUE(queues.next(1, task));
  ASSERT_EQ(task.node, &first);
  queues.drop_oldest(0, 1);
  EXPECT_EQ(second.borrow(), nullptr);
  EXPECT_EQ(open.load(), 0u);
}

TEST(Queues, WhatThoseTakenBackLeaveIsFound) {
  Queues queues(4, 4);
  Node node;
  queues.push(3, {&node, 0, 1});
  queues.set_active(2);
  Task task;
  ASSERT_TRUE(queues.next(0, task));
  EXPECT_EQ(task.node, &node);
}

TEST(Queues, WhoIsTakenBackSleepsUntilTheEnd) {
  Queues queues(2, 1);
  std::atomic<bool> more{true};
  std::jthread other([&] {
    Task task;
    more = queues.next(1, task);
  });
  clockid_t clock;
  ASSERT_EQ(::pthread_getcpuclockid(other.native_handle(), &clock), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  timespec used;
  ASSERT_EQ(::clock_gettime(clock, &used), 0);
  EXPECT_LT(used.tv_sec * 1000 + used.tv_nsec / 1'000'000, 20) << "milliseconds on a processor";
  queues.close();
  other.join();
  EXPECT_FALSE(more);
}

TEST(Queues, NothingMoreAfterTheEnd) {
  Queues queues(1, 1);
  Node node;
  queues.push(0, {&node, 2, 7});
  queues.close();
  Task task;
  EXPECT_FALSE(queues.next(0, task));
  std::vector<Range> left = queues.left_over();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].end - left[0].begin, 5u);
  EXPECT_TRUE(queues.left_over().empty());
}

TEST(Queues, EveryTaskIsTakenOnceAndSleepersWake) {
  constexpr unsigned workers = 4;
  constexpr std::uint32_t ranges = 2000;
  constexpr std::uint32_t length = 7;
  Queues queues(workers, workers);
  std::vector<std::unique_ptr<Node>> nodes;
  for (std::uint32_t i = 0; i < ranges; ++i) nodes.push_back(std::make_unique<Node>());
  std::vector<std::atomic<unsigned>> taken(ranges * length);
  std::atomic<std::uint32_t> done{0};
  for (std::uint32_t i = 0; i < ranges; ++i) nodes[i]->depth = i;
  {
    std::vector<std::jthread> threads;
    for (unsigned worker = 1; worker < workers; ++worker)
      threads.emplace_back([&, worker] {
        Task task;
        while (queues.next(worker, task)) {
          taken[task.node->depth * length + task.position].fetch_add(1);
          if (done.fetch_add(1) + 1 == ranges * length) queues.close();
        }
      });
    for (std::uint32_t i = 0; i < ranges; ++i) {
      queues.push(0, {nodes[i].get(), 0, length});
      // Let the others run out of work now and then, so that they sleep.
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  for (const auto& count : taken) ASSERT_EQ(count.load(), 1u);
}

}  // namespace
}  // namespace pwalk::walk
