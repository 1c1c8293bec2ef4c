// A store: STORE/NAME/TIME, each TIME a snapshot, NAME/latest a relative symbolic link to the newest. What
// begins with a dot is the store's own: `.lock` of the store and of each NAME, `.next-slot`, partial
// snapshots.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/stop.h"
#include "snapshot/manifest.h"
#include "snapshot/store_names.h"

namespace pwalk::snapshot {

/// NAMEs of the store at `store_path`: its directories, by the bytes of their names.
std::vector<std::string> store_names(const std::string& store_path);

/// One snapshot of a store.
struct StoredSnapshot {
  std::string time;                  // the directory's name
  std::optional<Manifest> manifest;  // of one that can be opened
  std::string trouble;               // why there is none: it is damaged, or cannot be read
  bool is_latest = false;            // `latest` points to it
  std::uint64_t disk_bytes = 0;      // that its own files take
  std::optional<bool> in_use;        // nothing where that cannot be told
};

/// The snapshots of one NAME, oldest first. Those that go meanwhile are left out. std::system_error where
/// there is no such NAME. Of those that are `known`, from the same question before, only where they are is
/// asked again: what is published does not change.
std::vector<StoredSnapshot> stored_snapshots(const std::string& store_path, const std::string& name,
                                             std::vector<StoredSnapshot> known = {});

/// Whether NAME has the lock of one, or may hold a snapshot; otherwise it may be any directory.
/// std::system_error where it is none.
bool is_in_store(const std::string& store_path, const std::string& name);

/// One NAME of a store, locked for one scan or one removal.
class StoreName {
 public:
  enum class Missing { create, refuse };

  /// Opens (creating them if needed, or ENOENT) the store and NAME, takes NAME's lock, for which it waits a
  /// second, and removes what killed scans left. std::system_error EWOULDBLOCK if somebody else holds the
  /// lock, EINVAL if what should be the store is a snapshot or one NAME.
  StoreName(const std::string& store_path, const std::string& name, Missing missing = Missing::create);

  /// Lets all who may read what has the permission bits `mode` search and list NAME too, and the store and
  /// what lies above it if they were created here. Nobody loses a permission.
  void open_to(mode_t mode);

  int directory() const noexcept { return directory_.get(); }
  const std::string& path() const noexcept { return path_; }

  /// What the newest complete snapshot of this NAME says of its origin, or any where none is complete;
  /// nothing if there is none.
  struct Origin {
    std::string host;
    std::string root;
    std::optional<std::uint64_t> entries;  // of the newest complete one
  };
  std::optional<Origin> origin() const;

  /// A slot that no snapshot of the store has, not given again before all others have been. Others may be
  /// taking theirs: waits for them, ten minutes at most (EWOULDBLOCK). Throws Stopped soon after `stop` is
  /// true.
  std::uint32_t take_slot(const std::atomic<bool>& stop = never_stopped);

  /// A TIME that is free: `wanted`, or with the suffix -2, -3 …
  std::string free_time_name(const std::string& wanted) const;

  /// Points `latest` to `time`, unless it points to one that began later and has a manifest.
  void update_latest(const std::string& time);

  /// Before `times` are removed: if `latest` points to one of them, or to nothing, it is pointed to the
  /// newest complete one of the others that can be opened, or removed where there is none.
  void take_from_latest(const std::vector<std::string>& times);
  /// One of those was not removed after all.
  void give_to_latest(const std::string& time);

 private:
  void set_latest(const std::string& time);

  std::string store_path_;
  std::string path_;
  std::vector<std::string> made_;  // the store and what lies above it, if they were missing
  Fd store_;
  Fd directory_;
  Fd lock_;
};

}  // namespace pwalk::snapshot
