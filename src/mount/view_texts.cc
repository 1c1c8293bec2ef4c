// The texts of views, and which of them has which length.
// SPDX-License-Identifier: MIT
#include "mount/view_texts.h"

#include <algorithm>
#include <optional>

#include "report/child_totals.h"
#include "report/error_list.h"
#include "report/scanned_path.h"
#include "report/subtree_summary.h"

namespace pwalk::mount {

namespace {

constexpr std::size_t errors_bytes_max = std::size_t{4} << 20;

std::string piece(const std::string& text, std::uint64_t offset, std::size_t room) {
  return offset < text.size() ? text.substr(offset, room) : std::string();
}

/// One line for each error, paths relative to the directory and cut at path_bytes_max; the last line says how
/// many are left out.
std::string errors_text(const View& view) {
  std::string text;
  std::uint64_t shown = 0;
  auto add = [&](const report::FailedEntry& error) {
    std::string line = error.message();
    if (text.size() + line.size() > errors_bytes_max) return false;
    text += line;
    text += '\n';
    ++shown;
    return true;
  };
  report::visit_errors(view.in->snapshot, view.entry, ".", add, report::path_bytes_max);
  std::uint64_t all = view.directory().record.errors;
  if (shown < all) text.append("… and ").append(std::to_string(all - shown)).append(" more\n");
  return text;
}

}  // namespace

report::Owner ViewTexts::owner_of(const snapshot::Entry& entry) const {
  if (!entry.has_stat()) return {};
  std::lock_guard lock(owners_mutex_);
  auto known = [](const std::string& name, std::uint32_t number) {
    return name == std::to_string(number) ? std::nullopt : std::optional(name);
  };
  return {known(owners_.user(entry.uid), entry.uid), known(owners_.group(entry.gid), entry.gid)};
}

std::shared_ptr<const std::string> ViewTexts::errors(const View& view) const {
  std::uint64_t id = view_node(view.kind, view.in->slot, view.snapshot().number_of(view.entry.place));
  std::lock_guard lock(errors_mutex_);
  if (errors_ == nullptr || errors_of_ != id || errors_generation_ != view.in->generation) {
    errors_ = nullptr;  // not two at a time
    errors_ = std::make_shared<const std::string>(errors_text(view));
    errors_of_ = id;
    errors_generation_ = view.in->generation;
  }
  return errors_;
}

std::string ViewTexts::whole(const View& view) const {
  const snapshot::Snapshot& snapshot = view.snapshot();
  switch (view.kind) {
    case NodeKind::own_json:
      return report::own_json(snapshot, view.entry, owner_of(view.entry), *view.in->errors);
    case NodeKind::stat_file:
      return report::entry_json(snapshot, view.entry, owner_of(view.entry), *view.in->errors);
    case NodeKind::summary_json:
      return report::summary_json(snapshot, view.directory(), source_.scan_name(*view.in));
    case NodeKind::summary:
      return report::summary_text(snapshot, view.directory(), source_.scan_name(*view.in));
    case NodeKind::du_file:
      return report::child_line(view.entry, report::child_totals(snapshot, view.entry));
    default:
      return {};
  }
}

std::string ViewTexts::read(const View& view, std::uint64_t offset, std::size_t room) const {
  if (view.kind == NodeKind::errors) return piece(*errors(view), offset, room);
  if (view.kind == NodeKind::snapshot_json) return source_.read_manifest(*view.in, offset, room);
  std::string text = whole(view);
  view.snapshot().check_readable(view.entry);
  return piece(text, offset, room);
}

std::uint64_t ViewTexts::length(const View& view) const {
  const snapshot::Snapshot& snapshot = view.snapshot();
  switch (view.kind) {
    case NodeKind::own_json:
      return report::own_json_bytes(snapshot, view.entry, owner_of(view.entry), *view.in->errors);
    case NodeKind::stat_file:
      return whole(view).size();
    case NodeKind::summary_json:
      return report::summary_json_bytes(snapshot, view.directory(), source_.scan_name(*view.in));
    case NodeKind::summary:
      return report::summary_text_bytes(snapshot, view.directory(), source_.scan_name(*view.in));
    default:
      return 0;
  }
}

}  // namespace pwalk::mount
