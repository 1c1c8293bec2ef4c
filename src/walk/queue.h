// Work waiting to be done: one queue for each worker, last in first out for itself; a worker that has nothing
// takes the oldest half of somebody's oldest range, the largest subtrees. An item is a range of the pending
// subdirectories of one directory, so the queues stay as short as the tree is deep.
//
// A worker that finds nothing looks again for a moment, then sleeps; it is woken only when work was pushed
// that its pusher will not take next. Uncontended locks only: a lock here costs 20 ns a directory, a wake-up
// 50 to 150 µs.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "walk/node.h"

namespace pwalk::walk {

struct Range {
  Node* node;
  std::uint32_t begin;  // positions in node->pending
  std::uint32_t end;
};

struct Task {
  Node* node = nullptr;
  std::uint32_t position = 0;
};

class Queues {
 public:
  explicit Queues(unsigned workers);

  /// Adds a range that is not empty to the worker's own queue.
  void push(unsigned worker, Range range);
  /// The next task of the worker: its own newest, else a stolen one, else waits. False when the walk has
  /// ended.
  bool next(unsigned worker, Task& task);
  /// Ends the walk: every next() returns false.
  void close();

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

  std::vector<std::unique_ptr<Queue>> queues_;
  unsigned spinners_max_;
  alignas(128) std::atomic<unsigned> spinners_{0};
  std::atomic<unsigned> idle_{0};
  std::atomic<bool> closed_{false};
  std::mutex sleep_mutex_;  // pairs pushing with going to sleep
  std::condition_variable wake_;
};

}  // namespace pwalk::walk
