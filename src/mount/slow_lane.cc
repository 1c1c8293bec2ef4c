// The queue and its thread.
// SPDX-License-Identifier: MIT
#include "mount/slow_lane.h"

#include <utility>

#include "mount/quiet_thread.h"

namespace pwalk::mount {

SlowLane::SlowLane() : thread_(start_quietly([this](const std::stop_token& ending) { work(ending); })) {}

SlowLane::~SlowLane() {
  thread_.request_stop();
  thread_.join();
  for (const Job& job : jobs_) job.refuse();
}

void SlowLane::add(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void SlowLane::work(const std::stop_token& ending) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, ending, [this] { return !jobs_.empty(); }) && !ending.stop_requested()) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.answer();
    lock.lock();
  }
}

}  // namespace pwalk::mount
