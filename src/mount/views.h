// The views: what the hidden directory `.pwalk` of each directory holds. Names, node ids, attributes and
// listings; nothing is kept, all of it follows from the node id.
//
//   own.json           the directory's own facts
//   stat/NAME          one child's facts
//   summary.json       totals of the subtree, for programs
//   summary            the same for people
//   du/NAME            one child: st_size its subtree's apparent size, st_blocks its disk usage
//   errors             what could not be read below
//   snapshot.json      the manifest; in the snapshot's root only
//
// The length and the times of a view that reveals a subtree do not depend on it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "mount/acls.h"
#include "mount/node.h"
#include "mount/node_id.h"
#include "mount/open_snapshots.h"
#include "mount/view_texts.h"
#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// How the tree shows an entry.
using ShowEntry = std::function<Node(const SnapshotRef& in, const snapshot::Entry& entry)>;

/// Whether `name`, which is no recorded name in `directory`, leads to its views: `.pwalk`, or where that is
/// recorded `.pwalk~`, where that is too `.pwalk~~`, and so on.
bool is_views_name(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                   std::string_view name);

class Views {
 public:
  /// `totals_for_all`: what reveals a subtree may be read by all who may read its directory.
  /// `policy` stays the caller's: it is told when the kernel and we agree on the protocol.
  Views(const Source& source, const AclPolicy& policy, bool totals_for_all, ShowEntry show_entry)
      : texts_(source),
        policy_(policy),
        totals_for_all_(totals_for_all),
        show_entry_(std::move(show_entry)) {}

  /// Whether there is such a view of such an entry.
  static bool exists(NodeKind kind, const snapshot::Entry& entry) noexcept;

  Node node(const View& view) const;
  /// The ACL by which the kernel decides about a view of a directory that has one; else empty.
  snapshot::Acl acl(const View& view) const;
  /// The directory that a view's directory is in; ENOTDIR for a file.
  Node parent(const View& view) const;
  Lookup look_up(const View& parent, std::string_view name) const;
  /// As Tree::list.
  int list(const View& view, std::uint64_t offset, ListingSink& sink) const;

  const ViewTexts& texts() const noexcept { return texts_; }

 private:
  std::optional<snapshot::Acl> enforced_acl(const View& view) const;
  mode_t permissions(const View& view, mode_t directory_mode) const;
  bool goes_by_directory(NodeKind kind) const noexcept;
  int list_names(const View& view, std::uint64_t offset, ListingSink& sink) const;
  int list_children(const View& view, std::uint64_t offset, ListingSink& sink) const;

  ViewTexts texts_;
  const AclPolicy& policy_;
  bool totals_for_all_;
  ShowEntry show_entry_;
};

}  // namespace pwalk::mount
