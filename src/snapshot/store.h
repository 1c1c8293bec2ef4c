// A store: STORE/NAME/TIME, each TIME a snapshot, NAME/latest a relative symbolic link to the newest. What
// begins with a dot is the store's own: `.lock` of the store and of each NAME, `.next-slot`, partial
// snapshots.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

/// $PWALK_STORE, or /var/lib/pwalk for root, or $HOME/.local/share/pwalk.
std::string default_store_path();

/// NAME of a root: its absolute path with `/` as `-` and a literal `-` doubled, `_root_` for `/`; what would
/// be longer than 200 bytes ends in a hash instead. A leading dot becomes `_.`.
std::string default_snapshot_name(std::string_view absolute_root);

/// Why `name` cannot be a NAME; empty if it can.
std::string why_not_a_name(std::string_view name);

/// TIME of a start: 2026-11-22T184652Z.
std::string time_name(Timestamp start);

/// Order of TIME names: by their text, and by the number of a collision's suffix.
bool time_name_before(std::string_view a, std::string_view b);

/// One NAME of a store, locked for one scan.
class StoreName {
 public:
  /// Opens (creating them if needed) the store and NAME, takes NAME's lock and removes what killed scans
  /// left. std::system_error EWOULDBLOCK if another scan of that NAME holds the lock.
  StoreName(const std::string& store_path, const std::string& name);

  int directory() const noexcept { return directory_.get(); }
  const std::string& path() const noexcept { return path_; }

  /// What the newest snapshot of this NAME says of its origin; nothing if there is none.
  struct Origin {
    std::string host;
    std::string root;
    std::uint64_t entries = 0;
  };
  std::optional<Origin> origin() const;

  /// A slot that no snapshot of the store has, not given again before all others have been.
  std::uint32_t take_slot();

  /// A TIME that is free: `wanted`, or with the suffix -2, -3 …
  std::string free_time_name(const std::string& wanted) const;

  /// Points `latest` to `time`, unless it points to a later one.
  void update_latest(const std::string& time);

 private:
  std::string path_;
  Fd store_;
  Fd directory_;
  Fd lock_;
};

}  // namespace pwalk::snapshot
