// What reading a view gives. Each text is made anew for each request and nothing is kept for open files, so
// that many of them cost nothing; but the list of errors, which may be long and is read in pieces, is kept
// until another one is asked for.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "mount/node_id.h"
#include "mount/open_snapshots.h"
#include "mount/source.h"
#include "report/entry_json.h"
#include "report/owner_names.h"
#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// A view of an entry: of a directory, or for stat/NAME and du/NAME of the child.
struct View {
  NodeKind kind = NodeKind::views;
  SnapshotRef in;
  snapshot::Entry entry;

  const snapshot::Snapshot& snapshot() const noexcept { return *in->snapshot; }
  snapshot::Directory directory() const { return snapshot().directory_of(entry); }
};

/// Whether reading must not go by st_size, which says something else or nothing.
constexpr bool is_read_directly(NodeKind kind) noexcept {
  return kind == NodeKind::errors || kind == NodeKind::du_file || kind == NodeKind::snapshot_json;
}

class ViewTexts {
 public:
  explicit ViewTexts(const Source& source) : source_(source) {}

  /// At most `room` bytes from `offset` on.
  std::string read(const View& view, std::uint64_t offset, std::size_t room) const;

  /// The length of the text; 0 for the views that are read directly. What reveals a subtree has the same
  /// length whatever lies below.
  std::uint64_t length(const View& view) const;

 private:
  std::string whole(const View& view) const;
  std::shared_ptr<const std::string> errors(const View& view) const;
  report::Owner owner_of(const snapshot::Entry& entry) const;

  const Source& source_;
  mutable std::mutex owners_mutex_;
  mutable report::OwnerNames owners_;            // under owners_mutex_; numbers of the snapshots only
  mutable std::mutex errors_mutex_;              // one list is made at a time
  mutable std::uint64_t errors_of_ = 0;          // the view whose list is kept
  mutable std::uint32_t errors_generation_ = 0;  // and its snapshot's generation
  mutable std::shared_ptr<const std::string> errors_;
};

}  // namespace pwalk::mount
