// SPDX-License-Identifier: MIT
#include "report/subtree_summary.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/json_parts.h"
#include "report/scanned_path.h"
#include "report/size_format.h"

namespace pwalk::report {

namespace {

/// What must not show in a text's length: the default values make the longest text.
struct Amounts {
  std::uint64_t entries = widest_number;
  std::uint64_t files = widest_number;
  std::uint64_t directories = widest_number;
  std::uint64_t symlinks = widest_number;
  std::uint64_t others = widest_number;
  std::uint64_t apparent_bytes = widest_number;
  std::uint64_t directory_bytes = widest_number;
  std::uint64_t disk_bytes = widest_number;
  snapshot::Timestamp newest_mtime = widest_time;
  snapshot::Timestamp newest_ctime = widest_time;
  std::uint64_t errors = widest_number;
  std::uint64_t excess_inodes = widest_number;
  std::uint64_t excess_apparent = widest_number;
  std::uint64_t excess_disk = widest_number;
  std::string fingerprint = std::string(32, '0');
  snapshot::Timestamp start = widest_time;
  snapshot::Timestamp end = widest_time;
};

Amounts amounts_of(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory) {
  snapshot::Totals totals = directory.totals();
  return {totals.entries,
          totals.files,
          totals.directories,
          totals.symlinks,
          totals.others(),
          totals.apparent_bytes - totals.excess_apparent,
          totals.directory_bytes,
          totals.disk_bytes - totals.excess_disk,
          totals.newest_mtime,
          totals.newest_ctime,
          totals.errors,
          totals.excess_inodes,
          totals.excess_apparent,
          totals.excess_disk,
          to_hex(directory.record.fingerprint, sizeof directory.record.fingerprint),
          snapshot.manifest().start,
          snapshot.manifest().end};
}

std::string json_of(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                    std::string_view scan_name, const Amounts& amounts) {
  const snapshot::Manifest& manifest = snapshot.manifest();
  std::optional<std::string> path = scanned_path(snapshot, directory);
  Json json{{"scan",
             {{"name", percent_encode(scan_name)},
              {"time", time_json(amounts.start)},
              {"end", time_json(amounts.end)},
              {"host", percent_encode(manifest.host)},
              {"root", percent_encode(manifest.root)},
              {"version", format::version},
              {"program", percent_encode(manifest.program)},
              {"uuid", snapshot::uuid_text(manifest.uuid)},
              {"complete", manifest.complete}}},
            {"path", encoded_or_null(path)},
            {"subtree",
             {{"entries", amounts.entries},
              {"files", amounts.files},
              {"directories", amounts.directories},
              {"symlinks", amounts.symlinks},
              {"others", amounts.others},
              {"apparent_bytes", amounts.apparent_bytes},
              {"directory_bytes", amounts.directory_bytes},
              {"disk_bytes", amounts.disk_bytes},
              {"newest_mtime", time_json(amounts.newest_mtime)},
              {"newest_ctime", time_json(amounts.newest_ctime)},
              {"errors", amounts.errors},
              {"hard_link_excess",
               {{"inodes", amounts.excess_inodes},
                {"apparent_bytes", amounts.excess_apparent},
                {"disk_bytes", amounts.excess_disk}}},
              {"fingerprint", amounts.fingerprint}}}};
  return json_text(json);
}

/// 1,234,567
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

/// Whole seconds, for people.
std::string shown_time(snapshot::Timestamp time) {
  std::string iso = iso_time(time);
  if (iso.empty()) return "unknown";
  iso.erase(iso.rfind('.'));
  iso[iso.rfind('T')] = ' ';
  return iso + " UTC";
}

std::string count_line(std::string_view what, std::uint64_t number) {
  return fmt::format("{:<22}{:>26}\n", what, grouped(number));
}

std::string bytes_line(std::string_view what, std::uint64_t bytes) {
  return fmt::format("{:<22}{:>26}  {:>5}\n", what, grouped(bytes), SizeFormat::human().of_bytes(bytes));
}

std::string time_line(std::string_view what, snapshot::Timestamp time) {
  return fmt::format("{:<22}{:>31}\n", what, shown_time(time));
}

std::string text_of(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                    std::string_view scan_name, const Amounts& amounts) {
  const snapshot::Manifest& manifest = snapshot.manifest();
  std::optional<std::string> path = scanned_path(snapshot, directory);
  std::string text =
      fmt::format("{}\n", path ? printable(*path) : fmt::format("{} levels deep", directory.record.depth));
  text +=
      fmt::format("scan '{}' of '{}' on {}{}\n", printable(scan_name), printable(manifest.root),
                  printable(manifest.host), manifest.complete ? "" : ", incomplete: totals are lower bounds");
  text += '\n';
  text += time_line("scanned", amounts.start);
  text += bytes_line("disk usage", amounts.disk_bytes);
  text += bytes_line("apparent size", amounts.apparent_bytes);
  text += bytes_line("directories' own size", amounts.directory_bytes);
  text += count_line("entries", amounts.entries);
  text += count_line("files", amounts.files);
  text += count_line("directories", amounts.directories);
  text += count_line("symbolic links", amounts.symlinks);
  text += count_line("others", amounts.others);
  text += count_line("further hard links", amounts.excess_inodes);
  text += bytes_line("  of disk usage", amounts.excess_disk);
  text += bytes_line("  of apparent size", amounts.excess_apparent);
  text += time_line("newest modification", amounts.newest_mtime);
  text += time_line("newest change", amounts.newest_ctime);
  text += count_line("errors", amounts.errors);
  return text;
}

}  // namespace

std::string summary_json(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         std::string_view scan_name) {
  return padded(json_of(snapshot, directory, scan_name, amounts_of(snapshot, directory)),
                summary_json_bytes(snapshot, directory, scan_name));
}

std::size_t summary_json_bytes(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                               std::string_view scan_name) {
  return json_of(snapshot, directory, scan_name, {}).size();
}

std::string summary_text(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         std::string_view scan_name) {
  return padded(text_of(snapshot, directory, scan_name, amounts_of(snapshot, directory)),
                summary_text_bytes(snapshot, directory, scan_name));
}

std::size_t summary_text_bytes(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                               std::string_view scan_name) {
  return text_of(snapshot, directory, scan_name, {}).size();
}

}  // namespace pwalk::report
