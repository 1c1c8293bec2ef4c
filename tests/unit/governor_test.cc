// The number of workers against model file systems: one that makes everybody wait, one that needs only the
// processors, one that serves so many at a time and no more, and one that changes.
// SPDX-License-Identifier: MIT

#include "walk/governor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace pwalk::walk {
namespace {

constexpr double sample_seconds = 0.01;

/// `served` entries a second by each worker up to `workers_served` of them, the rest of the time in waiting.
WorkSample waiting(unsigned workers, double served, unsigned workers_served) {
  WorkSample sample;
  sample.seconds = sample_seconds;
  sample.processor_seconds = 0.05 * sample_seconds;
  sample.entries = static_cast<std::uint64_t>(served * std::min(workers, workers_served) * sample_seconds);
  return sample;
}

WorkSample running(unsigned processors) {
  WorkSample sample;
  sample.seconds = sample_seconds;
  sample.processor_seconds = processors * sample_seconds;
  sample.entries = processors * 4000;
  return sample;
}

TEST(Governor, ReachesThirtyTwoFromOneWithin150MillisecondsOfWaiting) {
  Governor governor(1, 256);
  for (double now = 0; now < 0.15 - sample_seconds; now += sample_seconds)
    governor.judge(waiting(governor.workers(), 1000, 1000));
  EXPECT_GE(governor.workers(), 32u);
}

TEST(Governor, StaysAtTheProcessorsWhileTheyAreBusy) {
  Governor governor(2, 256);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(governor.judge(running(2)), 2u);
}

TEST(Governor, DoesNotTakeBeingPushedOffAProcessorForWaiting) {
  Governor governor(2, 256);
  WorkSample sample = waiting(2, 1000, 2);
  sample.preempted = true;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(governor.judge(sample), 2u);
}

TEST(Governor, DoesNotTakeWaitingForAProcessorForWaitingForTheFileSystem) {
  // Of eight workers: two that wait are not more than a quarter of them, three are.
  for (unsigned runnable : {6u, 5u}) {
    Governor governor(8, 9);
    WorkSample sample = waiting(8, 1000, 8);
    sample.runnable = [=] { return runnable; };
    for (int i = 0; i < 50; ++i) governor.judge(sample);
    EXPECT_EQ(governor.workers(), runnable == 6 ? 8u : 9u);
  }
}

TEST(Governor, AddsWhereAThirdOfTheTimeIsSpentInWaitingButNotWhereAFifthIs) {
  for (double used : {0.66, 0.8}) {
    Governor governor(2, 4);
    WorkSample sample = waiting(2, 1000, 2);
    sample.processor_seconds = used * 2 * sample_seconds;
    for (int i = 0; i < 50; ++i) governor.judge(sample);
    EXPECT_EQ(governor.workers(), used < 0.7 ? 4u : 2u);
  }
}

TEST(Governor, AddsNobodyForAMomentOfWaiting) {
  Governor governor(2, 256);
  for (int i = 0; i < 400; ++i) EXPECT_EQ(governor.judge(i % 2 == 0 ? waiting(2, 1000, 2) : running(2)), 2u);
}

TEST(Governor, DoesNotPutOffTheNextOnesOnceSomeWereAdded) {
  Governor governor(2, 256);
  governor.judge(waiting(2, 1000, 2));
  EXPECT_EQ(governor.judge(waiting(2, 1000, 2)), 4u);
  EXPECT_EQ(governor.judge(running(2)), 4u);
  EXPECT_EQ(governor.judge(waiting(4, 1000, 4)), 8u) << "a moment of work does not begin it anew";
}

TEST(Governor, AddsNobodyWhereTheProcessorsHaveLittleTimeLeft) {
  for (double used : {0.8, 0.87}) {
    Governor governor(2, 8);
    WorkSample sample = waiting(2, 1000, 2);
    for (int i = 0; i < 2; ++i) governor.judge(sample);
    ASSERT_EQ(governor.workers(), 4u);
    sample.processor_seconds = used * 2 * sample_seconds;  // most of the four wait
    for (int i = 0; i < 10; ++i) governor.judge(sample);
    EXPECT_EQ(governor.workers(), used < 0.85 ? 8u : 4u);
  }
}

TEST(Governor, AsksForWhoWaitsForAProcessorOnlyWhereItWouldAdd) {
  Governor busy(2, 256);
  WorkSample sample = running(2);
  sample.runnable = []() -> unsigned {
    ADD_FAILURE() << "asked";
    return 0;
  };
  for (int i = 0; i < 200; ++i) EXPECT_EQ(busy.judge(sample), 2u);
  // Above thirty-two, where it must have been seen that more pay, hardly ever.
  Governor all(2, 128);
  unsigned asked = 0;
  for (int i = 0; i < 1000; ++i) {
    WorkSample waits = waiting(all.workers(), 1000, 40);
    waits.runnable = [&asked] {
      ++asked;
      return 0u;
    };
    all.judge(waits);
  }
  EXPECT_GT(asked, 0u);
  EXPECT_LT(asked, 50u);
}

TEST(Governor, DoesNotAddWhereThereIsNothingToDoForThoseThatThereAre) {
  Governor governor(4, 256);
  WorkSample sample = waiting(1, 1000, 1);
  sample.idle = 3;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(governor.judge(sample), 4u);
}

TEST(Governor, GoesBeyondThirtyTwoOnlyWhereItPays) {
  Governor pays(2, 256);
  for (int i = 0; i < 400; ++i) pays.judge(waiting(pays.workers(), 1000, 1000));
  EXPECT_EQ(pays.workers(), 256u);

  Governor does_not(2, 256);
  unsigned most = 0;
  int beyond = 0;
  for (int i = 0; i < 400; ++i) {
    most = std::max(most, does_not.judge(waiting(does_not.workers(), 1000, 32)));
    beyond += does_not.workers() > 32 ? 1 : 0;
  }
  EXPECT_EQ(most, 64u) << "it is tried";
  EXPECT_EQ(does_not.workers(), 32u) << "and taken back";
  EXPECT_LE(beyond, 100) << "and not tried all the time";
}

TEST(Governor, NeverExceedsTheMost) {
  Governor governor(2, 24);
  for (int i = 0; i < 400; ++i) EXPECT_LE(governor.judge(waiting(governor.workers(), 1000, 1000)), 24u);
  EXPECT_EQ(governor.workers(), 24u);
  Governor fewer_than_processors(8, 3);
  EXPECT_EQ(fewer_than_processors.workers(), 3u);
}

TEST(Governor, TakesBackWhenTheProcessorsBecomeBusy) {
  Governor governor(2, 256);
  for (int i = 0; i < 20; ++i) governor.judge(waiting(governor.workers(), 1000, 1000));
  ASSERT_EQ(governor.workers(), 32u);
  for (int i = 0; i < 100; ++i) governor.judge(running(2));
  EXPECT_EQ(governor.workers(), 2u);
  for (int i = 0; i < 20; ++i) governor.judge(waiting(governor.workers(), 1000, 1000));
  EXPECT_EQ(governor.workers(), 32u) << "and adds them again";
}

TEST(Governor, TakesNobodyBackWhereSomeStillWait) {
  for (double used : {0.94, 0.99}) {
    Governor governor(2, 8);
    for (int i = 0; i < 5; ++i) governor.judge(waiting(governor.workers(), 1000, 8));
    ASSERT_EQ(governor.workers(), 8u);
    WorkSample sample = waiting(8, 1000, 8);
    sample.processor_seconds = used * 2 * sample_seconds;
    for (int i = 0; i < 100; ++i) governor.judge(sample);
    EXPECT_EQ(governor.workers(), used < 0.97 ? 8u : 2u);
  }
}

TEST(Governor, TakesBackAlthoughTheKernelCountsInTicks) {
  Governor governor(2, 8);
  for (int i = 0; i < 5; ++i) governor.judge(waiting(governor.workers(), 1000, 8));
  ASSERT_EQ(governor.workers(), 8u);
  for (int i = 0; i < 100; ++i) {
    WorkSample sample = running(2);
    sample.processor_seconds *= i % 2 == 0 ? 0.8 : 1.2;
    sample.runnable = [] { return 8u; };
    governor.judge(sample);
  }
  EXPECT_EQ(governor.workers(), 2u);
}

/// A disk's cold directories: the processors are busy for a moment, and then they wait again.
TEST(Governor, TakesBackLaterWhereTheyWereSoonWantedAgain) {
  Governor governor(2, 32);
  auto wait = [&](int samples) {
    for (int i = 0; i < samples; ++i) governor.judge(waiting(governor.workers(), 1000, 1000));
  };
  auto busy_until_fewer = [&] {
    for (int samples = 1; samples < 1000; ++samples)
      if (governor.judge(running(2)) < 32) return samples;
    return 1000;
  };
  wait(10);
  ASSERT_EQ(governor.workers(), 32u);
  std::vector<int> patience;
  for (int times = 0; times < 5; ++times) {
    patience.push_back(busy_until_fewer());
    wait(60);
    ASSERT_EQ(governor.workers(), 32u);
  }
  for (std::size_t i = 1; i < 4; ++i) EXPECT_NEAR(patience[i], 2 * patience[i - 1], 2) << i;
  // After long enough without them it is as at first.
  while (governor.workers() > 2) governor.judge(running(2));
  for (int i = 0; i < 250; ++i) governor.judge(running(2));
  wait(10);
  EXPECT_NEAR(busy_until_fewer(), patience[0], 1);
}

TEST(Governor, FindsOutThatFewerDoAsWell) {
  Governor governor(2, 32);
  for (int i = 0; i < 3000; ++i) governor.judge(waiting(governor.workers(), 1000, 8));
  EXPECT_LE(governor.workers(), 16u);
}

TEST(Governor, KeepsThoseThatPay) {
  Governor governor(2, 32);
  int fewer = 0;
  for (int i = 0; i < 3000; ++i) {
    governor.judge(waiting(governor.workers(), 1000, 1000));
    fewer += i > 20 && governor.workers() < 32 ? 1 : 0;
  }
  EXPECT_EQ(governor.workers(), 32u);
  EXPECT_LT(fewer, 200) << "of 30 seconds, for finding out";
}

/// The workers of each of so many seconds of samples where `served` of them are served at once.
std::vector<unsigned> course(Governor& governor, double seconds, unsigned served) {
  std::vector<unsigned> workers;
  for (double now = 0; now < seconds; now += sample_seconds)
    workers.push_back(governor.judge(waiting(governor.workers(), 1000, served)));
  return workers;
}

/// The seconds at which the number changed from one to the other.
std::vector<double> changes(const std::vector<unsigned>& workers, unsigned from, unsigned to) {
  std::vector<double> seconds;
  for (std::size_t i = 1; i < workers.size(); ++i)
    if (workers[i - 1] == from && workers[i] == to)
      seconds.push_back(static_cast<double>(i) * sample_seconds);
  return seconds;
}

TEST(Governor, MeasuresBeforeATrialAndDuringIt) {
  Governor governor(32, 256);
  auto workers = course(governor, 1, 32);
  auto begun = changes(workers, 32, 64);
  auto ended = changes(workers, 64, 32);
  ASSERT_EQ(begun.size(), 1u);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_NEAR(begun[0], 0.2, 0.03);
  EXPECT_NEAR(ended[0] - begun[0], 0.2, 0.03);
}

TEST(Governor, TriesInVainLessAndLessOften) {
  Governor governor(32, 256);
  auto begun = changes(course(governor, 250, 32), 32, 64);
  ASSERT_GE(begun.size(), 8u);
  double expected = 2;
  for (std::size_t i = 1; i < begun.size(); ++i) {
    EXPECT_NEAR(begun[i] - begun[i - 1], expected, 0.5) << i;
    expected = std::min(2 * expected, 60.0);
  }
}

TEST(Governor, WhatPaidIsTriedAgainSoonAndNotUndoneSoon) {
  Governor governor(32, 256);
  course(governor, 20, 32);  // three times in vain
  auto workers = course(governor, 30, 64);
  auto paid = changes(workers, 32, 64);
  ASSERT_GE(paid.size(), 1u);
  auto more = changes(workers, 64, 128);
  ASSERT_GE(more.size(), 2u);
  EXPECT_NEAR(more[1] - more[0], 2, 0.5) << "as in the beginning";
  auto fewer = changes(workers, 64, 32);
  ASSERT_GE(fewer.size(), 1u);
  EXPECT_NEAR(fewer[0] - paid[0], 5, 0.7);
}

}  // namespace
}  // namespace pwalk::walk
