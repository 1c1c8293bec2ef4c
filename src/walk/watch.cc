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

/// Until all workers but those given up have ended.
void Walker::watch() {
  struct Stuck {
    unsigned number;
    Worker* worker;
  };
  Crew& crew = *crew_;
  const Seconds patience(shared_->options.patience_seconds);
  const Seconds interval = std::min(patience / 8, look_at_least_every);
  std::unique_lock lock(crew.mutex);
  while (!crew.changed.wait_for(lock, interval, [&] { return crew.at_work == 0; })) {
    auto now = std::chrono::steady_clock::now();
    Seconds enough = shared_->ending() ? std::min(patience, patience_at_the_end) : patience;
    std::vector<Stuck> found;
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
      found.push_back({member.number, member.worker});
      member.worker = nullptr;
      member.thread.detach();
      --crew.at_work;
      ++abandoned_;
    }
    if (found.empty()) continue;
    lock.unlock();
    for (const Stuck& stuck : found) replace(stuck.number, *stuck.worker);
    lock.lock();
  }
}

void Walker::replace(unsigned number, Worker& stuck) {
  auto take_over = [&stuck](Worker& worker) { worker.take_over(stuck); };
  try {
    enlist(number, take_over);
  } catch (const std::exception&) {
    work(*shared_, number, take_over);  // no more threads: this one, then, watching no more
  }
}

}  // namespace pwalk::walk
