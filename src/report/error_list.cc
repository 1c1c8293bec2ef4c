// SPDX-License-Identifier: MIT
#include "report/error_list.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>

#include "base/text.h"
#include "report/error_index.h"
#include "report/tree_cursor.h"

namespace pwalk::report {

namespace {

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
  // The walk's own, at a deadline or an interrupt: nothing is wrong with the directory.
  if (call == format::call_getdents64 && error == ECANCELED)
    return "not all of '" + printable(path) + "' was looked at: the scan ended";
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
  ErrorIndex errors(*snapshot);
  auto take_all = [&](std::span<const format::Error> of_entry, const std::string& path) {
    return std::all_of(of_entry.begin(), of_entry.end(), [&](const format::Error& error) {
      return take({path, error.call, error.error});
    });
  };
  NameBytes name_bytes(*snapshot);  // of the entries that the cursor does not look at
  TreeCursor cursor(snapshot, start, start_path, TreeCursor::Among::directories, path_bytes_max);
  for (auto visit = cursor.next(); visit != TreeCursor::Visit::end; visit = cursor.next()) {
    if (visit == TreeCursor::Visit::other) {  // a start that is no directory
      if (!take_all(errors.of(start.place), cursor.path())) return;
    }
    if (visit != TreeCursor::Visit::enter) continue;
    const snapshot::Directory& directory = cursor.directory();
    if (directory.record.errors == 0) {
      cursor.skip();
      continue;
    }
    if (!take_all(errors.of(directory.entry()), cursor.path())) return;
    snapshot::Place first{directory.record.child_shard, directory.record.child_first};
    auto of_children = errors.of(first, directory.record.child_count);
    while (!of_children.empty()) {
      snapshot::Place place{first.shard, of_children.front().entry};
      auto of_child = errors.of(place);
      of_children = of_children.subspan(of_child.size());
      snapshot::Entry entry = snapshot->entry(place);
      name_bytes.take(entry);
      if (!entry.is_directory() && !take_all(of_child, cursor.path_of_child(entry.name))) return;
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
