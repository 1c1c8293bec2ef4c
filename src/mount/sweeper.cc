// SPDX-License-Identifier: MIT
#include "mount/sweeper.h"

#include <csignal>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

namespace pwalk::mount {

namespace {

constexpr std::chrono::seconds interval{10};

void sweep(const std::stop_token& ending, Source& source, Log& log) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!never.wait_for(lock, ending, interval, [&] { return ending.stop_requested(); })) {
    try {
      source.drop_removed();
    } catch (const std::exception& error) {
      log.once(error.what());
    }
  }
}

}  // namespace

Sweeper::Sweeper(Source& source, Log& log) {
  if (source.kind() == SourceKind::snapshot) return;
  // A thread begins with the mask of the one that starts it; signals are for the session's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::jthread([&](const std::stop_token& ending) { sweep(ending, source, log); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace pwalk::mount
