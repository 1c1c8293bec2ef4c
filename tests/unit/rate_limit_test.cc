// Reservations follow each other without gap or rush, from any number of threads, and the end is not waited
// for.
// SPDX-License-Identifier: MIT

#include "walk/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace pwalk::walk {
namespace {

using std::chrono::milliseconds;

TEST(RateLimit, EachReservationBeginsWhereTheLastEnds) {
  RateLimit limit(1000);
  ASSERT_TRUE(limit.limits());
  RateLimit::Clock::time_point now{std::chrono::seconds(5)};
  EXPECT_EQ(limit.reserve(8, now), now);
  EXPECT_EQ(limit.reserve(8, now), now + milliseconds(8));
  EXPECT_EQ(limit.reserve(100, now), now + milliseconds(16));
  EXPECT_EQ(limit.reserve(1, now), now + milliseconds(116));
}

TEST(RateLimit, ThereIsNoRushAfterAPause) {
  RateLimit limit(1000);
  RateLimit::Clock::time_point now{std::chrono::seconds(5)};
  EXPECT_EQ(limit.reserve(8, now), now);
  now += std::chrono::seconds(60);
  EXPECT_EQ(limit.reserve(8, now), now);
  EXPECT_EQ(limit.reserve(8, now), now + milliseconds(8));
}

TEST(RateLimit, SeveralWorkersKeepItTogether) {
  RateLimit limit(2000);
  auto began = RateLimit::Clock::now();
  {
    std::jthread threads[4];
    for (std::jthread& thread : threads)
      thread = std::jthread([&] {
        for (int i = 0; i < 25; ++i) limit.wait(8, [] { return false; });
      });
  }
  EXPECT_GE(RateLimit::Clock::now() - began, milliseconds(390));
}

TEST(RateLimit, WhoWaitsForItsTurnRests) {
  RateLimit limit(10);
  std::atomic<bool> done{false};
  limit.wait(1000, [] { return false; });
  EXPECT_EQ(limit.resting(), 0u) << "its turn had come";
  {
    std::jthread threads[3];
    for (std::jthread& thread : threads)
      thread = std::jthread([&] { limit.wait(8, [&] { return done.load(); }); });
    while (limit.resting() != 3) std::this_thread::yield();
    done = true;
  }
  EXPECT_EQ(limit.resting(), 0u);
}

TEST(RateLimit, TheEndIsNotWaitedFor) {
  RateLimit limit(1);
  limit.wait(1000, [] { return false; });
  auto began = RateLimit::Clock::now();
  limit.wait(1, [&] { return RateLimit::Clock::now() - began > milliseconds(50); });
  EXPECT_LT(RateLimit::Clock::now() - began, std::chrono::seconds(5));
}

TEST(RateLimit, NoneIsNone) {
  EXPECT_FALSE(RateLimit(0).limits());
}

}  // namespace
}  // namespace pwalk::walk
