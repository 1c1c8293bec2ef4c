// A thread for requests that take long: one is answered after another there, so that those that take
// microseconds never wait for more than one of them, however many users ask.
// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace pwalk::mount {

class SlowLane {
 public:
  /// One request: `answer` answers it, `refuse` does so at once where the mount ends first. Neither throws.
  struct Job {
    std::function<void()> answer;
    std::function<void()> refuse;
  };

  /// Starts the thread. It has the privileges of the calling one, which must have given up its own.
  SlowLane();
  SlowLane(const SlowLane&) = delete;
  SlowLane& operator=(const SlowLane&) = delete;
  /// Refuses what is left. Nothing may be added any more.
  ~SlowLane();

  /// Every job is answered or refused once. Where this throws (std::bad_alloc), the job is still the
  /// caller's.
  void add(Job job);

 private:
  void work(const std::stop_token& ending);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;  // under mutex_; no more than there are clients that wait
  std::jthread thread_;
};

}  // namespace pwalk::mount
