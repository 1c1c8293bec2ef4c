// The full check as a list of passes. Each pass may rely on those before it: a damaged file ends the
// check after the files, a broken structure ends it before what is derived from the whole tree.
// SPDX-License-Identifier: MIT
#include "snapshot/check.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "snapshot/check_parts.h"
#include "snapshot/derive.h"
#include "snapshot/format.h"
#include "snapshot/in_use.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot {

namespace check {

namespace {

struct TotalsField {
  const char* name;
  std::uint64_t Totals::*value;
};
constexpr TotalsField totals_fields[] = {
    {"entries", &Totals::entries},
    {"files", &Totals::files},
    {"directories", &Totals::directories},
    {"symlinks", &Totals::symlinks},
    {"apparent_bytes", &Totals::apparent_bytes},
    {"directory_bytes", &Totals::directory_bytes},
    {"disk_bytes", &Totals::disk_bytes},
    {"errors", &Totals::errors},
    {"excess_inodes", &Totals::excess_inodes},
    {"excess_apparent", &Totals::excess_apparent},
    {"excess_disk", &Totals::excess_disk},
};

std::string but(const char* name, const std::string& recorded, const std::string& found) {
  return std::string(name) + " is " + recorded + " but the entries give " + found;
}

std::string time_text(Timestamp time) {
  std::string nanoseconds = std::to_string(time.nanoseconds);
  return std::to_string(time.seconds) + "." +
         std::string(9 - std::min<std::size_t>(9, nanoseconds.size()), '0') + nanoseconds;
}

}  // namespace

std::string totals_difference(const Totals& recorded, const Totals& found) {
  for (const TotalsField& field : totals_fields)
    if (recorded.*field.value != found.*field.value)
      return but(field.name, std::to_string(recorded.*field.value), std::to_string(found.*field.value));
  if (recorded.newest_mtime != found.newest_mtime)
    return but("newest_mtime", time_text(recorded.newest_mtime), time_text(found.newest_mtime));
  if (recorded.newest_ctime != found.newest_ctime)
    return but("newest_ctime", time_text(recorded.newest_ctime), time_text(found.newest_ctime));
  return {};
}

namespace {

/// Totals of a root that is no directory: its own entry's.
Totals totals_of_file(const Entry& root, std::uint64_t errors) {
  EntryFacts facts;
  facts.has_stat = root.has_stat();
  facts.mode = root.mode;
  facts.apparent_bytes = root.apparent_bytes;
  facts.blocks = root.blocks;
  facts.mtime = root.mtime;
  facts.ctime = root.ctime;
  Totals totals;
  add_entry(totals, facts);
  totals.errors = errors;
  return totals;
}

/// The manifest's sums are the tree's (M6), its devices' inode ranges too (M7).
class ManifestPass {
 public:
  explicit ManifestPass(Context& context)
      : manifest_(context.snapshot.manifest()), sums_(context.sums), context_(context) {}

  void run() {
    check_totals();
    check_owners("/by_uid", manifest_.by_uid, sums_.by_uid);
    check_owners("/by_gid", manifest_.by_gid, sums_.by_gid);
    check_errors();
    check_unread();
    check_devices();
  }

 private:
  void wrong(const std::string& place, const char* rule, const std::string& detail) {
    context_.problems.add_derived(format::manifest_name, place, rule, detail);
  }

  void check_totals() {
    Entry root = context_.snapshot.root();
    Totals found = root.is_directory() ? context_.snapshot.root_directory().totals()
                                       : totals_of_file(root, sums_.error_entries.size());
    if (std::string difference = totals_difference(manifest_.totals, found); !difference.empty())
      wrong("/totals", rule::manifest_totals, difference);
  }

  void check_owners(const char* place, const std::map<std::uint32_t, OwnerTotals>& recorded,
                    const std::map<std::uint32_t, OwnerTotals>& found) {
    for (const auto& [number, totals] : found) {
      auto same = recorded.find(number);
      if (same == recorded.end())
        wrong(std::string(place) + "/" + std::to_string(number), rule::manifest_totals, "is missing");
      else if (same->second != totals)
        wrong(std::string(place) + "/" + std::to_string(number), rule::manifest_totals,
              "is not the sum of the entries");
    }
    for (const auto& [number, totals] : recorded)
      if (found.count(number) == 0)
        wrong(std::string(place) + "/" + std::to_string(number), rule::manifest_totals, "owns no entry");
  }

  void check_errors() {
    std::vector<ErrorCount> found;
    for (const auto& [key, errors] : sums_.errors) found.push_back({key.first, key.second, errors});
    auto same = [](const ErrorCount& a, const ErrorCount& b) {
      return a.call == b.call && a.error == b.error && a.errors == b.errors;
    };
    if (!std::equal(found.begin(), found.end(), manifest_.errors.begin(), manifest_.errors.end(), same))
      wrong("/errors", rule::manifest_totals, "are not the counts of the error records, sorted");
  }

  void check_unread() {
    if (manifest_.complete && manifest_.unread.count(format::state_not_reached) != 0)
      wrong("/complete", rule::manifest_totals, "although directories were not reached");
    if (manifest_.unread != sums_.unread)
      wrong("/unread", rule::manifest_totals, "are not the counts of the directories by state");
  }

  void check_devices() {
    std::set<std::pair<std::uint32_t, std::uint32_t>> numbers;
    for (std::size_t index = 0; index < manifest_.devices.size(); ++index) {
      const Device& device = manifest_.devices[index];
      std::string place = "/devices/" + std::to_string(index);
      if (std::pair range{device.inode_min, device.inode_max}; range != sums_.inodes[index])
        wrong(place, rule::manifest_devices,
              but("its range of inode numbers",
                  std::to_string(range.first) + " to " + std::to_string(range.second),
                  std::to_string(sums_.inodes[index].first) + " to " +
                      std::to_string(sums_.inodes[index].second)));
      if (!numbers.insert({device.major, device.minor}).second)
        wrong(place, rule::manifest_devices, "is listed before");
    }
  }

  const Manifest& manifest_;
  const Sums& sums_;
  Context& context_;
};

void check_records(const Snapshot& snapshot, unsigned threads, Problems& problems, CheckReport& report) {
  Context context{snapshot, problems, threads};
  check_acls(context);
  check_entries(context);
  check_errors(context);
  if (!problems.structural()) check_tree(context);
  report.structure_checked = true;
  if (problems.structural() || problems.full()) return;
  check_links(context);
  ManifestPass(context).run();
  report.derived_checked = true;
}

constexpr std::uint64_t manifest_limit_bytes = std::uint64_t{1} << 30;

/// The steps of the check after the manifest has been read.
void run(int opened, Manifest manifest, const CheckOptions& options, Problems& problems,
         CheckReport& report) {
  unsigned threads = std::max(1u, options.threads);
  check_files(opened, manifest, threads, problems);
  if (!problems.none()) return;
  std::shared_ptr<const Snapshot> snapshot = Snapshot::open(opened, std::move(manifest));
  report.complete = snapshot->manifest().complete;
  report.entries = snapshot->entry_count();
  for (std::uint32_t shard = 0; shard < snapshot->shard_count(); ++shard)
    report.directories += snapshot->shard(shard).records(format::array_directories);
  check_records(*snapshot, threads, problems, report);
}

/// What `steps` finds; a FormatError is a problem like those in the collector.
template <class Steps>
CheckReport collect(const CheckOptions& options, Steps steps) {
  CheckReport report;
  Problems problems(std::max<std::uint64_t>(1, options.problem_limit));
  try {
    steps(problems, report);
  } catch (const FormatError& error) {
    if (error.rule() == rule::manifest_version || error.rule() == rule::manifest_features) throw;
    problems.add(error);
  }
  report.ended_early = problems.full();
  report.problems = problems.take();
  return report;
}

}  // namespace

}  // namespace check

CheckReport check_snapshot(int directory, const std::string& path, const CheckOptions& options) {
  Fd opened = open_at(directory, path, O_RDONLY | O_DIRECTORY);
  return check::collect(options, [&](check::Problems& problems, CheckReport& report) {
    Fd mark = mark_as_read(opened.get());
    std::string text = read_file(opened.get(), format::manifest_name, check::manifest_limit_bytes);
    check::run(opened.get(), parse_manifest(text), options, problems, report);
  });
}

CheckReport check_snapshot(int snapshot_directory, Manifest manifest, const CheckOptions& options) {
  return check::collect(options, [&](check::Problems& problems, CheckReport& report) {
    check::run(snapshot_directory, std::move(manifest), options, problems, report);
  });
}

CheckReport check_snapshot(const std::string& path, const CheckOptions& options) {
  return check_snapshot(AT_FDCWD, path, options);
}

}  // namespace pwalk::snapshot
