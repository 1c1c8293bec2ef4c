// SPDX-License-Identifier: MIT
#include "walk/walker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "walk/worker.h"

namespace pwalk::walk {

namespace {

constexpr unsigned descriptors_reserved =
    24;                                     // the program's own: shards while they grow, standard streams …
constexpr unsigned descriptors_in_use = 3;  // of one worker at any moment beside those it keeps

/// Descriptors that the walk may have open, after raising the limit as far as allowed.
unsigned descriptor_budget() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  auto allowed = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 65536));
  return allowed > descriptors_reserved ? allowed - descriptors_reserved : 1;
}

}  // namespace

Walker::Shared::Shared(const Options& chosen, MountTable& table, std::vector<Sink*> worker_sinks,
                       const std::atomic<bool>& stop_flag)
    : options(chosen),
      mounts(table),
      sinks(std::move(worker_sinks)),
      stop(stop_flag),
      effective_uid(::geteuid()),
      queues(chosen.workers) {
  unsigned budget = options.descriptors != 0 ? options.descriptors : descriptor_budget();
  unsigned share = budget / options.workers;
  handles_per_worker = share > descriptors_in_use ? share - descriptors_in_use : 1;
  for (unsigned i = 0; i < options.workers; ++i) counters.push_back(std::make_unique<Counters>());
}

void Walker::Shared::fail(std::exception_ptr reason) {
  {
    std::lock_guard lock(failure_mutex);
    if (!failure) failure = std::move(reason);
  }
  failed.store(true, std::memory_order_relaxed);
  queues.close();
}

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

Walker::Walker(Options options, MountTable& mounts, std::vector<Sink*> sinks, const std::atomic<bool>& stop)
    : shared_(std::make_unique<Shared>(options, mounts, std::move(sinks), stop)) {}

Walker::~Walker() {
  // A walk that was stopped leaves directories in flight: each waits for subdirectories that nobody will
  // read.
  for (const Range& range : shared_->queues.left_over()) {
    Node* node = range.node;
    std::uint32_t unread = range.end - range.begin;
    while (node != nullptr && node->unfinished.fetch_sub(unread, std::memory_order_acq_rel) == unread) {
      std::unique_ptr<Node> done(node);
      node = done->parent;
      unread = 1;
    }
  }
}

bool Walker::run(Fd root, const struct statx& stat, Token token) {
  Shared& shared = *shared_;
  shared.root_device = device_of(stat);
  {
    std::vector<std::jthread> threads;
    threads.reserve(shared.options.workers);
    try {
      for (unsigned number = 1; number < shared.options.workers; ++number)
        threads.emplace_back(
            [&shared, number] { work(shared, number, [](Worker& worker) { worker.run(); }); });
    } catch (const std::system_error&) {
      // The system allows no more threads: those that there are walk the tree as well, and nobody is left
      // waiting for work.
    }
    work(shared, 0, [&](Worker& worker) { worker.run_from_root(std::move(root), stat, token); });
  }
  if (shared.failure) std::rethrow_exception(shared.failure);
  return shared.finished.load(std::memory_order_acquire);
}

Counts Walker::counts() const noexcept {
  Counts sum;
  for (const auto& counters : shared_->counters) {
    sum.entries += counters->entries.load(std::memory_order_relaxed);
    sum.directories += counters->directories.load(std::memory_order_relaxed);
    sum.errors += counters->errors.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace pwalk::walk
