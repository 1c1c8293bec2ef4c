// Looking after workers: those that are in a call which does not answer are given up, with the directory that
// they read, and replaced.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <system_error>
#include <vector>

#include "walk/crew.h"

namespace pwalk::walk {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds look_at_least_every{0.25};
constexpr Seconds patience_at_the_end{1};  // when the walk ends before its time

}  // namespace

/// Until all workers but those given up have ended. Who is given up is replaced by another thread; where the
/// system allows none, by one that it allows later. This thread must not take the work: nobody would look
/// after it then. If nobody else is left, and no thread to be had for as long as a call may take, the walk
/// ends.
void Walker::watch() {
  struct Stuck {
    unsigned number;
    Worker* worker;
  };
  Crew& crew = *crew_;
  const Seconds patience(shared_->options.patience_seconds);
  const Seconds interval = std::min(patience / 8, look_at_least_every);
  std::vector<Stuck> given_up;  // and not replaced yet
  std::chrono::steady_clock::time_point alone_since;
  std::unique_lock lock(crew.mutex);
  for (;;) {
    bool alone = crew.changed.wait_for(lock, interval, [&] { return crew.at_work == 0 && given_up.empty(); });
    if (alone) return;
    auto now = std::chrono::steady_clock::now();
    if (crew.at_work != 0) alone_since = now;
    Seconds enough = shared_->ending() ? std::min(patience, patience_at_the_end) : patience;
    for (Crew::Member& member : crew.members) {
      if (member.worker == nullptr) continue;
      std::uint64_t turn = member.worker->seat().turn();
      if (!Seat::in_call(turn) || turn != member.turn) {
        member.turn = turn;
        member.since = now;
        continue;
      }
      if (now - member.since < enough || !member.worker->seat().seize(turn)) continue;
      if (now - member.since < patience) shared_->cut_short.store(true, std::memory_order_relaxed);
      given_up.push_back({member.number, member.worker});
      member.worker = nullptr;
      member.thread.detach();
      --crew.at_work;
      ++abandoned_;
    }
    if (given_up.empty()) continue;
    bool in_vain = now - alone_since >= enough;
    lock.unlock();
    std::erase_if(given_up, [&](const Stuck& stuck) { return replace(stuck.number, *stuck.worker); });
    if (in_vain && !given_up.empty()) {
      end();
      for (const Stuck& stuck : given_up) stuck.worker->leave_behind();
      given_up.clear();
    }
    lock.lock();
  }
}

bool Walker::replace(unsigned number, Worker& stuck) {
  try {
    enlist(number, [&stuck](Worker& worker) { worker.take_over(stuck); });
    return true;
  } catch (const std::exception&) {
    return false;  // no more threads now, or no memory
  }
}

}  // namespace pwalk::walk
