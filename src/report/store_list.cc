// SPDX-License-Identifier: MIT
#include "report/store_list.h"

#include <algorithm>

#include "base/text.h"
#include "report/iso_time.h"
#include "report/json_parts.h"
#include "report/size_format.h"

namespace pwalk::report {

namespace {

using snapshot::StoredSnapshot;

/// What there is to say of a snapshot besides numbers.
std::string notes(const StoredSnapshot& stored) {
  std::string text;
  auto add = [&](const std::string& note) {
    if (!text.empty()) text += ", ";
    text += note;
  };
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
  std::string entries = "-";
  std::string tree = "-";
  std::string own;
  std::string notes;
};

/// Snapshots begin and end in whole seconds as far as a list tells.
std::string whole_seconds(snapshot::Timestamp time) {
  std::string text = iso_time(time);
  std::size_t point = text.find('.');
  if (point != text.npos) text.replace(point, text.npos, "Z");
  return text;
}

}  // namespace

std::string store_table(const std::vector<Listed>& snapshots) {
  if (snapshots.empty()) return "";
  SizeFormat human = SizeFormat::human();
  std::vector<Row> rows = {{"SNAPSHOT", "ENTRIES", "TREE", "OWN", "NOTES"}};
  for (const auto& [name, stored] : snapshots) {
    Row row;
    row.path = printable(name + "/" + stored.time);
    row.own = human.of_bytes(stored.disk_bytes);
    row.notes = notes(stored);
    if (stored.manifest) {
      row.entries = std::to_string(stored.manifest->totals.entries);
      row.tree = human.of_bytes(stored.manifest->totals.disk_bytes - stored.manifest->totals.excess_disk);
    }
    rows.push_back(std::move(row));
  }
  std::size_t widest = 0;
  std::size_t widest_entries = 0;
  for (const Row& row : rows) {
    widest = std::max(widest, columns(row.path));
    widest_entries = std::max(widest_entries, row.entries.size());
  }
  std::string text;
  for (const Row& row : rows) {
    text += row.path + std::string(widest - columns(row.path), ' ');
    text += "  " + to_right(row.entries, widest_entries) + "  " + to_right(row.tree, 5) + "  " +
            to_right(row.own, 5);
    if (!row.notes.empty()) text += "  " + row.notes;
    text += "\n";
  }
  return text;
}

std::string store_json(const std::vector<Listed>& snapshots) {
  std::string text = "[";
  for (const auto& [name, stored] : snapshots) {
    Json object{
        {"name", percent_encode(name)}, {"time", percent_encode(stored.time)}, {"latest", stored.is_latest}};
    object["in_use"] = stored.in_use ? Json(*stored.in_use) : Json();
    object["snapshot_disk_bytes"] = stored.disk_bytes;
    if (stored.manifest) {
      const snapshot::Manifest& manifest = *stored.manifest;
      object.update({{"uuid", snapshot::uuid_text(manifest.uuid)},
                     {"host", percent_encode(manifest.host)},
                     {"root", percent_encode(manifest.root)},
                     {"start", whole_seconds(manifest.start)},
                     {"end", whole_seconds(manifest.end)},
                     {"complete", manifest.complete}});
      object.update(totals_json(manifest.totals));
    } else {
      object["trouble"] = percent_encode(stored.trouble);
    }
    text += (text.size() == 1 ? "\n" : ",\n") + object.dump();
  }
  return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

}  // namespace pwalk::report
