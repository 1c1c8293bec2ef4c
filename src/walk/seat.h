// A worker's seat at the file system: tells whether the worker is in a call, so that a call that never
// answers can be told from a long way through many, and who may go on from there. A worker whose seat was
// taken away while it was in a call never comes back from it: whoever took it goes on with what the worker
// left.
//
// Thread safety: one worker calls; one other thread looks and seizes.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace pwalk::walk {

class Seat {
 public:
  /// Unless `watched`, calls are just made, and nobody can tell.
  explicit Seat(bool watched) noexcept : watched_(watched) {}

  bool watched() const noexcept { return watched_; }

  /// Makes a call that answers -1 and errno where it fails, again if a signal has interrupted it (EINTR). It
  /// must read and write nothing but what its worker alone ever looks at: it may still be running when all
  /// else is gone.
  template <class Call>
  auto call(Call call) noexcept -> decltype(call()) {
    if (watched_) return watched_call(call);
    auto answer = call();
    while (answer < 0 && errno == EINTR) answer = call();
    return answer;
  }

  /// Another number with each call that begins or ends.
  std::uint64_t turn() const noexcept { return turn_.load(std::memory_order_acquire); }
  static bool in_call(std::uint64_t turn) noexcept { return turn % 2 == 1; }
  /// Takes the seat from a worker that is still in the call of `turn`; false if it has come back from it. All
  /// that it wrote before the call can then be read.
  bool seize(std::uint64_t turn) noexcept {
    return turn_.compare_exchange_strong(turn, seized, std::memory_order_acq_rel);
  }
  /// For who has seized it: from now on calls are not made, and fail with ETIMEDOUT.
  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }

 private:
  static constexpr std::uint64_t seized = ~std::uint64_t{1};

  template <class Call>
  auto watched_call(Call& call) noexcept -> decltype(call()) {
    if (closed_) {
      errno = ETIMEDOUT;
      return -1;
    }
    std::uint64_t turn = turn_.load(std::memory_order_relaxed) + 1;
    turn_.store(turn, std::memory_order_release);
    auto answer = call();
    // In the same turn, or who is always interrupted could never be given up.
    while (answer < 0 && errno == EINTR && turn_.load(std::memory_order_relaxed) == turn) answer = call();
    int error = errno;
    if (!turn_.compare_exchange_strong(turn, turn + 1, std::memory_order_acq_rel)) never_return();
    errno = error;
    return answer;
  }

  [[noreturn]] static void never_return() noexcept {
    for (;;) ::pause();
  }

  bool watched_;
  bool closed_ = false;  // never looked at by a worker that has lost its seat
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace pwalk::walk
