// pwalk-store: lists the snapshots of a store and removes those that are not wanted any longer.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "program.h"
#include "report/output.h"
#include "report/store_list.h"
#include "snapshot/removal.h"
#include "snapshot/retention.h"
#include "snapshot/store.h"
#include "snapshot/store_kind.h"

namespace {

using namespace pwalk;
using snapshot::StoredSnapshot;
using snapshot::StoreName;

constexpr char program[] = "pwalk-store";
constexpr int status_some = 1;  // done but for something that a message tells

struct CommandLine {
  std::string store;
  std::string command;
  std::vector<std::string> names;
  snapshot::KeepRules rules;
  bool json = false;
  bool dry_run = false;
  bool quiet = false;
};

int usage_error(const std::string& message) {
  print_message(program, message + "\nTry 'pwalk-store --help' for more information.");
  return status_trouble;
}

/// Fills `line`; an exit status if that is all there is to do.
std::optional<int> parse(int argc, char** argv, CommandLine& line) {
  CLI::App app("Lists the snapshots of a store, and removes those that are not wanted any longer.");
  add_standard_options(app, program);
  app.add_option("COMMAND", line.command, "list, remove or prune")->required()->type_name("");
  app.add_option("NAME", line.names,
                 "list, prune: of these NAMEs, instead of all; remove: the snapshots, as NAME/TIME")
      ->type_name("");
  auto* store = app.add_option("-S,--store", line.store,
                               "The store, instead of $PWALK_STORE, /var/lib/pwalk (root) or "
                               "~/.local/share/pwalk")
                    ->type_name("STORE");
  app.add_flag("--json", line.json, "list: as JSON");
  std::map<std::string, std::pair<std::string, std::uint64_t*>> keeps;
  for (auto [option, number, what] :
       {std::tuple("--keep-last", &line.rules.last, "prune: keep the N newest of each NAME"),
        std::tuple("--keep-daily", &line.rules.daily, "prune: and the newest of each of the N newest days"),
        std::tuple("--keep-weekly", &line.rules.weekly,
                   "prune: and the newest of each of the N newest weeks"),
        std::tuple("--keep-monthly", &line.rules.monthly,
                   "prune: and the newest of each of the N newest months")}) {
    keeps[option].second = number;
    app.add_option(option, keeps[option].first, what)
        ->type_name("N")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  app.add_flag("--dry-run", line.dry_run, "remove, prune: only tell what would be removed");
  app.add_flag("-q,--quiet", line.quiet, "remove, prune: print nothing but what went wrong");
  if (auto status = parse_command_line(app, argc, argv)) return status;

  if (line.command != "list" && line.command != "remove" && line.command != "prune")
    return usage_error("'" + printable(line.command) + "' is no command: there are list, remove and prune");
  for (auto& [option, keep] : keeps) {
    if (app.count(option) == 0) continue;
    auto number = parse_unsigned(keep.first);
    if (!number) return usage_error(option + " '" + printable(keep.first) + "': not a number of snapshots");
    if (line.command != "prune") return usage_error(option + " goes with prune alone");
    *keep.second = *number;
  }
  const snapshot::KeepRules& rules = line.rules;
  if (line.command == "prune" && rules.last == 0 && rules.daily == 0 && rules.weekly == 0 &&
      rules.monthly == 0)
    return usage_error("prune would keep nothing: say what to keep with --keep-last N and the like");
  if (line.json && line.command != "list") return usage_error("--json goes with list alone");
  if (line.dry_run && line.command == "list") return usage_error("--dry-run does not go with list");
  if (line.command == "remove" && line.names.empty())
    return usage_error("remove what? Name snapshots as NAME/TIME");
  if (!*store) line.store = snapshot::default_store_path();
  return std::nullopt;
}

std::string quoted(const std::string& name, const std::string& time = "") {
  return "'" + printable(time.empty() ? name : name + "/" + time) + "'";
}

/// Whether `name` may be a NAME; otherwise says why not.
bool is_name(const std::string& name) {
  std::string why = snapshot::why_not_a_name(name);
  if (!why.empty()) print_message(program, quoted(name) + " is not a name: " + why);
  return why.empty();
}

/// Each of `words` once, in the order of the first of each.
std::vector<std::string> once_each(const std::vector<std::string>& words) {
  std::vector<std::string> once;
  for (const std::string& word : words)
    if (std::find(once.begin(), once.end(), word) == once.end()) once.push_back(word);
  return once;
}

/// The NAMEs asked for, or all.
std::vector<std::string> names_of(const CommandLine& line) {
  return line.names.empty() ? snapshot::store_names(line.store) : once_each(line.names);
}

/// Throws std::system_error where `path` is no store: an empty list would say that one is.
void require_store(const std::string& path) {
  snapshot::DirectoryKind kind = snapshot::kind_of(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY).get());
  if (kind == snapshot::DirectoryKind::store || kind == snapshot::DirectoryKind::locked) return;
  throw_errno(EINVAL,
              quoted(path) + " " + text_of(kind) +
                  (kind == snapshot::DirectoryKind::other ? "" : ": -S takes the store that it is in"));
}

/// Runs `body` for one NAME; what goes wrong there is told and does not keep the other NAMEs back. The exit
/// status: 0, or status_some.
int for_name(const std::string& name, const std::function<int()>& body) {
  if (!is_name(name)) return status_some;
  try {
    return body();
  } catch (const std::system_error& refused) {
    if (refused.code() == std::errc::operation_would_block)
      print_message(program, "a scan or a removal is at work in " + quoted(name) +
                                 ": its lock is held; try again later");
    else
      print_message(program, quoted(name) + ": " + refused.what());
  }
  return status_some;
}

/// Whether a snapshot could be opened; otherwise says why not.
bool is_whole(const std::string& name, const StoredSnapshot& stored) {
  if (!stored.manifest) print_message(program, quoted(name, stored.time) + ": " + printable(stored.trouble));
  return stored.manifest.has_value();
}

// ---- list -------------------------------------------------------------------------------------------------

int list(const CommandLine& line) {
  int status = 0;
  std::vector<report::Listed> listed;
  for (const std::string& name : names_of(line)) {
    int its_status = for_name(name, [&] {
      int found = 0;
      for (StoredSnapshot& stored : snapshot::stored_snapshots(line.store, name)) {
        if (!is_whole(name, stored)) found = status_some;
        listed.emplace_back(name, std::move(stored));
      }
      return found;
    });
    status = std::max(status, its_status);
  }
  report::Output output(1);
  output.text() = line.json ? report::store_json(listed) : report::store_table(listed);
  output.flush();
  return status;
}

// ---- remove and prune -------------------------------------------------------------------------------------

/// What to do with one snapshot.
struct Verdict {
  std::string time;
  std::string kept;  // why it stays; empty: it goes
  bool in_use = false;
  bool refused = false;  // it should have gone
};

/// Judges the snapshots of a NAME.
using Judge = std::function<std::vector<Verdict>(const std::vector<StoredSnapshot>&)>;

void tell(const CommandLine& line, const std::string& name, const Verdict& verdict) {
  if (line.quiet || verdict.refused) return;
  std::string text = verdict.kept.empty() ? (line.dry_run ? "would remove" : "removed") : "kept";
  std::printf("%s %s/%s%s\n", text.c_str(), printable(name).c_str(), printable(verdict.time).c_str(),
              verdict.kept.empty() ? "" : ("  (" + verdict.kept + ")").c_str());
}

void refuse(Verdict& verdict, const std::string& name, const std::string& why) {
  verdict.refused = true;
  print_message(program, quoted(name, verdict.time) + " cannot be removed: " + why);
}

/// Takes for removal what is to go and can.
void take(snapshot::Removal& removal, const std::string& name, Verdict& verdict) {
  if (!verdict.kept.empty()) return;
  try {
    verdict.in_use = !removal.take(verdict.time);
  } catch (const std::system_error& refused) {
    refuse(verdict, name, refused.what());
  }
}

/// Removes from one NAME what `judge` gives up. What is in use stays, and the verdicts say so. One that
/// cannot be removed is told and does not keep the others.
std::vector<Verdict> remove_from(const CommandLine& line, const std::string& name, const Judge& judge,
                                 int& status) {
  // A directory that no scan has used may be anybody's: nothing is written there, not even a lock.
  if (line.dry_run || !snapshot::is_in_store(line.store, name)) {
    std::vector<StoredSnapshot> stored = snapshot::stored_snapshots(line.store, name);
    std::vector<Verdict> verdicts = judge(stored);
    for (Verdict& verdict : verdicts)
      for (const StoredSnapshot& each : stored)
        if (verdict.kept.empty() && each.time == verdict.time && each.in_use == true) verdict.in_use = true;
    return verdicts;
  }
  // A scan waits for the lock for a second only, and to open all snapshots may take longer.
  std::vector<StoredSnapshot> known = snapshot::stored_snapshots(line.store, name);
  // The lock is held until nobody sees the removed ones any more; deleting them may take long.
  auto locked = std::make_unique<StoreName>(line.store, name, StoreName::Missing::refuse);
  snapshot::Removal removal(*locked);
  std::vector<Verdict> verdicts = judge(snapshot::stored_snapshots(line.store, name, std::move(known)));
  for (Verdict& verdict : verdicts) take(removal, name, verdict);
  for (const snapshot::Removal::Refused& refused : removal.hide())
    for (Verdict& verdict : verdicts)
      if (verdict.time == refused.time) refuse(verdict, name, refused.why);
  locked.reset();
  try {
    removal.delete_hidden();
  } catch (const std::system_error& refused) {
    print_message(program, quoted(name) + ": not all space is given back: " + refused.what());
    status = status_some;
  }
  return verdicts;
}

/// The same with its report. `in_use_status` is what the exit status becomes where something is in use.
int remove_and_tell(const CommandLine& line, const std::string& name, const Judge& judge, int in_use_status) {
  int status = 0;
  for (Verdict& verdict : remove_from(line, name, judge, status)) {
    if (verdict.refused) status = status_some;
    if (verdict.in_use) {
      verdict.kept = "in use";
      status = std::max(status, in_use_status);
      if (in_use_status != 0) print_message(program, quoted(name, verdict.time) + " is in use: it stays");
    }
    tell(line, name, verdict);
  }
  return status;
}

/// What the rules make of the snapshots of one NAME. What was renamed by hand is somebody's choice, what is
/// damaged somebody's to look at: neither is judged.
std::vector<Verdict> judge_by(const snapshot::KeepRules& rules, const std::vector<StoredSnapshot>& all) {
  std::vector<Verdict> verdicts;
  std::vector<snapshot::Dated> dates;
  for (const StoredSnapshot& stored : all) {
    if (!stored.manifest || !snapshot::is_time_name(stored.time, stored.manifest->start)) continue;
    verdicts.push_back({stored.time, "", false});
    dates.push_back({stored.manifest->start.seconds, stored.manifest->complete});
  }
  std::vector<std::vector<std::string>> kept = snapshot::kept_by(rules, dates);
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    for (const std::string& rule : kept[i]) verdicts[i].kept += (verdicts[i].kept.empty() ? "" : ", ") + rule;
  return verdicts;
}

int prune(const CommandLine& line) {
  int status = 0;
  for (const std::string& name : names_of(line)) {
    int its_status = for_name(name, [&] {
      int damaged = 0;
      Judge judge = [&](const std::vector<StoredSnapshot>& all) {
        for (const StoredSnapshot& stored : all)
          if (!is_whole(name, stored)) damaged = status_some;
        return judge_by(line.rules, all);
      };
      int done = remove_and_tell(line, name, judge, 0);
      return std::max(done, damaged);
    });
    status = std::max(status, its_status);
  }
  return status;
}

int remove(const CommandLine& line) {
  std::map<std::string, std::vector<std::string>> by_name;
  for (const std::string& path : line.names) {
    std::size_t slash = path.find('/');
    std::string time = slash == std::string::npos ? "" : path.substr(slash + 1);
    if (time.empty() || time == "latest" || time[0] == '.' || time.find('/') != std::string::npos)
      return usage_error(quoted(path) + " names no snapshot: it must be NAME/TIME");
    by_name[path.substr(0, slash)].push_back(time);
  }
  int status = 0;
  for (const auto& [name, times] : by_name) {
    int its_status = for_name(name, [&, &name = name, &times = times] {
      int missing = 0;
      Judge judge = [&](const std::vector<StoredSnapshot>& all) {
        std::vector<Verdict> verdicts;
        for (const std::string& time : once_each(times)) {
          if (std::any_of(all.begin(), all.end(),
                          [&](const StoredSnapshot& stored) { return stored.time == time; })) {
            verdicts.push_back({time, "", false});
          } else {
            print_message(program, "there is no snapshot " + quoted(name, time));
            missing = status_some;
          }
        }
        return verdicts;
      };
      int done = remove_and_tell(line, name, judge, status_some);
      return std::max(done, missing);
    });
    status = std::max(status, its_status);
  }
  return status;
}

int run(int argc, char** argv) {
  CommandLine line;
  if (auto status = parse(argc, argv, line)) return *status;
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0077);
  require_store(line.store);
  int status = line.command == "list" ? list(line) : line.command == "prune" ? prune(line) : remove(line);
  bool told = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (told) return status;
  if (errno == EPIPE || line.command == "list" || line.dry_run)
    throw_errno("cannot write to standard output");
  print_message(program, "what there was to do is done, but not told: cannot write to standard output");
  return status_some;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(program, [&] { return run(argc, argv); });
}
