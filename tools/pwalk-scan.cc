// pwalk-scan: walks a file system in parallel and writes a snapshot of it.
// SPDX-License-Identifier: MIT

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "program.h"
#include "report/error_list.h"
#include "scan/gentle.h"
#include "scan/processors.h"
#include "scan/scan.h"
#include "scan/supervise.h"
#include "scan_filters.h"
#include "snapshot/snapshot.h"
#include "snapshot/store.h"

namespace {

constexpr char program[] = "pwalk-scan";
constexpr unsigned threads_limit = 4096;
constexpr std::size_t errors_shown = 20;

pwalk::scan::Orders own_orders;
pwalk::scan::Orders* orders = &own_orders;  // set before signals are handled

void on_status(int) {
  orders->tell_progress.store(true);
}

void on_stop(int signal_number) {
  orders->stop_signal.store(signal_number);
  orders->stop.store(true);
}

/// The first SIGINT or SIGTERM ends the scan cleanly, the second one at once. One that was ignored when the
/// program was started (nohup) stays ignored.
void handle_signals() {
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    ::sigaction(signal_number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_stop;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(signal_number, &action, nullptr);
  }
  struct sigaction status = {};
  status.sa_handler = on_status;
  status.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &status, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error like a full disk
}

/// A number from 1 on; 0 for anything else.
unsigned parse_threads(const std::string& text) {
  auto number = pwalk::parse_unsigned(text);
  return number && *number <= threads_limit ? static_cast<unsigned>(*number) : 0;
}

std::optional<mode_t> parse_mode(const std::string& text) {
  mode_t mode = 0;
  if (text.empty() || text.size() > 4) return std::nullopt;
  for (char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<mode_t>(c - '0');
  }
  return mode <= 0777 ? std::optional(mode) : std::nullopt;
}

int usage_error(const std::string& message) {
  pwalk::print_message(program, message + "\nTry 'pwalk-scan --help' for more information.");
  return pwalk::status_trouble;
}

/// The first of what could not be read; the snapshot has all of it.
void report_errors(const pwalk::scan::Result& result) {
  std::uint64_t errors = result.manifest.totals.errors;
  auto snapshot = pwalk::snapshot::Snapshot::open(result.snapshot_path);
  for (const auto& failed : pwalk::report::list_errors(snapshot, errors_shown))
    pwalk::print_message(program, failed.message());
  if (errors > errors_shown)
    pwalk::print_message(program, fmt::format("… and {} more", errors - errors_shown));
  pwalk::print_message(program,
                       fmt::format("{} errors: what could not be read is marked in the snapshot", errors));
}

/// On stderr, in one write. That it cannot be written (nobody reads it, a full disk) is no reason to end a
/// scan.
void tell(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

/// Shows how far the scan is: redrawn in place on a terminal, a line every so often elsewhere, a line when
/// SIGUSR1 asks for one.
class ProgressDisplay {
 public:
  /// `interval_seconds` between lines where stderr is no terminal; 0: none.
  ProgressDisplay(bool redraw, unsigned interval_seconds)
      : redraw_(redraw), interval_seconds_(interval_seconds) {}

  void show(const pwalk::scan::Progress& progress) {
    bool asked = orders->tell_progress.exchange(false);
    bool due = interval_seconds_ != 0 && progress.seconds >= next_line_;
    if (due) next_line_ = progress.seconds + interval_seconds_;
    std::string line = pwalk::scan::progress_line(progress);
    if (asked || due) tell(fmt::format("{}{}: {}\n", drawn_ ? clear_line : "", program, line));
    if (!redraw_) return;
    // One write, cut to what fits: a wrapped line could not be redrawn.
    struct winsize size = {};
    std::size_t columns =
        ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
    if (line.size() > columns) line.resize(columns);
    tell(clear_line + line);
    drawn_ = true;
  }
  void finish() const {
    if (drawn_) tell(clear_line);
  }

 private:
  static constexpr char clear_line[] = "\r\x1b[K";
  bool redraw_;
  unsigned interval_seconds_;
  double next_line_ = 0;
  bool drawn_ = false;
};

/// What the user is told at the end, on stderr.
void report(const pwalk::scan::Result& result, bool quiet) {
  const auto& manifest = result.manifest;
  if (!quiet) pwalk::print_message(program, "wrote '" + pwalk::printable(result.snapshot_path) + "'");
  if (result.incomplete)
    pwalk::print_message(
        program, "incomplete: the scan ended before it had reached everything; totals are lower bounds");
  if (manifest.totals.errors > 0) report_errors(result);
  if (quiet) return;
  double rate = static_cast<double>(manifest.totals.entries) / std::max(result.seconds, 1e-9);
  tell(fmt::format("Walked {} entries in {:.1f} secs ({:.1f} entries/sec)\n", manifest.totals.entries,
                   result.seconds, rate));
}

/// How the number of workers followed the file system.
void report_workers(const pwalk::scan::Result& result) {
  std::string text;
  for (const auto& change : result.workers_changes)
    text += fmt::format("{}{} at {:.2f} s", text.empty() ? "worker threads: " : ", ", change.workers,
                        change.seconds);
  if (!text.empty()) pwalk::print_message(program, text);
}

/// The same for programs, one line on stdout; paths percent-encoded as in the manifest.
void report_json(const pwalk::scan::Result& result) {
  const auto& manifest = result.manifest;
  const auto& totals = manifest.totals;
  nlohmann::ordered_json summary{{"snapshot", pwalk::percent_encode(result.snapshot_path)},
                                 {"uuid", pwalk::snapshot::uuid_text(manifest.uuid)},
                                 {"root", pwalk::percent_encode(manifest.root)},
                                 {"complete", manifest.complete},
                                 {"seconds", result.seconds},
                                 {"entries", totals.entries},
                                 {"files", totals.files},
                                 {"directories", totals.directories},
                                 {"symlinks", totals.symlinks},
                                 {"others", totals.others()},
                                 {"apparent_bytes", totals.apparent_bytes},
                                 {"directory_bytes", totals.directory_bytes},
                                 {"disk_bytes", totals.disk_bytes},
                                 {"excess_inodes", totals.excess_inodes},
                                 {"excess_apparent", totals.excess_apparent},
                                 {"excess_disk", totals.excess_disk},
                                 {"errors", totals.errors},
                                 {"vanished_entries", manifest.vanished_entries}};
  std::string line = summary.dump() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
    pwalk::throw_errno("cannot write to standard output");
}

/// Seconds of a number with s, m, h or d behind it, or nothing.
std::optional<double> parse_duration(std::string_view text) {
  constexpr std::string_view units = "smhd";
  constexpr double seconds[] = {1, 60, 3600, 86400};
  double unit = 1;
  if (std::size_t at = text.empty() ? units.npos : units.find(text.back()); at != units.npos) {
    unit = seconds[at];
    text.remove_suffix(1);
  }
  auto number = pwalk::parse_unsigned(text);
  if (!number || *number == 0) return std::nullopt;
  return static_cast<double>(*number) * unit;
}

/// Fills what --rate (nullptr: not given) and --stat-sync say; empty, or what is wrong.
std::string parse_gentle(pwalk::scan::Request& request, const std::string* rate,
                         const std::string& stat_sync) {
  if (rate != nullptr) {
    auto number = pwalk::parse_unsigned(*rate);
    if (!number || *number == 0 || *number > 1'000'000'000)
      return "--rate '" + pwalk::printable(*rate) + "': not a number of entries from 1 to 1000000000";
    request.rate = *number;
    request.options["rate"] = *rate;
    // Workers that wait for their turn are not waiting for the file system.
    request.threads_max = 0;
  }
  if (stat_sync != "auto" && stat_sync != "cached" && stat_sync != "force")
    return "--stat-sync '" + pwalk::printable(stat_sync) + "': it is auto, cached or force";
  if (stat_sync == "cached") request.stat_sync = AT_STATX_DONT_SYNC;
  if (stat_sync == "force") request.stat_sync = AT_STATX_FORCE_SYNC;
  if (stat_sync != "auto") request.options["stat-sync"] = stat_sync;
  return "";
}

/// What the user wants to be told.
struct Telling {
  bool quiet = false;
  bool verbose = false;
  bool summary_json = false;
  bool ignore_errors = false;
  bool redraw = false;  // the line of progress
  unsigned line_seconds = 0;
};

/// Scans and tells; the exit status.
int scan(pwalk::scan::Request& request, const Telling& telling) {
  ProgressDisplay display(telling.redraw, telling.line_seconds);
  request.on_progress = [&](const pwalk::scan::Progress& progress) {
    orders->walking.store(true);
    display.show(progress);
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
  if (result.stopped) {
    pwalk::print_message(program, "stopped, nothing was published");
    return 128 + orders->stop_signal.load();
  }
  report(result, telling.quiet);
  if (telling.verbose) report_workers(result);
  if (telling.summary_json) report_json(result);
  if (result.incomplete) return 1;
  return result.has_errors() && !telling.ignore_errors ? 1 : 0;
}

/// The same in a process that this one need not wait for, should it be unable to end.
int scan_supervised(pwalk::scan::Request& request, const Telling& telling) {
  using pwalk::scan::Supervised;
  constexpr double start_seconds = 2;  // for all that comes before the root is asked
  auto job = [&] { return pwalk::run_program(program, [&] { return scan(request, telling); }); };
  Supervised end = pwalk::scan::supervise(job, *orders, request.timeout_seconds + start_seconds);
  if (end.end == Supervised::End::no_answer) {
    pwalk::print_message(program, fmt::format("cannot read '{}': no answer for {} seconds",
                                              pwalk::printable(request.root), request.timeout_seconds));
    return pwalk::status_trouble;
  }
  if (end.end == Supervised::End::died) {
    pwalk::print_message(program, end.status != 0 ? fmt::format("the scan was ended by signal {}", end.status)
                                                  : std::string("the scan ended without telling how"));
    return pwalk::status_trouble;
  }
  return end.status;
}

int run(int argc, char** argv) {
  CLI::App app("Walks the file system below ROOT in parallel and writes a snapshot of it.");
  pwalk::add_standard_options(app, program);
  pwalk::scan::Request request;
  std::string threads = "auto";
  std::string threads_max = "256";
  std::string output;
  std::string mode;
  app.add_option("ROOT", request.root, "What to scan: a directory, or any other file")->required();
  app.add_option("-j,--threads", threads,
                 "Number of worker threads, or auto: one for each processor it may use, more while the file "
                 "system is what they wait for")
      ->type_name("N");
  app.add_option("--max-threads", threads_max, "The most worker threads of -j auto (256)")->type_name("N");
  app.add_flag("-x,--one-file-system", request.one_file_system,
               "Do not enter directories on other file systems than ROOT's");
  std::string rate;
  std::string stat_sync = "auto";
  bool nice = false;
  std::string deadline;
  std::string on_interrupt = "discard";
  std::string timeout;
  app.add_option(
         "--timeout", timeout,
         "Give a directory up when a call for it has not been answered for so many seconds, and scan on")
      ->type_name("SECONDS");
  app.add_option("--deadline", deadline,
                 "End after this time (90, 30m, 10h, 2d) and publish what there is, marked as incomplete")
      ->type_name("DURATION");
  app.add_option("--on-interrupt", on_interrupt,
                 "publish: when interrupted publish what there is, marked as incomplete, instead of nothing")
      ->type_name("WHAT");
  app.add_option("--rate", rate, "Look at no more than N entries a second")->type_name("N");
  app.add_flag("--nice", nice, "Use processors and disks only while nobody else does");
  app.add_option("--stat-sync", stat_sync,
                 "cached: take what the client of a network file system knows; force: ask the server; auto: "
                 "as the file system does for stat")
      ->type_name("HOW");
  std::vector<std::string> patterns;
  std::string pattern_file;
  std::string depth_max;
  bool no_snapshots = false;
  app.add_option("--exclude", patterns,
                 "Leave out what matches this shell pattern: names, or paths below ROOT if it has a / but a "
                 "trailing one; may be given more than once")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  app.add_option("-X,--exclude-from", pattern_file,
                 "Leave out what matches a pattern of this file, one a line; - is standard input")
      ->type_name("FILE");
  app.add_flag("--no-snapshots", no_snapshots,
               "Do not enter .snapshot, .snapshots, .zfs and ~snapshot directories");
  bool no_acl = false;
  app.add_flag(
      "--no-acl", no_acl,
      "Do not read the ACLs of directories: one call less for each, but a mount for others must then "
      "trust permission bits or show them closed");
  app.add_flag("--exclude-caches", request.exclude_caches,
               "Do not list directories that a CACHEDIR.TAG calls caches");
  app.add_option("-d,--max-depth", depth_max, "Do not enter directories N levels below ROOT")->type_name("N");
  auto* output_option =
      app.add_option("-o,--output", output, "Write the snapshot as this directory, which must not exist")
          ->type_name("SNAPSHOT");
  auto* store_option =
      app.add_option("-S,--store", request.store,
                     "Write into this store instead of $PWALK_STORE, /var/lib/pwalk (root) or "
                     "~/.local/share/pwalk, as NAME/TIME")
          ->type_name("STORE");
  auto* name_option =
      app.add_option("-n,--name", request.name, "Name within the store instead of one made from ROOT's path")
          ->type_name("NAME");
  app.add_option("--mode", mode, "Permission bits of the snapshot in octal, instead of 0700")
      ->type_name("MODE");
  bool quiet = false;
  bool verbose = false;
  bool no_progress = false;
  unsigned progress_seconds = 0;
  std::string summary;
  std::string errors;
  app.add_flag("-q,--quiet", quiet, "Print nothing but what went wrong");
  app.add_flag("-v,--verbose", verbose, "Also tell how many worker threads there were, and when");
  app.add_flag(
      "--progress{10}", progress_seconds,
      "Print a line of progress every SECONDS (10), as --progress=SECONDS, where stderr is no terminal");
  app.add_flag("--no-progress", no_progress, "Show no progress on a terminal either");
  app.add_option("--summary", summary, "json: one line of JSON about the snapshot on standard output")
      ->type_name("FORMAT");
  app.add_option("--errors", errors, "ignore: exit with status 0 although some entries could not be read")
      ->type_name("MODE");
  if (auto status = pwalk::parse_command_line(app, argc, argv)) return *status;
  if (!summary.empty() && summary != "json")
    return usage_error("--summary '" + pwalk::printable(summary) + "': only json is known");
  if (!errors.empty() && errors != "ignore")
    return usage_error("--errors '" + pwalk::printable(errors) + "': only ignore is known");

  if (*output_option && (*store_option || *name_option))
    return usage_error("-o writes exactly there: it does not go with -S or -n");
  bool automatic = threads == "auto";
  request.threads =
      automatic ? std::min(pwalk::scan::usable_processors(), threads_limit) : parse_threads(threads);
  if (request.threads == 0)
    return usage_error("-j '" + pwalk::printable(threads) + "': neither 'auto' nor a number from 1 to 4096");
  unsigned most = parse_threads(threads_max);
  if (most == 0)
    return usage_error("--max-threads '" + pwalk::printable(threads_max) + "': not a number from 1 to 4096");
  if (automatic) {
    request.threads_max = most;
    request.threads = std::min(request.threads, most);
  }
  if (std::string wrong = parse_gentle(request, app.count("--rate") != 0 ? &rate : nullptr, stat_sync);
      !wrong.empty())
    return usage_error(wrong);
  if (app.count("--deadline") != 0) {
    request.deadline_seconds = parse_duration(deadline);
    if (!request.deadline_seconds)
      return usage_error("--deadline '" + pwalk::printable(deadline) +
                         "': not a duration: a number of seconds, or one with s, m, h or d behind it");
    request.options["deadline"] = deadline;
  }
  if (on_interrupt != "publish" && on_interrupt != "discard")
    return usage_error("--on-interrupt '" + pwalk::printable(on_interrupt) + "': it is publish or discard");
  request.publish_when_stopped = on_interrupt == "publish";
  if (app.count("--timeout") != 0) {
    request.timeout_seconds = parse_duration(timeout).value_or(0);
    if (request.timeout_seconds == 0)
      return usage_error("--timeout '" + pwalk::printable(timeout) +
                         "': not a duration: a number of seconds, or one with s, m, h or d behind it");
    request.options["timeout"] = timeout;
    orders = &pwalk::scan::shared_orders();
  }
  if (!depth_max.empty()) {
    auto depth = pwalk::parse_unsigned(depth_max);
    if (!depth || *depth > std::numeric_limits<std::uint32_t>::max())
      return usage_error("-d '" + pwalk::printable(depth_max) + "': not a number of levels");
    request.depth_max = static_cast<std::uint32_t>(*depth);
    request.options["max-depth"] = depth_max;
  }
  if (std::string wrong = pwalk::add_filters(request, patterns, pattern_file); !wrong.empty())
    return usage_error(wrong);
  if (no_snapshots) {
    request.filter.add_snapshot_directories();
    request.options["no-snapshots"] = "yes";
  }
  if (request.exclude_caches) request.options["exclude-caches"] = "yes";
  request.acls = !no_acl;
  if (no_acl) request.options["no-acl"] = "yes";
  if (!mode.empty() && !(request.mode = parse_mode(mode)))
    return usage_error("--mode '" + pwalk::printable(mode) + "': not permission bits in octal");
  if (*output_option) request.output = output;
  if (*name_option)
    if (std::string why = pwalk::snapshot::why_not_a_name(request.name); !why.empty())
      return usage_error("-n '" + pwalk::printable(request.name) + "' cannot be a name: " + why);
  if (!request.output && !*store_option) request.store = pwalk::snapshot::default_store_path();

  handle_signals();
  ::umask(0077);
  if (nice)
    if (std::string refused = pwalk::scan::take_what_others_leave(); !refused.empty())
      pwalk::print_message(program, "warning: --nice: " + refused);
  Telling telling;
  telling.quiet = quiet;
  telling.verbose = verbose;
  telling.summary_json = !summary.empty();
  telling.ignore_errors = !errors.empty();
  telling.redraw = ::isatty(STDERR_FILENO) == 1 && !quiet && !no_progress;
  telling.line_seconds = telling.redraw || quiet || no_progress ? 0 : progress_seconds;
  if (request.timeout_seconds == 0) return scan(request, telling);
  return scan_supervised(request, telling);
}

}  // namespace

int main(int argc, char** argv) {
  return pwalk::run_program(program, [&] { return run(argc, argv); });
}
