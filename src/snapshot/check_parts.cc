// The collector of problems and the loop over work items.
// SPDX-License-Identifier: MIT
#include "snapshot/check_parts.h"

#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "base/text.h"

namespace pwalk::snapshot::check {

void Problems::add(const FormatError& error, bool structural) {
  std::lock_guard lock(mutex_);
  if (++reported_ >= repetition_limit) full_ = true;
  if (full_) return;
  if (!problems_.try_emplace({error.file(), error.place(), error.rule()}, printable(error.what())).second)
    return;
  if (structural) structural_ = true;
  if (++found_ >= limit_) full_ = true;
}

std::vector<Problem> Problems::take() {
  std::lock_guard lock(mutex_);
  std::vector<Problem> list;
  for (auto& [key, text] : problems_)
    list.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), std::move(text)});
  problems_.clear();
  return list;
}

void for_each_item(unsigned threads, std::uint64_t items, Problems& problems,
                   const std::function<Worker()>& make_worker) {
  std::atomic<std::uint64_t> next{0};
  std::mutex failure_mutex;  // protects failure
  std::exception_ptr failure;
  auto run = [&]() noexcept {
    try {
      Worker worker = make_worker();
      for (std::uint64_t item; !problems.full() && (item = next.fetch_add(1)) < items;) {
        try {
          worker(item);
        } catch (const FormatError& error) {
          problems.add(error);
        }
      }
    } catch (...) {
      std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
      next.store(items);
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned i = 1; i < threads && i < items; ++i) others.emplace_back(run);
    } catch (const std::system_error&) {
      // No more threads to be had: those that there are do the work.
    }
    run();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pwalk::snapshot::check
