// From names in `.pwalk` to node ids, and the attributes of each view.
// SPDX-License-Identifier: MIT
#include "mount/views.h"

#include <array>
#include <string>

#include "base/error.h"
#include "mount/attributes.h"
#include "mount/view_access.h"
#include "report/child_totals.h"
#include "snapshot/children.h"

namespace pwalk::mount {

using snapshot::Entry;

namespace {

constexpr std::string_view views_name = ".pwalk";

struct NamedView {
  const char* name;
  NodeKind kind;
};
constexpr std::array<NamedView, 7> named_views{{{"du", NodeKind::du_directory},
                                                {"errors", NodeKind::errors},
                                                {"own.json", NodeKind::own_json},
                                                {"snapshot.json", NodeKind::snapshot_json},
                                                {"stat", NodeKind::stat_directory},
                                                {"summary", NodeKind::summary},
                                                {"summary.json", NodeKind::summary_json}}};

bool is_root(const Entry& entry) noexcept {
  return entry.place == snapshot::Place{0, 0};
}

bool is_directory_view(NodeKind kind) noexcept {
  return kind == NodeKind::views || kind == NodeKind::stat_directory || kind == NodeKind::du_directory;
}

/// Inode numbers of views follow from that of the entry as it is shown: those of the tree tell nothing of
/// what is hidden, and node ids, which count all entries, would.
std::uint64_t view_inode(NodeKind kind, std::uint64_t shown) noexcept {
  constexpr std::uint64_t first = std::uint64_t{1} << 63;
  constexpr unsigned room_bits = 59;
  auto code = static_cast<std::uint64_t>(kind);
  if (shown >> room_bits == 0) return first | code << room_bits | shown;
  return first | mix_inode(shown, static_cast<std::uint32_t>(code), static_cast<std::uint32_t>(shown >> 61));
}

timespec shown_time(snapshot::Timestamp time) noexcept {
  if (time == snapshot::no_time) return {};
  return {static_cast<time_t>(time.seconds), static_cast<long>(time.nanoseconds)};
}

}  // namespace

bool is_views_name(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                   std::string_view name) {
  if (!name.starts_with(views_name) ||
      name.find_first_not_of('~', views_name.size()) != std::string_view::npos)
    return false;
  for (std::size_t length = views_name.size(); length < name.size(); ++length) {
    if (!snapshot.find(directory, name.substr(0, length))) return false;
  }
  return true;
}

bool Views::exists(NodeKind kind, const Entry& entry) noexcept {
  if (kind == NodeKind::stat_file || kind == NodeKind::du_file) return !is_root(entry);
  if (!entry.is_directory()) return false;
  return kind != NodeKind::snapshot_json || is_root(entry);
}

bool Views::goes_by_directory(NodeKind kind) const noexcept {
  return kind == NodeKind::own_json || kind == NodeKind::stat_directory || totals_for_all_;
}

std::optional<snapshot::Acl> Views::enforced_acl(const View& view) const {
  if (!policy_.posix_acls_enforced || !view.entry.is_directory()) return std::nullopt;
  // Where the group's bits are 0, as those of a closed directory are, the kernel does not ask for the ACL.
  if ((show_entry_(view.in, view.entry).attributes.st_mode & S_IRWXG) == 0) return std::nullopt;
  std::optional<snapshot::Acl> acl = view.snapshot().acl(view.directory());
  if (!acl || acl->access_value.empty()) return std::nullopt;
  return acl;
}

mode_t Views::permissions(const View& view, mode_t directory_mode) const {
  if (view.kind == NodeKind::views) return 0555;
  // Whoever gets there may search the directory, and du/ where it counts.
  if (view.kind == NodeKind::stat_file || view.kind == NodeKind::du_file) return 0444;
  bool is_directory = is_directory_view(view.kind);
  if (!goes_by_directory(view.kind))
    return subtree_permissions(directory_mode, view.directory().record.access, is_directory);
  ViewRight right = view.kind == NodeKind::stat_directory ? ViewRight::as_directory : ViewRight::both;
  return view_permissions(directory_mode, right, is_directory, enforced_acl(view).has_value());
}

Node Views::node(const View& view) const {
  Node shown = show_entry_(view.in, view.entry);
  Node node;
  node.id = view_node(view.kind, view.in->slot, view.snapshot().number_of(view.entry.place));
  node.generation = view.in->generation;
  node.name_lasts = true;
  node.attributes_last = true;
  struct stat& attributes = node.attributes;
  attributes = shown.attributes;
  attributes.st_ino = view_inode(view.kind, shown.attributes.st_ino);
  attributes.st_mode =
      (is_directory_view(view.kind) ? S_IFDIR : S_IFREG) | permissions(view, shown.attributes.st_mode);
  attributes.st_nlink = 1;
  attributes.st_rdev = 0;
  attributes.st_blksize = 4096;
  attributes.st_size = shown_size(texts_.length(view));
  attributes.st_blocks = (attributes.st_size + 511) / 512;
  if (view.kind == NodeKind::du_file) {
    report::ChildTotals totals = report::child_totals(view.snapshot(), view.entry);
    attributes.st_size = shown_size(totals.apparent_bytes);
    attributes.st_blocks = static_cast<blkcnt_t>(totals.disk_bytes / 512);
    attributes.st_mtim = shown_time(totals.newest_mtime);
    attributes.st_ctim = shown_time(totals.newest_ctime);
  }
  return node;
}

snapshot::Acl Views::acl(const View& view) const {
  if (view.kind == NodeKind::views || view.kind == NodeKind::stat_file || view.kind == NodeKind::du_file ||
      !goes_by_directory(view.kind))
    return {};
  std::optional<snapshot::Acl> acl = enforced_acl(view);
  if (!acl) return {};
  ViewRight right = view.kind == NodeKind::stat_directory ? ViewRight::as_directory : ViewRight::both;
  return {view_acl(acl->access_value, right, is_directory_view(view.kind)), ""};
}

Node Views::parent(const View& view) const {
  if (!is_directory_view(view.kind)) throw_errno(ENOTDIR, "a view that is a file has no parent here");
  if (view.kind == NodeKind::views) return show_entry_(view.in, view.entry);
  return node({NodeKind::views, view.in, view.entry});
}

Lookup Views::look_up(const View& parent, std::string_view name) const {
  if (parent.kind == NodeKind::views) {
    for (const NamedView& named : named_views) {
      if (name == named.name && exists(named.kind, parent.entry))
        return {node({named.kind, parent.in, parent.entry})};
    }
    return missing(ENOENT, true);
  }
  if (!is_directory_view(parent.kind)) return missing(ENOTDIR, false);
  snapshot::Directory directory = parent.directory();
  NodeKind kind = parent.kind == NodeKind::stat_directory ? NodeKind::stat_file : NodeKind::du_file;
  if (auto child = parent.snapshot().find(directory, name)) return {node({kind, parent.in, *child})};
  int error = missing_name_error(directory);
  return missing(error, error == ENOENT && listing_error(directory) == 0);
}

int Views::list(const View& view, std::uint64_t offset, ListingSink& sink) const {
  if (!is_directory_view(view.kind)) return ENOTDIR;
  bool of_children = view.kind != NodeKind::views;
  if (of_children) {
    snapshot::Directory directory = view.directory();
    int error = listing_error(directory);
    if (error != 0 && directory.record.state != format::state_partial) return error;
  }
  for (; offset < 2; ++offset) {
    Node dot = offset == 0 ? node(view) : parent(view);
    dot.id = 0;
    if (!sink.add(offset == 0 ? "." : "..", dot, offset + 1)) return 0;
  }
  return of_children ? list_children(view, offset, sink) : list_names(view, offset, sink);
}

int Views::list_names(const View& view, std::uint64_t offset, ListingSink& sink) const {
  for (std::uint64_t position = offset - 2; position < named_views.size(); ++position) {
    const NamedView& named = named_views[position];
    if (!exists(named.kind, view.entry)) continue;
    if (!sink.add(named.name, node({named.kind, view.in, view.entry}), position + 3)) return 0;
  }
  return 0;
}

int Views::list_children(const View& view, std::uint64_t offset, ListingSink& sink) const {
  const snapshot::Snapshot& snapshot = view.snapshot();
  snapshot::Directory directory = view.directory();
  bool is_stat = view.kind == NodeKind::stat_directory;
  if (offset - 2 >= directory.record.child_count) return listing_error(directory);
  std::string name;
  snapshot::Children children(snapshot, directory, static_cast<std::uint32_t>(offset - 2));
  while (!children.at_end()) {
    Entry child = children.next();
    name = child.name;  // a copy, as in Tree::list_snapshot
    snapshot.check_readable(child);
    Node listed;
    if (is_stat) {
      // Without node id, so that the kernel asks for the attributes of those that it needs: the length of
      // stat/NAME is known once its text is made.
      listed.attributes.st_ino =
          view_inode(NodeKind::stat_file, show_entry_(view.in, child).attributes.st_ino);
      listed.attributes.st_mode = S_IFREG;
    } else {
      listed = node({NodeKind::du_file, view.in, child});
    }
    if (!sink.add(name.c_str(), listed, std::uint64_t{children.position()} + 2)) return 0;
  }
  return listing_error(directory);
}

}  // namespace pwalk::mount
