// Threads that run, or would if there were processors, are told from those that sleep.
// SPDX-License-Identifier: MIT

#include "walk/runnable.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace pwalk::walk {
namespace {

/// How many threads a sanitizer has of its own, which run now and then.
#ifdef PWALK_INSTRUMENTED
constexpr unsigned others = 1;
#else
constexpr unsigned others = 0;
#endif

/// The least, and the most, that are runnable in a tenth of a second in which `threads` do this. Counted from
/// when all have come to their work, which a lock of the run-time library may put off, and `begun` is true;
/// or when ten seconds have passed.
template <class Work, class Begun>
std::pair<unsigned, unsigned> runnable_of(unsigned threads, Work work, Begun begun) {
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> done{false};
  std::atomic<unsigned> at_work{0};
  std::vector<std::jthread> all;
  for (unsigned i = 0; i < threads; ++i)
    all.emplace_back([&] {
      ::prctl(PR_SET_NAME, ") S (");
      ++at_work;
      while (!done) work(done);
    });
  auto give_up = Clock::now() + std::chrono::seconds(10);
  while ((at_work < threads || !begun(runnable_threads())) && Clock::now() < give_up)
    std::this_thread::yield();
  auto end = Clock::now() + std::chrono::milliseconds(100);
  unsigned least = ~0u;
  unsigned most = 0;
  do {
    unsigned now = runnable_threads();
    least = std::min(least, now);
    most = std::max(most, now);
  } while (Clock::now() < end);
  done = true;
  done.notify_all();
  return {least, most};
}

TEST(RunnableThreads, HoweverFewProcessorsThereAre) {
  const unsigned threads = 3 * std::max(1u, std::thread::hardware_concurrency());
  auto [least, most] = runnable_of(
      threads, [](auto&) {}, [=](unsigned now) { return now >= threads; });
  EXPECT_GE(least, threads);
  EXPECT_LE(most, threads + others);
}

TEST(RunnableThreads, WithoutThoseThatSleep) {
  auto [least, most] = runnable_of(
      5, [](std::atomic<bool>& done) { done.wait(false); }, [](unsigned now) { return now == 0; });
  EXPECT_EQ(least, 0u);
  EXPECT_LE(most, others);
}

}  // namespace
}  // namespace pwalk::walk
