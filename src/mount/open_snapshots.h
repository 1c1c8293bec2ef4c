// The snapshots of a mount that are open, by store slot: opened on first use and kept until they are found to
// be gone from the store, or until there is no room for the mappings of another one.
//
// Two snapshots with one slot exist only where somebody copied a snapshot by hand. The one used first keeps
// the slot; the other gets a free one, from the highest down, for as long as the mount lives: its node ids
// and inode numbers are then those of that slot, and its file handles end with the mount.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "mount/inode_numbers.h"
#include "report/error_index.h"
#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// What tells a manifest from another one under the same name.
struct ManifestIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t changed_seconds = 0;
  std::int64_t changed_nanoseconds = 0;
  bool operator==(const ManifestIdentity&) const = default;
};

/// Where a snapshot lies in a store; both empty for the one snapshot of a mount, `name` for that of one NAME.
struct StorePlace {
  std::string name;
  std::string time;
  auto operator<=>(const StorePlace&) const = default;
};

struct OpenSnapshot {
  std::shared_ptr<const snapshot::Snapshot> snapshot;
  StorePlace place;
  ManifestIdentity identity;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  InodeNumbers inodes;
  mode_t root_classes = 0777;  // permission bits that the root's ancestors leave it
  std::unique_ptr<const report::KeptErrorIndex> errors = std::make_unique<report::KeptErrorIndex>();
};
using SnapshotRef = std::shared_ptr<const OpenSnapshot>;

class OpenSnapshots {
 public:
  /// nullptr where the slot has none.
  SnapshotRef by_slot(std::uint32_t slot) const;
  /// nullptr where it is not open, or where what is open is not the snapshot that is there now.
  SnapshotRef find(const StorePlace& place, const ManifestIdentity& identity) const;
  /// Registers an opened snapshot (or returns the one that another thread registered meanwhile). Its slot is
  /// the manifest's unless that is taken. std::system_error ENOSPC if no slot is free.
  SnapshotRef add(std::shared_ptr<const snapshot::Snapshot> snapshot, const StorePlace& place,
                  const ManifestIdentity& identity);
  /// Closes all that nobody uses at this moment. Their slots stay theirs.
  void close_unused();
  /// Where the snapshot with that slot is, which has been closed; nothing for any other.
  std::optional<StorePlace> closed_place(std::uint32_t slot) const;
  /// The places of all that are open or were closed.
  std::vector<StorePlace> places() const;
  /// What is open for `place` is gone from the store: its nodes become stale, its storage can be freed.
  void drop(const StorePlace& place);

 private:
  struct Closed {
    StorePlace place;
    ManifestIdentity identity;
  };
  bool is_free(std::uint32_t slot) const;
  std::uint32_t free_slot(std::uint32_t wanted) const;
  std::optional<std::uint32_t> take_closed(const StorePlace& place, const ManifestIdentity& identity);

  mutable std::shared_mutex mutex_;  // guards the maps
  std::map<std::uint32_t, SnapshotRef> by_slot_;
  std::map<StorePlace, SnapshotRef> by_place_;
  std::map<std::uint32_t, Closed> closed_;  // by slot
};

}  // namespace pwalk::mount
