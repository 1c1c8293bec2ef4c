// Making a finished snapshot visible, all or nothing: it grows in a hidden partial directory beside its
// place, and one rename gives it its name. A partial directory is locked by its writer for as long as it
// lives, so what a killed scan left can be told from what a living one writes.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/fd.h"

namespace pwalk::snapshot {

inline constexpr char partial_prefix[] = ".pwalk-partial-";

/// Random uuid, version 4.
std::array<std::uint8_t, 16> new_uuid();

class PartialSnapshot {
 public:
  /// Creates a partial directory (mode 0700) in `parent`, which is called `parent_path` in messages.
  PartialSnapshot(int parent, std::string parent_path, const std::array<std::uint8_t, 16>& uuid);
  /// Removes it, unless it was published.
  ~PartialSnapshot();
  PartialSnapshot(const PartialSnapshot&) = delete;
  PartialSnapshot& operator=(const PartialSnapshot&) = delete;

  int directory() const noexcept { return directory_.get(); }
  dev_t device() const noexcept { return device_; }
  ino_t inode() const noexcept { return inode_; }

  /// Gives the directory and its files the permission bits `mode` (files without execute bits).
  void open_to(mode_t mode);
  /// Renames it to `name` in the parent, never over something (EEXIST), and forces the parent to the storage.
  void publish(const std::string& name);

 private:
  int lock() noexcept;

  Fd parent_;
  std::string parent_path_;
  std::string name_;
  Fd directory_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool published_ = false;
};

/// Whether the caller knows that nobody else writes here, on any host.
enum class Alone { unknown, known };

/// Removes partial directories in `parent` whose writer is gone: those that belong to this user, hold nothing
/// but files of a snapshot, and can be locked. Where the file system has no locks on directories, none is; on
/// a network's, which may keep them from other hosts, only what has not changed for a day, unless `alone` is
/// known.
void collect_partials(int parent, Alone alone = Alone::unknown);

}  // namespace pwalk::snapshot
