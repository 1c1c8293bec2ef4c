// The names of a large directory shared out: each is taken once, helpers come only while there is something
// to take, and the reader has everything when it takes its offer back.
// SPDX-License-Identifier: MIT

#include "walk/shared_stats.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "walk/queue.h"

namespace pwalk::walk {
namespace {

StatWork work_of(std::vector<StatError>& errors) {
  StatWork work;
  work.errors = errors.data();
  work.count = static_cast<std::uint32_t>(errors.size());
  return work;
}

void take_all(SharedStats& shared) {
  std::uint32_t begin, end;
  while (shared.take(begin, end))
    for (std::uint32_t at = begin; at < end; ++at) ++shared.work().errors[at];
}

TEST(SharedStats, PortionsCoverEveryNameOnce) {
  for (std::uint32_t portion : {0u, 1u, 7u, 100u, 1000u}) {
    std::vector<StatError> errors(100);
    SharedStats shared(work_of(errors), portion);
    EXPECT_FALSE(shared.exhausted());
    take_all(shared);
    EXPECT_TRUE(shared.exhausted());
    EXPECT_EQ(errors, std::vector<StatError>(100, 1));
  }
}

TEST(SharedStats, AnIdleWorkerIsGivenTheOfferUntilItIsExhausted) {
  Queues queues(2, 2);
  std::vector<StatError> errors(10);
  SharedStats shared(work_of(errors), 5);
  queues.offer(shared);
  Task task;
  ASSERT_TRUE(queues.next(1, task));
  EXPECT_EQ(task.shared, &shared);
  EXPECT_EQ(task.node, nullptr);
  take_all(shared);
  queues.leave(shared);
  queues.withdraw(shared);
  Node node;
  queues.push(0, {&node, 0, 1});
  ASSERT_TRUE(queues.next(1, task));
  EXPECT_EQ(task.node, &node);
  EXPECT_EQ(task.shared, nullptr);
}

TEST(SharedStats, NobodyIsGivenWhatIsLookedAtInVain) {
  Queues queues(2, 2);
  std::vector<StatError> errors(10);
  PackedCount count;
  StatWork work = work_of(errors);
  work.count_packed = &count;
  SharedStats shared(work, 5);
  queues.offer(shared);
  std::uint32_t begin, end;
  count.looked_at = PackedCount::telling;
  count.left_out = PackedCount::telling / 2;
  EXPECT_TRUE(shared.take(begin, end));
  ++count.left_out;
  EXPECT_TRUE(shared.exhausted());
  EXPECT_FALSE(shared.take(begin, end));
  // Who is idle is not sent to it again and again.
  Node node;
  queues.push(0, {&node, 0, 1});
  Task task;
  ASSERT_TRUE(queues.next(1, task));
  EXPECT_EQ(task.node, &node);
  EXPECT_EQ(task.shared, nullptr);
  queues.withdraw(shared);
}

TEST(SharedStats, WithdrawingWaitsForTheHelpersAndLosesNothing) {
  constexpr unsigned workers = 4;
  constexpr int rounds = 500;
  Queues queues(workers, workers);
  std::atomic<unsigned> helped{0};
  std::vector<std::jthread> threads;
  for (unsigned worker = 1; worker < workers; ++worker)
    threads.emplace_back([&, worker] {
      Task task;
      while (queues.next(worker, task)) {
        take_all(*task.shared);
        queues.leave(*task.shared);
        helped.fetch_add(1);
      }
    });
  // Others come in time if there are enough of them.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int round = 0; round < rounds || (helped == 0 && std::chrono::steady_clock::now() < give_up);
       ++round) {
    std::vector<StatError> errors(20000);
    SharedStats shared(work_of(errors), 64);
    queues.offer(shared);
    take_all(shared);
    queues.withdraw(shared);
    ASSERT_EQ(errors, std::vector<StatError>(20000, 1)) << "round " << round;
  }
  queues.close();
  threads.clear();
  EXPECT_GT(helped.load(), 0u);
}

TEST(SharedStats, OnlyTheActiveWork) {
  Queues queues(2, 1);
  Node node;
  std::atomic<bool> took{false};
  {
    std::jthread second([&] {
      Task task;
      while (queues.next(1, task)) took.store(true);
    });
    queues.push(0, {&node, 0, 10});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(took.load());
    EXPECT_FALSE(queues.is_active(1));
    queues.set_active(2);
    for (int i = 0; i < 1000 && !took.load(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_TRUE(took.load());
    EXPECT_FALSE(queues.wait_for_end(std::chrono::milliseconds(1)));
    queues.close();
    EXPECT_TRUE(queues.wait_for_end(std::chrono::milliseconds(1)));
  }
}

}  // namespace
}  // namespace pwalk::walk
