// Work waiting to be done: one queue for each worker, last in first out for itself; a worker that has nothing
// takes the oldest half of somebody's oldest range, the largest subtrees. An item is a range of the pending
// subdirectories of one directory, so the queues stay as short as the tree is deep.
//
// A worker that finds no directory helps with the names of a large one that somebody offers. One that finds
// nothing at all looks again for a moment, then sleeps; it is woken only when work was pushed that its pusher
// will not take next. Uncontended locks only: a lock here costs 20 ns a directory, a wake-up 50 to 150 µs.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "walk/node.h"
#include "walk/shared_stats.h"

namespace pwalk::walk {

struct Range {
  Node* node;
  std::uint32_t begin;  // positions in node->pending
  std::uint32_t end;
};

/// A subdirectory to read, or work to help with.
struct Task {
  Node* node = nullptr;
  std::uint32_t position = 0;
  SharedStats* shared = nullptr;
  bool empty() const noexcept { return node == nullptr && shared == nullptr; }
};

class Queues {
 public:
  /// For up to `workers_max`, of which the first `active` work.
  Queues(unsigned workers_max, unsigned active);

  /// Adds a range that is not empty to the worker's own queue.
  void push(unsigned worker, Range range);
  /// The next task of the worker: its own newest, else a stolen one, else offered work to help with, else
  /// waits, as it does while it is not among the active. False when the walk has ended.
  bool next(unsigned worker, Task& task);
  /// Ends the walk: every next() returns false.
  void close();
  bool closed() const noexcept { return closed_.load(); }

  /// From now on the first `active` workers work; the others wait when they next ask for a task.
  void set_active(unsigned active);
  bool is_active(unsigned worker) const noexcept { return worker < active_.load(std::memory_order_relaxed); }
  unsigned active() const noexcept { return active_.load(std::memory_order_relaxed); }
  /// Active workers that have nothing to do at this moment.
  unsigned idle() const noexcept { return idle_.load(std::memory_order_relaxed); }
  /// Waits until the walk has ended, but not longer than `patience`; whether it has.
  bool wait_for_end(std::chrono::milliseconds patience);

  /// Offers work to idle workers, from now until it is withdrawn, which waits for those who came.
  void offer(SharedStats& work);
  void withdraw(SharedStats& work);
  /// A helper finds nothing left to take.
  void leave(SharedStats& work);

  /// Gives up descriptors of the oldest directories in the worker's own queue, up to `wanted` of them.
  void drop_oldest(unsigned worker, unsigned wanted);
  /// A directory has its descriptor again: if it is the worker's newest, it can be asked to give it up again.
  void restored(unsigned worker, const Node* node);

  /// After close() and when no worker runs: the ranges that nobody took.
  std::vector<Range> left_over();

 private:
  struct alignas(128) Queue {
    std::mutex mutex;  // ranges, dropped
    std::deque<Range> ranges;
    std::size_t dropped = 0;  // oldest ranges whose directories have given up their descriptors
    std::atomic<std::size_t> length{0};
  };
  bool take_own(Queue& queue, Task& task);
  bool work_appeared() noexcept;
  bool any_work() const noexcept;
  bool steal(unsigned worker, Task& task);
  bool help(Task& task);
  void wait_until_active(unsigned worker);

  std::vector<std::unique_ptr<Queue>> queues_;
  unsigned spinners_max_;
  std::atomic<unsigned> active_;
  std::atomic<unsigned> in_use_;  // queues that may hold something: the most workers that ever were active
  alignas(128) std::atomic<unsigned> spinners_{0};
  std::atomic<unsigned> idle_{0};
  std::atomic<bool> closed_{false};
  std::mutex sleep_mutex_;  // pairs pushing with going to sleep
  std::condition_variable wake_;
  std::condition_variable activity_;  // more are active, or the end

  std::atomic<unsigned> offers_{0};  // length of offered_
  std::mutex offered_mutex_;         // offered_, helpers coming and going
  std::vector<SharedStats*> offered_;
  std::condition_variable helpers_gone_;
};

}  // namespace pwalk::walk
