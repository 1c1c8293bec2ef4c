// pwalk-scan: walks a file system in parallel and writes a snapshot of it.
// SPDX-License-Identifier: MIT

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <thread>

#include "base/leave.h"
#include "base/text.h"
#include "program.h"
#include "scan/gentle.h"
#include "scan/scan.h"
#include "scan/supervise.h"
#include "scan_options.h"
#include "scan_report.h"

namespace {

constexpr char program[] = "pwalk-scan";

pwalk::scan::Orders own_orders;
pwalk::scan::Orders* orders = &own_orders;  // set before signals are handled

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

/// The first of these signals ends the scan cleanly, the next order, whichever signal it is, at once. One
/// that was ignored when the program was started (nohup) stays ignored.
void handle_signals() {
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

/// From now on a thread of their own takes the signals that are handled: one that is in a call at a file
/// system that does not answer would not.
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

/// Tells that a signal has ended it; the exit status.
int stopped() {
  pwalk::print_message(program, "stopped, nothing was published");
  return 128 + orders->stop_signal.load();
}

/// Scans and tells; the exit status.
int scan(pwalk::scan::Request& request, const pwalk::ScanReport& report) {
  pwalk::ProgressDisplay display(report);
  request.on_root_opened = [] {
    if (!orders->begin_walk()) pwalk::leave(pwalk::status_trouble);
  };
  request.on_progress = [&](const pwalk::scan::Progress& progress) {
    display.show(progress, orders->tell_progress);
  };
  request.on_warning = [](const std::string& warning) { pwalk::print_message(program, warning); };
  pwalk::scan::Result result;
  try {
    result = pwalk::scan::run(request, orders->stop);
  } catch (...) {
    display.finish();
    throw;
  }
  display.finish();
  if (!result.refusal.empty()) {
    pwalk::print_message(program, result.refusal);
    return pwalk::status_trouble;
  }
  if (result.stopped) return stopped();
  return report.tell(result);
}

/// The same in a process that this one need not wait for, should it be unable to end.
int scan_supervised(pwalk::scan::Request& request, const pwalk::ScanReport& report) {
  using pwalk::scan::Supervised;
  constexpr double start_seconds = 2;  // for all that comes before the root is asked
  auto job = [&] { return pwalk::run_program(program, [&] { return scan(request, report); }); };
  double patience =
      std::min(request.timeout_seconds, request.deadline_seconds.value_or(request.timeout_seconds));
  Supervised end = pwalk::scan::supervise(job, *orders, patience + start_seconds);
  if (end.end == Supervised::End::no_answer) {
    pwalk::print_message(program, fmt::format("cannot read '{}': no answer for {} seconds",
                                              pwalk::printable(request.root), patience));
    return pwalk::status_trouble;
  }
  if (end.end == Supervised::End::stopped) return stopped();
  if (end.end == Supervised::End::died) {
    pwalk::print_message(program, end.status != 0 ? fmt::format("the scan was ended by signal {}", end.status)
                                                  : std::string("the scan ended without telling how"));
    return pwalk::status_trouble;
  }
  return end.status;
}

int run(int argc, char** argv) {
  pwalk::ScanOptions options;
  if (auto status = pwalk::parse_scan_options(argc, argv, options)) return *status;
  // A call that is never answered must not put off the end of a scan that has a deadline.
  double& timeout_seconds = options.request.timeout_seconds;
  if (options.request.deadline_seconds && timeout_seconds == 0)
    timeout_seconds = std::numeric_limits<double>::infinity();
  bool supervised = timeout_seconds != 0;
  if (supervised) orders = &pwalk::scan::shared_orders();
  handle_signals();
  ::umask(0077);
  if (options.nice)
    if (std::string refused = pwalk::scan::take_what_others_leave(); !refused.empty())
      pwalk::print_message(program, "warning: --nice: " + refused);
  if (supervised) return scan_supervised(options.request, options.report);
  take_signals_apart();
  return scan(options.request, options.report);
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(program, [&] { return run(argc, argv); });
}
