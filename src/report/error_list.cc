// SPDX-License-Identifier: MIT
#include "report/error_list.h"

#include <algorithm>
#include <system_error>

#include "base/text.h"
#include "report/tree_cursor.h"

namespace pwalk::report {

namespace {

using snapshot::Place;

Place place_of(const format::Error& error) noexcept {
  return {error.entry_shard, error.entry};
}

/// All error records, those of one entry together.
std::vector<format::Error> sorted_errors(const snapshot::Snapshot& snapshot) {
  std::vector<format::Error> errors;
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    for (std::uint64_t i = 0; i < snapshot.error_count(shard); ++i)
      errors.push_back(snapshot.error(shard, i));
  std::sort(errors.begin(), errors.end(), [](const format::Error& a, const format::Error& b) {
    return std::pair(place_of(a), a.call) < std::pair(place_of(b), b.call);
  });
  return errors;
}

const char* verb_of(std::uint16_t call) noexcept {
  switch (call) {
    case format::call_openat:
      return "open";
    case format::call_getdents64:
      return "list";
    case format::call_statx:
      return "stat";
    case format::call_readlinkat:
      return "read the target of";
    default:
      return "read the ACL of";
  }
}

}  // namespace

std::string FailedEntry::message() const {
  std::string text = std::string("cannot ") + verb_of(call);
  text += " '";
  text += printable(path);
  text += "': ";
  text += std::generic_category().message(error);
  return text;
}

void visit_errors(const std::shared_ptr<const snapshot::Snapshot>& snapshot, const snapshot::Entry& start,
                  const std::string& start_path, const std::function<bool(const FailedEntry&)>& take,
                  std::size_t path_bytes_max) {
  if (start.is_directory() && snapshot->directory_of(start).record.errors == 0) return;
  std::vector<format::Error> errors = sorted_errors(*snapshot);
  auto from = [&](Place place) {
    return std::lower_bound(
        errors.begin(), errors.end(), place,
        [](const format::Error& error, Place wanted) { return place_of(error) < wanted; });
  };
  auto take_of = [&](Place place, const std::string& path) {
    for (auto error = from(place); error != errors.end() && place_of(*error) == place; ++error) {
      if (!take({path, error->call, error->error})) return false;
    }
    return true;
  };
  NameBytes name_bytes(*snapshot);  // of the entries that the cursor does not look at
  TreeCursor cursor(snapshot, start, start_path, TreeCursor::Among::directories, path_bytes_max);
  for (auto visit = cursor.next(); visit != TreeCursor::Visit::end; visit = cursor.next()) {
    if (visit == TreeCursor::Visit::other) {  // a start that is no directory
      if (!take_of(start.place, cursor.path())) return;
    }
    if (visit != TreeCursor::Visit::enter) continue;
    const snapshot::Directory& directory = cursor.directory();
    if (directory.record.errors == 0) {
      cursor.skip();
      continue;
    }
    if (!take_of(directory.entry(), cursor.path())) return;
    Place first{directory.record.child_shard, directory.record.child_first};
    auto error = from(first);
    while (error != errors.end() && error->entry_shard == first.shard &&
           error->entry - first.index < directory.record.child_count) {
      Place place = place_of(*error);
      snapshot::Entry entry = snapshot->entry(place);
      name_bytes.take(entry);
      if (!entry.is_directory() && !take_of(place, cursor.path_of_child(entry.name))) return;
      while (error != errors.end() && place_of(*error) == place) ++error;
    }
  }
}

std::vector<FailedEntry> list_errors(const std::shared_ptr<const snapshot::Snapshot>& snapshot,
                                     std::size_t limit) {
  std::vector<FailedEntry> failed;
  if (limit == 0) return failed;
  visit_errors(snapshot, snapshot->root(), snapshot->manifest().root, [&](const FailedEntry& error) {
    failed.push_back(error);
    return failed.size() < limit;
  });
  return failed;
}

}  // namespace pwalk::report
