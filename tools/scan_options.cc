// SPDX-License-Identifier: MIT
#include "scan_options.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "program.h"
#include "scan/processors.h"
#include "scan_filters.h"
#include "snapshot/store.h"
#include "walk/walker.h"

namespace pwalk {

namespace {

constexpr char program[] = "pwalk-scan";
constexpr unsigned threads_limit = 4096;
constexpr char wanted_duration[] = "not a duration: a number of seconds, or one with s, m, h or d behind it";

/// The texts of the command line, before it is known whether they mean anything.
struct Texts {
  std::string threads = "auto";
  std::string threads_max = "256";
  std::string rate;
  std::string stat_sync = "auto";
  std::string deadline;
  std::string on_interrupt = "discard";
  std::string timeout;
  std::vector<std::string> patterns;
  std::vector<std::string> pattern_files;
  std::string depth_max;
  std::string output;
  std::string mode;
  std::string summary;
  std::string errors;
  bool no_snapshots = false;
  bool no_acl = false;
  bool no_progress = false;
  std::string progress;
};

/// Shows a flag that may have a value as users know it: the library would write `--progress{10}`.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    if (std::size_t brace = name.find('{'); brace != std::string::npos)
      name.replace(brace, std::string::npos, "[=SECONDS]");
    return name;
  }
};

// ---- what there is --------------------------------------------------------------------------------------

void add_walk_options(CLI::App& app, Texts& texts, ScanOptions& options) {
  app.add_option("ROOT", options.request.root, "What to scan: a directory, or any other file")->required();
  app.add_option("-j,--threads", texts.threads,
                 "Number of worker threads, or auto: one for each processor it may use, more while the file "
                 "system is what they wait for")
      ->type_name("N");
  app.add_option("--max-threads", texts.threads_max, "The most worker threads of -j auto (256)")
      ->type_name("N");
  app.add_flag("-x,--one-file-system", options.request.one_file_system,
               "Do not enter directories on other file systems than ROOT's");
  app.add_option(
         "--timeout", texts.timeout,
         "Give a directory up when a call for it has not been answered for so many seconds, and scan on")
      ->type_name("SECONDS");
  app.add_option("--deadline", texts.deadline,
                 "End after this time (90, 30m, 10h, 2d) and publish what there is, marked as incomplete")
      ->type_name("DURATION");
  app.add_option("--on-interrupt", texts.on_interrupt,
                 "publish: when interrupted publish what there is, marked as incomplete, instead of nothing")
      ->type_name("WHAT");
  app.add_option("--rate", texts.rate, "Look at no more than N entries a second")->type_name("N");
  app.add_flag("--nice", options.nice, "Use processors and disks only while nobody else does");
  app.add_option("--stat-sync", texts.stat_sync,
                 "cached: take what the client of a network file system knows; force: ask the server; auto: "
                 "as the file system does for stat")
      ->type_name("HOW");
}

void add_filter_options(CLI::App& app, Texts& texts, ScanOptions& options) {
  app.add_option("--exclude", texts.patterns,
                 "Leave out what matches this shell pattern: names, or paths below ROOT if it has a / but a "
                 "trailing one; may be given more than once")
      ->option_text("PATTERN")
      ->allow_extra_args(false);
  app.add_option("-X,--exclude-from", texts.pattern_files,
                 "Leave out what matches a pattern of this file, one a line; - is standard input; may be "
                 "given more than once")
      ->option_text("FILE")
      ->allow_extra_args(false);
  app.add_flag("--no-snapshots", texts.no_snapshots,
               "Do not enter .snapshot, .snapshots, .zfs and ~snapshot directories");
  app.add_flag(
      "--no-acl", texts.no_acl,
      "Do not read the ACLs of directories: one call less for each, but a mount for others must then "
      "trust permission bits or show them closed");
  app.add_flag("--exclude-caches", options.request.exclude_caches,
               "Do not list directories that a CACHEDIR.TAG calls caches");
  app.add_option("-d,--max-depth", texts.depth_max, "Do not enter directories N levels below ROOT")
      ->type_name("N");
}

void add_output_options(CLI::App& app, Texts& texts, ScanOptions& options) {
  app.add_option("-o,--output", texts.output, "Write the snapshot as this directory, which must not exist")
      ->type_name("SNAPSHOT");
  app.add_option("-S,--store", options.request.store,
                 "Write into this store instead of $PWALK_STORE, /var/lib/pwalk (root) or "
                 "~/.local/share/pwalk, as NAME/TIME")
      ->type_name("STORE");
  app.add_option("-n,--name", options.request.name,
                 "Name within the store instead of one made from ROOT's path")
      ->type_name("NAME");
  app.add_option("--mode", texts.mode, "Permission bits of the snapshot in octal, instead of 0700")
      ->type_name("MODE");
}

void add_report_options(CLI::App& app, Texts& texts, ScanReport& report) {
  app.add_flag("-q,--quiet", report.quiet, "Print nothing but what went wrong");
  app.add_flag("-v,--verbose", report.verbose, "Also tell how many worker threads there were, and when");
  app.add_flag("--progress{10}", texts.progress,
               "Print a line of progress every SECONDS (10) where stderr is no terminal");
  app.add_flag("--no-progress", texts.no_progress, "Show no progress on a terminal either");
  app.add_option("--summary", texts.summary, "json: one line of JSON about the snapshot on standard output")
      ->type_name("FORMAT");
  app.add_option("--errors", texts.errors,
                 "ignore: exit with status 0 although some entries could not be read")
      ->type_name("MODE");
}

// ---- what it means: each returns what is wrong, or nothing ----------------------------------------------

std::string wrong_value(std::string_view option, const std::string& value, std::string_view wanted) {
  return std::string(option) + " '" + printable(value) + "': " + std::string(wanted);
}

/// A number from 1 on; 0 for anything else.
unsigned parse_threads(const std::string& text) {
  auto number = parse_unsigned(text);
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

/// Seconds of a number with s, m, h or d behind it, or nothing.
std::optional<double> parse_duration(std::string_view text) {
  constexpr std::string_view units = "smhd";
  constexpr double seconds[] = {1, 60, 3600, 86400};
  double unit = 1;
  if (std::size_t at = text.empty() ? units.npos : units.find(text.back()); at != units.npos) {
    unit = seconds[at];
    text.remove_suffix(1);
  }
  auto number = parse_unsigned(text);
  if (!number || *number == 0) return std::nullopt;
  return static_cast<double>(*number) * unit;
}

std::string take_threads(const Texts& texts, scan::Request& request) {
  bool automatic = texts.threads == "auto";
  request.threads = automatic ? std::min({scan::usable_processors(), threads_limit, walk::workers_possible()})
                              : parse_threads(texts.threads);
  if (request.threads == 0)
    return wrong_value("-j", texts.threads, "neither 'auto' nor a number from 1 to 4096");
  unsigned most = parse_threads(texts.threads_max);
  if (most == 0) return wrong_value("--max-threads", texts.threads_max, "not a number from 1 to 4096");
  if (automatic) {
    request.threads_max = most;
    request.threads = std::min(request.threads, most);
  }
  return "";
}

std::string take_gentleness(const Texts& texts, bool rate_given, scan::Request& request) {
  if (rate_given) {
    auto number = parse_unsigned(texts.rate);
    if (!number || *number == 0 || *number > 1'000'000'000)
      return wrong_value("--rate", texts.rate, "not a number of entries from 1 to 1000000000");
    request.rate = *number;
    request.options["rate"] = texts.rate;
  }
  if (texts.stat_sync != "auto" && texts.stat_sync != "cached" && texts.stat_sync != "force")
    return wrong_value("--stat-sync", texts.stat_sync, "it is auto, cached or force");
  if (texts.stat_sync == "cached") request.stat_sync = AT_STATX_DONT_SYNC;
  if (texts.stat_sync == "force") request.stat_sync = AT_STATX_FORCE_SYNC;
  if (texts.stat_sync != "auto") request.options["stat-sync"] = texts.stat_sync;
  return "";
}

std::string take_time_limits(const CLI::App& app, const Texts& texts, scan::Request& request) {
  if (app.count("--deadline") != 0) {
    request.deadline_seconds = parse_duration(texts.deadline);
    if (!request.deadline_seconds) return wrong_value("--deadline", texts.deadline, wanted_duration);
    request.options["deadline"] = texts.deadline;
  }
  if (texts.on_interrupt != "publish" && texts.on_interrupt != "discard")
    return wrong_value("--on-interrupt", texts.on_interrupt, "it is publish or discard");
  request.publish_when_stopped = texts.on_interrupt == "publish";
  if (app.count("--timeout") != 0) {
    request.timeout_seconds = parse_duration(texts.timeout).value_or(0);
    if (request.timeout_seconds == 0) return wrong_value("--timeout", texts.timeout, wanted_duration);
    request.options["timeout"] = texts.timeout;
  }
  return "";
}

std::string take_filters(const CLI::App& app, const Texts& texts, scan::Request& request) {
  if (app.count("--max-depth") != 0) {
    auto depth = parse_unsigned(texts.depth_max);
    if (!depth || *depth > std::numeric_limits<std::uint32_t>::max())
      return wrong_value("-d", texts.depth_max, "not a number of levels");
    request.depth_max = static_cast<std::uint32_t>(*depth);
    request.options["max-depth"] = texts.depth_max;
  }
  for (const std::string& pattern : texts.patterns)
    if (std::string wrong = add_pattern(request, pattern); !wrong.empty()) return wrong;
  for (const std::string& file : texts.pattern_files)
    if (std::string wrong = add_patterns_of(request, file); !wrong.empty()) return wrong;
  if (texts.no_snapshots) {
    request.filter.add_snapshot_directories();
    request.options["no-snapshots"] = "yes";
  }
  if (request.exclude_caches) request.options["exclude-caches"] = "yes";
  request.acls = !texts.no_acl;
  if (texts.no_acl) request.options["no-acl"] = "yes";
  return "";
}

std::string take_output(const CLI::App& app, const Texts& texts, scan::Request& request) {
  bool named = app.count("--name") != 0;
  bool stored = app.count("--store") != 0;
  bool direct = app.count("--output") != 0;
  if (direct && (stored || named)) return "-o writes exactly there: it does not go with -S or -n";
  if (app.count("--mode") != 0) {
    request.mode = parse_mode(texts.mode);
    if (!request.mode) return wrong_value("--mode", texts.mode, "not permission bits in octal");
  }
  if (direct) request.output = texts.output;
  if (named)
    if (std::string why = snapshot::why_not_a_name(request.name); !why.empty())
      return "-n '" + printable(request.name) + "' cannot be a name: " + why;
  if (!direct && !stored) request.store = snapshot::default_store_path();
  return "";
}

std::string take_report(const CLI::App& app, const Texts& texts, ScanReport& report) {
  if (app.count("--summary") != 0 && texts.summary != "json")
    return wrong_value("--summary", texts.summary, "only json is known");
  if (app.count("--errors") != 0 && texts.errors != "ignore")
    return wrong_value("--errors", texts.errors, "only ignore is known");
  report.summary_json = !texts.summary.empty();
  report.ignore_errors = !texts.errors.empty();
  report.redraw = ::isatty(STDERR_FILENO) == 1 && !report.quiet && !texts.no_progress;
  if (app.count("--progress") == 0) return "";
  std::string interval = texts.progress;
  std::erase(interval, '\0');  // of `--progress=`, see parse_command_line
  std::optional<double> seconds = parse_duration(interval);
  if (!seconds) return wrong_value("--progress", interval, wanted_duration);
  if (!report.redraw && !report.quiet && !texts.no_progress) report.line_seconds = *seconds;
  return "";
}

}  // namespace

std::optional<int> parse_scan_options(int argc, char** argv, ScanOptions& options) {
  CLI::App app("Walks the file system below ROOT in parallel and writes a snapshot of it.");
  app.formatter(std::make_shared<HelpFormatter>());
  add_standard_options(app, program);
  Texts texts;
  add_walk_options(app, texts, options);
  add_filter_options(app, texts, options);
  add_output_options(app, texts, options);
  add_report_options(app, texts, options.report);
  if (auto status = parse_command_line(app, argc, argv)) return status;

  scan::Request& request = options.request;
  std::string wrong = take_report(app, texts, options.report);
  if (wrong.empty()) wrong = take_output(app, texts, request);
  if (wrong.empty()) wrong = take_threads(texts, request);
  if (wrong.empty()) wrong = take_gentleness(texts, app.count("--rate") != 0, request);
  if (wrong.empty()) wrong = take_time_limits(app, texts, request);
  if (wrong.empty()) wrong = take_filters(app, texts, request);
  if (wrong.empty()) return std::nullopt;
  print_message(program, wrong + "\nTry 'pwalk-scan --help' for more information.");
  return status_trouble;
}

}  // namespace pwalk
