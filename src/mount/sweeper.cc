// SPDX-License-Identifier: MIT
#include "mount/sweeper.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

#include "mount/quiet_thread.h"

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
  thread_ = start_quietly([&](const std::stop_token& ending) { sweep(ending, source, log); });
}

}  // namespace pwalk::mount
