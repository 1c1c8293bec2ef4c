// A thread that takes no signals from elsewhere: those are for the session's.
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
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  // Its own faults are its own: the kernel ends a process that has blocked the signal of one, whatever the
  // handler. A mapped file that cannot be read is SIGBUS.
  for (int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&blocked, fault);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
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
