// Tells how far a scan is while it walks and while it writes, and keeps its deadline.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "scan/progress.h"
#include "scan/scan.h"
#include "walk/walker.h"

namespace pwalk::scan {

/// Tells how far the scan is, from a thread of its own, for as long as it lives, and ends the walk at its
/// deadline.
class Ticker {
 public:
  using Clock = std::chrono::steady_clock;

  /// `scan_began`: from when the deadline counts. std::system_error where there is one and the system allows
  /// no thread; progress is not worth a scan.
  Ticker(const Request& request, std::optional<std::uint64_t> expected_entries, Clock::time_point scan_began)
      : tell_(request.on_progress),
        expected_entries_(expected_entries),
        deadline_seconds_(request.deadline_seconds),
        scan_began_(scan_began) {
    if (!tell_ && !deadline_seconds_) return;
    try {
      thread_ = std::jthread([this](const std::stop_token& ending) { run(ending); });
    } catch (const std::system_error& refused) {
      if (deadline_seconds_) throw_errno(refused.code().value(), "cannot start a thread for the deadline");
    }
  }

  /// There is no walk, but one entry.
  void skip_walk() {
    std::lock_guard lock(mutex_);
    look();
    progress_.entries = 1;
    progress_.walked_seconds = progress_.seconds;
  }

  /// Follows the walk for as long as this lives.
  class Follow {
   public:
    Follow(Ticker& ticker, walk::Walker& walker) : ticker_(ticker) {
      std::lock_guard lock(ticker_.mutex_);
      ticker_.walker_ = &walker;
    }
    ~Follow() {
      std::lock_guard lock(ticker_.mutex_);
      ticker_.look();
      ticker_.progress_.walked_seconds = ticker_.progress_.seconds;
      ticker_.walker_ = nullptr;
    }
    Follow(const Follow&) = delete;
    Follow& operator=(const Follow&) = delete;

   private:
    Ticker& ticker_;
  };

 private:
  void run(const std::stop_token& ending) {
    std::unique_lock lock(mutex_);
    while (!never_.wait_for(lock, ending, std::chrono::milliseconds(100),
                            [&] { return ending.stop_requested(); })) {
      look();
      if (walker_ != nullptr && deadline_seconds_ && seconds_since(scan_began_) >= *deadline_seconds_)
        walker_->end();
      Progress progress = progress_;
      lock.unlock();
      try {
        if (tell_) tell_(progress);
      } catch (const std::exception&) {
        // No memory to tell it: not worth a scan.
      }
      lock.lock();
    }
  }

  static double seconds_since(Clock::time_point from) noexcept {
    return std::chrono::duration<double>(Clock::now() - from).count();
  }

  /// Under the mutex.
  void look() {
    progress_.seconds = seconds_since(began_);
    progress_.expected_entries = expected_entries_;
    if (walker_ == nullptr) return;
    walk::Counts counts = walker_->counts();
    // What is expected, the last snapshot's number, does not have these either.
    progress_.entries = counts.entries - std::min(counts.left_out, counts.entries);
    progress_.directories = counts.directories;
    progress_.errors = counts.errors;
  }

  const std::function<void(const Progress&)>& tell_;
  const std::optional<std::uint64_t> expected_entries_;
  const std::optional<double> deadline_seconds_;
  const Clock::time_point scan_began_;
  const Clock::time_point began_ = Clock::now();  // from when progress counts
  std::mutex mutex_;                              // walker_, progress_
  walk::Walker* walker_ = nullptr;                // while it walks
  Progress progress_;
  std::condition_variable_any never_;
  std::jthread thread_;  // the last one, so the first to end
};

}  // namespace pwalk::scan
