// SPDX-License-Identifier: MIT
#include "walk/queue.h"

#include <chrono>
#include <thread>

namespace pwalk::walk {

namespace {

// A wake-up costs both sides more than this, and work usually appears sooner.
constexpr std::chrono::microseconds look_again_for{100};

/// Tells the processor that this is a waiting loop.
void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Queues::Queues(unsigned workers_max, unsigned active)
    : spinners_max_(std::max(std::thread::hardware_concurrency(), 1u) - 1), active_(active), in_use_(active) {
  for (unsigned i = 0; i < workers_max; ++i) queues_.push_back(std::make_unique<Queue>());
}

void Queues::push(unsigned worker, Range range) {
  Queue& queue = *queues_[worker];
  {
    std::lock_guard lock(queue.mutex);
    queue.ranges.push_back(range);
    queue.length.store(queue.ranges.size());
  }
  // Both this read and a sleeper's increment are sequentially consistent, as are the store above and the
  // sleeper's look at the lengths: at least one of the two sees the other.
  if (idle_.load() == 0) return;
  std::lock_guard lock(sleep_mutex_);
  if (range.end - range.begin > 1)
    wake_.notify_all();
  else
    wake_.notify_one();
}

bool Queues::take_own(Queue& queue, Task& task) {
  if (queue.length.load(std::memory_order_relaxed) == 0) return false;
  std::lock_guard lock(queue.mutex);
  if (queue.ranges.empty()) return false;
  Range& newest = queue.ranges.back();
  task = {newest.node, newest.begin++};
  if (newest.begin == newest.end) {
    queue.ranges.pop_back();
    queue.length.store(queue.ranges.size());
    queue.dropped = std::min(queue.dropped, queue.ranges.size());
  }
  return true;
}

bool Queues::steal(unsigned worker, Task& task) {
  // An own number beyond those in use is that of a worker which has just been added.
  unsigned workers = std::max(in_use_.load(std::memory_order_acquire), worker + 1);
  for (unsigned i = 1; i < workers; ++i) {
    Queue& victim = *queues_[(worker + i) % workers];
    if (victim.length.load() == 0) continue;
    Range stolen{};
    {
      std::lock_guard lock(victim.mutex);
      if (victim.ranges.empty()) continue;
      Range& oldest = victim.ranges.front();
      std::uint32_t half = (oldest.end - oldest.begin + 1) / 2;
      stolen = {oldest.node, oldest.end - half, oldest.end};
      oldest.end -= half;
      if (oldest.begin == oldest.end) {
        victim.ranges.pop_front();
        victim.length.store(victim.ranges.size());
        if (victim.dropped > 0) --victim.dropped;
      }
    }
    task = {stolen.node, stolen.begin++};
    if (stolen.begin != stolen.end) push(worker, stolen);
    return true;
  }
  return false;
}

bool Queues::any_work() const noexcept {
  if (closed_.load()) return true;
  if (offers_.load() != 0) return true;
  for (unsigned i = 0, workers = in_use_.load(std::memory_order_acquire); i < workers; ++i)
    if (queues_[i]->length.load() != 0) return true;
  return false;
}

/// Looks for work for a moment; not more workers at a time than leave a processor to those that work.
bool Queues::work_appeared() noexcept {
  bool found = false;
  if (spinners_.fetch_add(1, std::memory_order_relaxed) < spinners_max_) {
    auto end = std::chrono::steady_clock::now() + look_again_for;
    do {
      for (int i = 0; i < 32 && !found; ++i) {
        relax();
        found = any_work();
      }
    } while (!found && std::chrono::steady_clock::now() < end);
  }
  spinners_.fetch_sub(1, std::memory_order_relaxed);
  return found;
}

bool Queues::next(unsigned worker, Task& task) {
  for (;;) {
    if (closed_.load()) return false;
    if (!is_active(worker)) {
      wait_until_active(worker);
      continue;
    }
    task = {};
    if (take_own(*queues_[worker], task) || steal(worker, task) || help(task)) return true;
    if (work_appeared()) continue;
    std::unique_lock lock(sleep_mutex_);
    idle_.fetch_add(1);
    wake_.wait(lock, [&] { return any_work() || !is_active(worker); });
    idle_.fetch_sub(1);
  }
}

void Queues::close() {
  closed_.store(true);
  std::lock_guard lock(sleep_mutex_);
  wake_.notify_all();
  activity_.notify_all();
}

// ---- how many work -------------------------------------------------------------------------------------

void Queues::set_active(unsigned active) {
  if (active > in_use_.load(std::memory_order_relaxed)) in_use_.store(active, std::memory_order_release);
  active_.store(active, std::memory_order_relaxed);
  std::lock_guard lock(sleep_mutex_);
  wake_.notify_all();
  activity_.notify_all();
}

void Queues::wait_until_active(unsigned worker) {
  std::unique_lock lock(sleep_mutex_);
  // A wake-up for work may have been meant for one of the active.
  if (any_work()) wake_.notify_one();
  activity_.wait(lock, [&] { return closed_.load() || is_active(worker); });
}

bool Queues::wait_for_end(std::chrono::milliseconds patience) {
  std::unique_lock lock(sleep_mutex_);
  return activity_.wait_for(lock, patience, [&] { return closed_.load(); });
}

// ---- large directories ---------------------------------------------------------------------------------

void Queues::offer(SharedStats& work) {
  {
    std::lock_guard lock(offered_mutex_);
    offered_.push_back(&work);
    offers_.store(static_cast<unsigned>(offered_.size()));
  }
  if (idle_.load() == 0) return;
  std::lock_guard lock(sleep_mutex_);
  wake_.notify_all();
}

/// Joins the oldest offer that has something left; those that have not are offers no more.
bool Queues::help(Task& task) {
  if (offers_.load(std::memory_order_relaxed) == 0) return false;
  std::lock_guard lock(offered_mutex_);
  std::erase_if(offered_, [](const SharedStats* work) { return work->exhausted(); });
  offers_.store(static_cast<unsigned>(offered_.size()));
  if (offered_.empty()) return false;
  task.shared = offered_.front();
  task.shared->helpers_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Queues::leave(SharedStats& work) {
  // The work may be gone as soon as nobody helps and the lock is free.
  std::lock_guard lock(offered_mutex_);
  if (work.helpers_.fetch_sub(1, std::memory_order_release) == 1) helpers_gone_.notify_all();
}

void Queues::withdraw(SharedStats& work) {
  std::unique_lock lock(offered_mutex_);
  std::erase(offered_, &work);
  offers_.store(static_cast<unsigned>(offered_.size()));
  helpers_gone_.wait(lock, [&] { return work.helpers_.load(std::memory_order_acquire) == 0; });
}

// ---- descriptors ---------------------------------------------------------------------------------------

void Queues::drop_oldest(unsigned worker, unsigned wanted) {
  Queue& queue = *queues_[worker];
  std::lock_guard lock(queue.mutex);
  while (wanted > 0 && queue.dropped < queue.ranges.size()) {
    Node* node = queue.ranges[queue.dropped++].node;
    if (node->parent != nullptr && node->drop()) --wanted;  // the root's stays: every way back starts there
  }
}

void Queues::restored(unsigned worker, const Node* node) {
  Queue& queue = *queues_[worker];
  std::lock_guard lock(queue.mutex);
  if (!queue.ranges.empty() && queue.ranges.back().node == node)
    queue.dropped = std::min(queue.dropped, queue.ranges.size() - 1);
}

std::vector<Range> Queues::left_over() {
  std::vector<Range> ranges;
  for (auto& queue : queues_) {
    std::lock_guard lock(queue->mutex);
    ranges.insert(ranges.end(), queue->ranges.begin(), queue->ranges.end());
    queue->ranges.clear();
  }
  return ranges;
}

}  // namespace pwalk::walk
