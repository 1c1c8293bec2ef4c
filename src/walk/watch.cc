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

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds look_at_least_every{0.25};
constexpr Seconds patience_at_the_end{1};  // when the walk ends before its time
constexpr Seconds stopped_from{0.1};       // later than this for a look

}  // namespace

/// Until all workers but those given up have ended. Who is given up is replaced by another thread, which
/// writes down what it had in hand. Where the system allows none, this one does, so that nobody waits for
/// that, and another takes the place later; but this one must not go on: nobody would look after it then. If
/// nobody else is left, and no thread to be had for as long as a call may take, the walk ends.
void Walker::watch() {
  struct Stuck {
    unsigned number;
    Worker* worker;  // nullptr: what it had in hand is written down
  };
  Crew& crew = *crew_;
  const Seconds patience(shared_->options.patience_seconds);
  const Seconds interval = std::min(patience / 8, look_at_least_every);
  std::vector<Stuck> given_up;  // and not replaced yet
  Clock::time_point alone_since = Clock::now();
  std::unique_lock lock(crew.mutex);
  for (;;) {
    auto before = Clock::now();
    bool alone = crew.changed.wait_for(lock, interval, [&] { return crew.at_work == 0 && given_up.empty(); });
    if (alone) return;
    auto now = Clock::now();
    // A process that was stopped (SIGSTOP, a frozen control group, a virtual machine's host) has waited for
    // nobody in that time.
    auto stopped = now - before - interval;
    if (stopped < stopped_from) stopped = {};
    alone_since += std::chrono::duration_cast<Clock::duration>(stopped);
    if (crew.at_work != 0) alone_since = now;
    if (shared_->ending()) shared_->queues.close();  // nobody may be awake to do it
    Seconds enough = shared_->ending() ? std::min(patience, patience_at_the_end) : patience;
    for (Crew::Member& member : crew.members) {
      if (member.worker == nullptr) continue;
      std::uint64_t turn = member.worker->seat().turn();
      if (!Seat::in_call(turn) || turn != member.turn) {
        member.turn = turn;
        member.since = now;
        continue;
      }
      member.since += std::chrono::duration_cast<Clock::duration>(stopped);
      if (now - member.since < enough || !member.worker->seat().seize(turn)) continue;
      if (now - member.since < patience) shared_->cut_short.store(true, std::memory_order_relaxed);
      member.worker->let_go();
      given_up.push_back({member.number, member.worker});
      member.worker = nullptr;
      member.thread.detach();
      --crew.at_work;
      ++abandoned_;
    }
    if (given_up.empty()) continue;
    bool in_vain = now - alone_since >= enough;
    lock.unlock();
    auto replaced =
        std::erase_if(given_up, [&](const Stuck& stuck) { return replace(stuck.number, stuck.worker); });
    for (Stuck& stuck : given_up) {
      if (stuck.worker == nullptr || !stuck.worker->is_alone()) continue;
      stuck.worker->leave_behind();
      stuck.worker = nullptr;
    }
    if (in_vain && replaced == 0) end();
    // Nobody is to go on then: those places stay empty.
    if (shared_->queues.closed())
      std::erase_if(given_up, [](const Stuck& stuck) { return stuck.worker == nullptr; });
    lock.lock();
  }
}

/// Fills the place of a worker that was given up; false where the system allows no thread now.
bool Walker::replace(unsigned number, Worker* stuck) {
  try {
    enlist(number, [stuck](Worker& worker) {
      if (stuck != nullptr) stuck->leave_behind();
      worker.run();
    });
    return true;
  } catch (const std::exception&) {
    return false;  // no more threads now, or no memory
  }
}

}  // namespace pwalk::walk
