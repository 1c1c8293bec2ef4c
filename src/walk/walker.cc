// SPDX-License-Identifier: MIT
#include "walk/walker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include "base/error.h"
#include "walk/crew.h"
#include "walk/governor.h"
#include "walk/runnable.h"
#include "walk/worker.h"

namespace pwalk::walk {

namespace {

// The program's own: shards while they grow, standard streams …; and the least of them, with few shards.
constexpr unsigned descriptors_reserved = 24;
constexpr unsigned descriptors_least = 8;
constexpr std::chrono::milliseconds sample_every{10};  // of what the workers do
constexpr unsigned descriptors_in_use = 3;             // of one worker at any moment beside those it keeps

/// Descriptors that this process may have open, after raising the limit as far as allowed.
unsigned descriptor_limit() {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256 + descriptors_reserved;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 65536));
}

/// Those of them that the walk may have open.
unsigned descriptor_budget() {
  unsigned allowed = descriptor_limit();
  return allowed > descriptors_reserved ? allowed - descriptors_reserved : 1;
}

}  // namespace

unsigned workers_possible() {
  unsigned allowed = descriptor_limit();
  return allowed > descriptors_least + 2 ? (allowed - descriptors_least) / 2 : 1;
}

Walker::Shared::Shared(const Options& chosen, MountTable& table, std::vector<Sink*> worker_sinks,
                       const std::atomic<bool>& stop_flag)
    : options(chosen),
      mounts(table),
      sinks(std::move(worker_sinks)),
      stop(stop_flag),
      descriptors(chosen.descriptors != 0 ? chosen.descriptors : descriptor_budget()),
      effective_uid(::geteuid()),
      queues(std::max(chosen.workers, chosen.workers_max), chosen.workers),
      rate_limit(chosen.rate) {
  // More than could have a directory open would only stand in each other's way.
  options.workers_max = std::min(options.workers_max, descriptors / (descriptors_in_use + 1));
  share_descriptors(options.workers);
  for (unsigned i = 0; i < std::max(options.workers, options.workers_max); ++i)
    counters.push_back(std::make_unique<Counters>());
}

void Walker::Shared::share_descriptors(unsigned workers) noexcept {
  unsigned share = descriptors / workers;
  handles_per_worker.store(share > descriptors_in_use ? share - descriptors_in_use : 1,
                           std::memory_order_relaxed);
}

void Walker::Shared::fail(std::exception_ptr reason) {
  {
    std::lock_guard lock(failure_mutex);
    if (!failure) failure = std::move(reason);
  }
  failed.store(true, std::memory_order_relaxed);
  queues.close();
}

Walker::Walker(Options options, MountTable& mounts, std::vector<Sink*> sinks, const std::atomic<bool>& stop)
    : shared_(std::make_unique<Shared>(options, mounts, std::move(sinks), stop)),
      crew_(std::make_unique<Crew>()) {}

Walker::~Walker() {
  // A walk that was stopped leaves directories in flight: each waits for subdirectories that nobody will
  // read.
  unwind([](Token) {}, [](Token) {});
  // Should a call that was given up ever answer, it must find what it writes to.
  if (abandoned_ != 0) static_cast<void>(shared_.release());
}

/// Takes the directories that nobody read, and those in flight that have waited for them.
template <class Unread, class Finished>
void Walker::unwind(Unread unread, Finished finished) {
  for (const Range& range : shared_->queues.left_over()) {
    Node* node = range.node;
    for (std::uint32_t position = range.begin; position < range.end; ++position)
      unread(node->pending[position].token);
    std::uint32_t done = range.end - range.begin;
    while (node != nullptr && node->unfinished.fetch_sub(done, std::memory_order_acq_rel) == done) {
      std::unique_ptr<Node> last(node);
      finished(last->token);
      node = last->parent;
      done = 1;
    }
  }
}

void Walker::end() noexcept {
  shared_->ended.store(true, std::memory_order_relaxed);
  shared_->queues.close();
}

void Walker::settle() {
  Sink& sink = *shared_->sinks[0];
  unwind(
      [&](Token token) {
        sink.not_listed(token, {Listed::not_reached, NotEntered::none, 0, Call::none, {}, {}, false, 0});
        sink.finish(token);
      },
      [&](Token token) { sink.finish(token); });
}

void Walker::start_worker() {
  enlist(shared_->started, [](Worker& worker) { worker.run(); });
  ++shared_->started;
}

/// Until the walk ends, or there is no memory for it: looks every few milliseconds at what the workers do,
/// and changes their number.
void Walker::govern() noexcept {
  try {
    adjust_workers();
  } catch (const std::exception&) {
    // The system allows no more threads, or has no memory: those that there are walk the tree.
  }
}

void Walker::adjust_workers() {
  using Clock = std::chrono::steady_clock;
  Shared& shared = *shared_;
  Governor governor(shared.options.workers, shared.options.workers_max);
  struct Look {
    Clock::time_point time;
    struct rusage usage {};
    std::uint64_t entries = 0;
  };
  auto look = [&] {
    Look now{Clock::now()};
    ::getrusage(RUSAGE_SELF, &now.usage);
    now.entries = counts().entries;
    return now;
  };
  auto seconds_of = [](const struct timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  Look first = look();
  Look last = first;
  while (!shared.queues.wait_for_end(sample_every)) {
    Look now = look();
    WorkSample sample;
    sample.seconds = std::chrono::duration<double>(now.time - last.time).count();
    sample.processor_seconds = seconds_of(now.usage.ru_utime) - seconds_of(last.usage.ru_utime) +
                               seconds_of(now.usage.ru_stime) - seconds_of(last.usage.ru_stime);
    sample.entries = now.entries - last.entries;
    sample.idle = shared.queues.idle() + shared.rate_limit.resting();
    sample.runnable = runnable_threads;
    sample.preempted = now.usage.ru_nivcsw - last.usage.ru_nivcsw > now.usage.ru_nvcsw - last.usage.ru_nvcsw;
    last = now;
    unsigned before = governor.workers();
    unsigned workers = governor.judge(sample);
    if (workers == before) continue;
    shared.workers_changes.push_back({std::chrono::duration<double>(now.time - first.time).count(), workers});
    shared.share_descriptors(std::max(workers, shared.started));
    shared.queues.set_active(workers);
    while (shared.started < workers) start_worker();
  }
}

bool Walker::run(Fd root, const struct statx& stat, Token token) {
  Shared& shared = *shared_;
  shared.root_device = device_of(stat);
  {
    bool watched = shared.options.patience_seconds > 0;
    auto begin = [&](Worker& worker) { worker.run_from_root(std::move(root), stat, token); };
    std::jthread governor;
    shared.started = 1;
    if (watched) enlist(0, begin);  // this thread watches: it must never be in a call that may not answer
    try {
      while (shared.started < shared.options.workers) start_worker();
      shared.workers_changes.push_back({0, shared.started});
      if (shared.options.workers_max > shared.options.workers) governor = std::jthread([this] { govern(); });
    } catch (const std::exception&) {
      // The system allows no more threads, or has no memory for them: those that there are walk the tree as
      // well, and nobody is left waiting for work.
      if (shared.workers_changes.empty()) shared.workers_changes.push_back({0, shared.started});
    }
    if (watched)
      watch();
    else
      work(shared, 0, begin);
    if (governor.joinable()) governor.join();  // it may still have added workers
    crew_->members.clear();
  }
  if (shared.failure) std::rethrow_exception(shared.failure);
  return shared.finished.load(std::memory_order_acquire) && !shared.cut_short.load(std::memory_order_relaxed);
}

const std::vector<Walker::WorkersChange>& Walker::workers_changes() const noexcept {
  return shared_->workers_changes;
}

Counts Walker::counts() const noexcept {
  Counts sum;
  for (const auto& counters : shared_->counters) {
    sum.entries += counters->entries.load(std::memory_order_relaxed);
    sum.left_out += counters->left_out.load(std::memory_order_relaxed);
    sum.directories += counters->directories.load(std::memory_order_relaxed);
    sum.errors += counters->errors.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace pwalk::walk
