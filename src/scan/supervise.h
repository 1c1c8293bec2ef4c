// A scan in a process of its own, for file systems that may never answer: a process one of whose threads is
// stuck in a call cannot end, so nobody must wait for it. The first process only passes on what it is told
// and waits for the status; when it ends, the scan ends too.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace pwalk::scan {

/// What signals ask of a scan, and what it tells; seen by both processes.
struct Orders {
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> stop_nanoseconds{0};  // CLOCK_MONOTONIC of the first signal
  std::atomic<int> stop_signal{0};
  std::atomic<bool> tell_progress{false};

  /// The scan says that the root has answered: from now on it ends in good order. False if it was given up
  /// before, and is to end on the spot.
  bool begin_walk() noexcept { return reach(Phase::walking); }
  /// Gives up a scan whose root has not answered; false if it has.
  bool give_up() noexcept { return reach(Phase::given_up); }
  bool walking() const noexcept { return phase_.load() == Phase::walking; }

 private:
  enum class Phase { waiting, walking, given_up };
  bool reach(Phase phase) noexcept {
    Phase before = Phase::waiting;
    return phase_.compare_exchange_strong(before, phase);
  }
  std::atomic<Phase> phase_{Phase::waiting};
};

/// Orders in memory that a child shares, for as long as the process lives. std::system_error where there is
/// none.
Orders& shared_orders();

struct Supervised {
  enum class End { status, died, no_answer, stopped };
  End end = End::status;
  int status = 0;  // exit status of the job, or the signal that it died of (0: unknown)
};

/// Calls `job` in a child, which ends with what it returns, and waits for that; not longer than
/// `patience_seconds` for `orders.walking()`. Before any thread is started. The child ignores the signals by
/// which a scan is stopped: they reach it through `orders`.
Supervised supervise(const std::function<int()>& job, Orders& orders, double patience_seconds);

}  // namespace pwalk::scan
