// A thread that takes no signals: those are for the session's.
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace pwalk::mount {

/// Runs `function(std::stop_token)` in a new thread.
template <class Function>
std::jthread start_quietly(Function function) {
  // A thread begins with the mask of the one that starts it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::jthread thread;
  try {
    thread = std::jthread(std::move(function));
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace pwalk::mount
