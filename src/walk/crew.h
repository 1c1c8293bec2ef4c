// The threads of a walk. Each has a worker for as long as it works, and can be given up when that is in a
// call that never answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

#include "walk/worker.h"

namespace pwalk::walk {

struct Walker::Crew {
  struct Member {
    unsigned number = 0;
    Worker* worker = nullptr;  // nullptr: not yet, no more, or given up
    std::uint64_t turn = 0;    // of its seat, when it was last looked at
    std::chrono::steady_clock::time_point since;
    std::jthread thread;
  };

  std::mutex mutex;  // all of it
  std::condition_variable changed;
  std::list<Member> members;
  unsigned at_work = 0;
};

/// Makes a worker and lets `task` use it; without memory for one the walk fails.
template <class Task>
void Walker::work(Shared& shared, unsigned number, Task task) {
  try {
    Worker worker(shared, number);
    task(worker);
  } catch (...) {
    shared.fail(std::current_exception());
  }
}

/// A thread whose worker, of that number, does `task`. std::system_error where the system allows none.
template <class Task>
void Walker::enlist(unsigned number, Task task) {
  Crew& crew = *crew_;
  std::lock_guard lock(crew.mutex);
  Crew::Member& member = crew.members.emplace_back();
  member.number = number;
  try {
    member.thread = std::jthread([&crew, &member, &shared = *shared_, number, task = std::move(task)] {
      work(shared, number, [&](Worker& worker) {
        auto assign = [&](Worker* assigned) {
          std::lock_guard assigning(crew.mutex);
          member.worker = assigned;
        };
        assign(&worker);
        try {
          task(worker);
        } catch (...) {
          assign(nullptr);
          throw;
        }
        assign(nullptr);
      });
      std::lock_guard ending(crew.mutex);
      --crew.at_work;
      crew.changed.notify_all();
    });
  } catch (...) {
    crew.members.pop_back();
    throw;
  }
  ++crew.at_work;
}

}  // namespace pwalk::walk
