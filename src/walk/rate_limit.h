// No more than so many entries a second, over all workers: each reserves the time of the next few entries and
// sleeps until it has come.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace pwalk::walk {

class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `per_second` 0: no limit.
  explicit RateLimit(std::uint64_t per_second) noexcept : per_second_(per_second) {}

  bool limits() const noexcept { return per_second_ != 0; }

  /// Reserves the time that `entries` take; from when on they may be looked at. What was not used is lost:
  /// after a pause there is no rush.
  Clock::time_point reserve(std::uint64_t entries, Clock::time_point now) noexcept {
    auto duration = static_cast<std::int64_t>(entries * nanoseconds / per_second_);
    std::int64_t at = now.time_since_epoch() / std::chrono::nanoseconds(1);
    std::int64_t free = free_from_.load(std::memory_order_relaxed);
    std::int64_t begin;
    do begin = std::max(free, at);
    while (!free_from_.compare_exchange_weak(free, begin + duration, std::memory_order_relaxed));
    return Clock::time_point(std::chrono::nanoseconds(begin));
  }

  /// Waits for the turn of `entries`, but no longer than a moment after `ending()` has become true.
  template <class Ending>
  void wait(std::uint64_t entries, Ending ending) noexcept {
    Clock::time_point now = Clock::now();
    Clock::time_point turn = reserve(entries, now);
    if (now >= turn) return;
    resting_.fetch_add(1, std::memory_order_relaxed);
    for (; now < turn && !ending(); now = Clock::now())
      std::this_thread::sleep_until(std::min(turn, now + std::chrono::milliseconds(100)));
    resting_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// How many wait for their turn at this moment.
  unsigned resting() const noexcept { return resting_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t nanoseconds = 1'000'000'000;

  std::uint64_t per_second_;
  std::atomic<std::int64_t> free_from_{0};  // of the clock
  std::atomic<unsigned> resting_{0};
};

}  // namespace pwalk::walk
