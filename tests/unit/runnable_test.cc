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

/// The most, and the least, that are runnable in a tenth of a second in which `threads` do this.
template <class Work>
std::pair<unsigned, unsigned> runnable_of(unsigned threads, Work work) {
  std::atomic<bool> done{false};
  std::vector<std::jthread> all;
  for (unsigned i = 0; i < threads; ++i)
    all.emplace_back([&] {
      ::prctl(PR_SET_NAME, ") S (");
      while (!done) work(done);
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  unsigned least = ~0u;
  unsigned most = 0;
  do {
    unsigned now = runnable_threads();
    least = std::min(least, now);
    most = std::max(most, now);
  } while (std::chrono::steady_clock::now() < end);
  done = true;
  done.notify_all();
  return {least, most};
}

TEST(RunnableThreads, HoweverFewProcessorsThereAre) {
  const unsigned threads = 3 * std::max(1u, std::thread::hardware_concurrency());
  auto [least, most] = runnable_of(threads, [](auto&) {});
  EXPECT_EQ(least, threads);
  EXPECT_EQ(most, threads);
}

TEST(RunnableThreads, WithoutThoseThatSleep) {
  auto [least, most] = runnable_of(5, [](std::atomic<bool>& done) { done.wait(false); });
  EXPECT_EQ(most, 0u);
}

}  // namespace
}  // namespace pwalk::walk
