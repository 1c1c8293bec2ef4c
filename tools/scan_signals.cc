// SPDX-License-Identifier: MIT
#include "scan_signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <thread>

namespace pwalk {

namespace {

scan::Orders* orders = nullptr;  // set before signals are handled

void on_status(int) {
  orders->tell_progress.store(true);
}

/// Signals that come in so short a time are one order: timeout(1) signals the program and then its whole
/// group, a terminal that goes away brings SIGHUP and its shell another one.
constexpr std::int64_t one_order_nanoseconds = 250'000'000;

std::int64_t now_nanoseconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

void on_stop(int signal_number) {
  std::int64_t now = now_nanoseconds();
  std::int64_t first = 0;
  if (orders->stop_nanoseconds.compare_exchange_strong(first, now)) {
    orders->stop_signal.store(signal_number);
    orders->stop.store(true);
  } else if (now - first > one_order_nanoseconds) {
    ::signal(signal_number, SIG_DFL);
    sigset_t taken;
    ::sigemptyset(&taken);
    ::sigaddset(&taken, signal_number);
    ::pthread_sigmask(SIG_UNBLOCK, &taken, nullptr);
    ::raise(signal_number);
    ::_exit(128 + signal_number);  // the first process of a container is not ended by a signal
  }
}

}  // namespace

void handle_signals(scan::Orders& told) {
  orders = &told;
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    ::sigaction(signal_number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_stop;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal_number, &action, nullptr);
  }
  struct sigaction status = {};
  status.sa_handler = on_status;
  status.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &status, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error like a full disk
}

void take_signals_apart() {
  sigset_t handled;
  sigset_t before;
  ::sigemptyset(&handled);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::sigaddset(&handled, signal_number);
  ::pthread_sigmask(SIG_BLOCK, &handled, &before);
  try {
    std::thread([handled] {
      ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
      for (;;) ::pause();
    }).detach();
  } catch (const std::system_error&) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);  // without a thread for it, whoever can
  }
}

}  // namespace pwalk
