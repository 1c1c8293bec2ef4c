// pwalk-scan: walks a file system in parallel and writes a snapshot of it.
// SPDX-License-Identifier: MIT

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/leave.h"
#include "base/text.h"
#include "program.h"
#include "scan/gentle.h"
#include "scan/scan.h"
#include "scan/supervise.h"
#include "scan_options.h"
#include "scan_report.h"
#include "scan_signals.h"

namespace {

constexpr char program[] = "pwalk-scan";

pwalk::scan::Orders own_orders;
pwalk::scan::Orders* orders = &own_orders;

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
  pwalk::handle_signals(*orders);
  ::umask(0077);
  if (options.nice)
    if (std::string refused = pwalk::scan::take_what_others_leave(); !refused.empty())
      pwalk::print_message(program, "warning: --nice: " + refused);
  if (supervised) return scan_supervised(options.request, options.report);
  pwalk::take_signals_apart();
  return scan(options.request, options.report);
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(program, [&] { return run(argc, argv); });
}
