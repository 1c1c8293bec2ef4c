// SPDX-License-Identifier: MIT
#include "report/store_list.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/size_format.h"

namespace pwalk::report {

namespace {

using snapshot::StoredSnapshot;

/// What there is to say of a snapshot besides numbers.
std::string notes(const StoredSnapshot& stored) {
  std::string text;
  auto add = [&](const std::string& note) { text += (text.empty() ? "" : ", ") + note; };
  if (stored.is_latest) add("latest");
  if (stored.manifest && !stored.manifest->complete) add("incomplete");
  if (stored.in_use == true) add("in use");
  if (!stored.manifest) add(printable(stored.trouble));
  return text;
}

/// `text` in so many columns, to the right.
std::string to_right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

/// Units of one code point each, which is what most terminals show in one column.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xc0') != '\x80'; }));
}

struct Row {
  std::string path;
  std::string entries;
  std::string tree;
  std::string own;
  std::string notes;
};

std::string iso_time(snapshot::Timestamp time) {
  std::time_t seconds = time.seconds;
  std::tm parts{};
  char text[64] = "";
  if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::string store_table(const std::vector<Listed>& snapshots) {
  if (snapshots.empty()) return "";
  SizeFormat human = SizeFormat::human();
  std::vector<Row> rows = {{"SNAPSHOT", "ENTRIES", "TREE", "OWN", "NOTES"}};
  for (const auto& [name, stored] : snapshots) {
    Row row{printable(name + "/" + stored.time), "-", "-", human.of_bytes(stored.disk_bytes), notes(stored)};
    if (stored.manifest) {
      row.entries = std::to_string(stored.manifest->totals.entries);
      row.tree = human.of_bytes(stored.manifest->totals.disk_bytes - stored.manifest->totals.excess_disk);
    }
    rows.push_back(std::move(row));
  }
  std::size_t widest = 0;
  std::size_t widest_number = 0;
  for (const Row& row : rows) {
    widest = std::max(widest, columns(row.path));
    widest_number = std::max(widest_number, row.entries.size());
  }
  std::string text;
  for (const Row& row : rows) {
    text += row.path + std::string(widest - columns(row.path), ' ');
    text += "  " + to_right(row.entries, widest_number) + "  " + to_right(row.tree, 5) + "  " +
            to_right(row.own, 5);
    text += row.notes.empty() ? "\n" : "  " + row.notes + "\n";
  }
  return text;
}

std::string store_json(const std::vector<Listed>& snapshots) {
  std::string text = "[";
  for (const auto& [name, stored] : snapshots) {
    nlohmann::ordered_json object{
        {"name", percent_encode(name)}, {"time", percent_encode(stored.time)}, {"latest", stored.is_latest}};
    object["in_use"] = stored.in_use ? nlohmann::ordered_json(*stored.in_use) : nlohmann::ordered_json();
    object["snapshot_disk_bytes"] = stored.disk_bytes;
    if (stored.manifest) {
      const snapshot::Manifest& manifest = *stored.manifest;
      const snapshot::Totals& totals = manifest.totals;
      object.update({{"uuid", snapshot::uuid_text(manifest.uuid)},
                     {"host", percent_encode(manifest.host)},
                     {"root", percent_encode(manifest.root)},
                     {"start", iso_time(manifest.start)},
                     {"end", iso_time(manifest.end)},
                     {"complete", manifest.complete},
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
                     {"errors", totals.errors}});
    } else {
      object["trouble"] = percent_encode(stored.trouble);
    }
    text += (text.size() == 1 ? "\n" : ",\n") + object.dump();
  }
  return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

}  // namespace pwalk::report
