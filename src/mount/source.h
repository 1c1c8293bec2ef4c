// What is mounted: one snapshot, one NAME directory of a store, or a store. Reads the store's directories
// anew at each request, so that scans published meanwhile appear; names with a leading dot are the store's
// own and do not exist here.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "mount/log.h"
#include "mount/open_snapshots.h"

namespace pwalk::mount {

enum class SourceKind { snapshot, name, store };

/// A snapshot's directory in a NAME.
struct TimeOfName {
  std::string time;
  SnapshotRef open;  // nullptr where it is not
};

class Source {
 public:
  /// Opens `path`. std::system_error where it is none of the three (EINVAL) or cannot be read, ENOTDIR for a
  /// snapshot whose root is not a directory; FormatError for a snapshot that is damaged or newer than this
  /// program.
  Source(const std::string& path, Log& log);
  /// The snapshot at `path`, which is open already.
  Source(const std::string& path, const std::shared_ptr<const snapshot::Snapshot>& opened, Log& log);

  SourceKind kind() const noexcept { return kind_; }
  const std::string& path() const noexcept { return path_; }

  /// The one snapshot of a mount of kind snapshot.
  const SnapshotRef& only() const noexcept { return only_; }
  // What cannot be read is not gone: std::system_error with the storage's errno (EIO for ESTALE), and for a
  // snapshot that is damaged EIO. A listing has it like any other; that, too, is told to the log.

  /// The snapshot with a slot, opened if need be; nullptr if there is none.
  SnapshotRef by_slot(std::uint32_t slot);
  /// Whether the store still has an open snapshot; one that it has not is dropped.
  bool still_has(const SnapshotRef& opened);

  // For kinds name (whose only NAME is "") and store. A NAME that is not there: std::system_error ENOENT.

  bool has_name(const std::string& name) const;
  std::vector<std::string> names() const;
  /// What NAME holds; opens it once, and no snapshot.
  std::vector<TimeOfName> times(const std::string& name) const;
  /// Target of NAME's `latest`; nothing where it is missing or is not the name of a snapshot.
  std::optional<std::string> latest(const std::string& name) const;
  /// The snapshot NAME/TIME, opened if need be; nullptr if there is none.
  SnapshotRef snapshot(const std::string& name, const std::string& time);

  /// The NAME of a snapshot: in a store; of a mounted snapshot the directory that it is in where it is called
  /// by its time, else its own.
  std::string scan_name(const OpenSnapshot& snapshot) const;
  /// At most `room` bytes of a snapshot's manifest from `offset` on. std::system_error ESTALE where the
  /// snapshot is not there any more.
  std::string read_manifest(const OpenSnapshot& snapshot, std::uint64_t offset, std::size_t room) const;
  /// Gives up the open snapshots that the store no longer has.
  void drop_removed();

  /// stat of the source directory, of a NAME directory, of its `latest`.
  struct stat own_stat() const;
  struct stat name_stat(const std::string& name) const;
  struct stat latest_stat(const std::string& name) const;
  int descriptor() const noexcept { return directory_.get(); }

  /// The snapshot with that slot as the user knows it, for messages.
  std::string label(std::uint32_t slot) const;

 private:
  Fd open_name(const std::string& name) const;
  std::shared_ptr<const snapshot::Snapshot> open_making_room(int directory, const std::string& time);
  std::vector<std::string> list(int directory, const std::string& label) const;
  void show_only(const std::shared_ptr<const snapshot::Snapshot>& opened);
  std::string label(const StorePlace& place) const;
  /// Of the manifest at a place of the store; nothing where there is none.
  std::optional<ManifestIdentity> identity(int directory, const StorePlace& place) const;
  /// Gives up what is open at a place of the store that has no snapshot any more.
  void drop_if_removed(const StorePlace& place);
  /// The same for whatever has the slot that a snapshot wants for `place`.
  void free_slot_of_removed(std::uint32_t slot, const StorePlace& place);
  /// Tells the log once and throws std::system_error.
  [[noreturn]] void cannot_show(const StorePlace& place, const std::string& why, int error) const;
  void tell_incomplete(const snapshot::Snapshot& snapshot, const std::string& label) const;

  std::string path_;
  Log& log_;
  Fd directory_;
  SourceKind kind_ = SourceKind::snapshot;
  SnapshotRef only_;
  OpenSnapshots open_;
};

}  // namespace pwalk::mount
