// Reading a snapshot. Snapshot::open checks the manifest, headers, lengths, uuids and feature words in
// O(shards); every access then verifies the 64 KiB block that it touches first, copies the record out, and
// checks the copy. A broken rule is a FormatError naming file, record and rule.
//
// Thread safety: all const members may be called from any number of threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

class ShardReader;

/// Where a record lies: shard number and index in the shard's array (of entries or of directories).
struct Place {
  std::uint32_t shard = 0;
  std::uint32_t index = 0;
  auto operator<=>(const Place&) const = default;
};

/// One entry: a checked copy. `name` and `target` point into the snapshot's mapping and live as long as the
/// Snapshot. What statx did not tell is zero: see has_stat().
struct Entry {
  Place place;
  std::string_view name;
  std::string_view target;  // of a symbolic link; empty where it could not be read
  std::uint16_t mode = 0;   // type and permission bits; 0 where not even the type is known
  std::uint16_t flags = 0;  // format::flag_…
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t nlink = 0;
  std::uint32_t device_index = 0;
  std::uint32_t blksize = 0;
  std::uint32_t rdev_major = 0;
  std::uint32_t rdev_minor = 0;
  std::uint64_t inode = 0;
  std::uint64_t apparent_bytes = 0;  // st_size
  std::uint64_t blocks = 0;          // st_blocks, units of 512 bytes
  Timestamp atime;
  Timestamp mtime;
  Timestamp ctime;
  std::optional<Timestamp> btime;
  std::uint32_t directory_index = 0;  // of its directory record, in the same shard; directories only

  bool has_stat() const noexcept { return (flags & format::flag_no_stat) == 0; }
  bool is_directory() const noexcept { return (mode & 0170000) == 0040000; }
  bool is_symlink() const noexcept { return (mode & 0170000) == 0120000; }
  bool is_regular() const noexcept { return (mode & 0170000) == 0100000; }
};

/// One directory's record: a checked copy, and where it lies.
struct Directory {
  Place place;
  format::Directory record;

  bool is_root() const noexcept { return record.depth == 0; }
  Place parent() const noexcept { return {record.parent_shard, record.parent_index}; }
  Place entry() const noexcept { return {place.shard, record.entry}; }
  /// Its children were not listed by the scan's choice (excluded), so an empty listing is the truth.
  bool excluded() const noexcept {
    return record.state >= format::state_first_excluded && record.state <= format::state_last_excluded;
  }
  /// Totals of the subtree as the manifest's type.
  Totals totals() const noexcept;
};

/// Values of the two POSIX ACL attributes of a directory, as getxattr gave them.
struct Acl {
  std::string access_value;
  std::string default_value;
};

/// Whether an open snapshot is kept from being removed from its store: as long as it is open, or only while
/// it is being opened. What was opened stays readable all the same, but over a network file system.
enum class Hold { while_open, while_opening };

class Snapshot {
 public:
  /// Opens the snapshot directory at `path`, relative to `directory` (a descriptor or AT_FDCWD).
  /// std::system_error if a file cannot be opened (ENOENT for the manifest: not a snapshot), FormatError for
  /// broken rules.
  static std::shared_ptr<const Snapshot> open(int directory, const std::string& path,
                                              Hold hold = Hold::while_open);
  static std::shared_ptr<const Snapshot> open(const std::string& path);
  /// The same for a snapshot directory that is open, whose manifest has been read; it is not marked as read.
  static std::shared_ptr<const Snapshot> open(int snapshot_directory, Manifest manifest);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const Manifest& manifest() const noexcept { return manifest_; }

  /// The root's entry; its directory record is root_directory() if it is a directory.
  Entry root() const { return entry({0, 0}); }
  bool root_is_directory() const { return root().is_directory(); }
  Directory root_directory() const;

  Entry entry(Place place) const;
  Directory directory(Place place) const;

  /// FormatError F9 where the storage has failed under the entry's name or target since it was read: for who
  /// has used them, since both lie in the mapping.
  void check_readable(const Entry& entry) const;

  /// The directory record of an entry that is a directory.
  Directory directory_of(const Entry& entry) const;
  /// The parent's record (the root's parent is itself), checked against `directory`.
  Directory parent_of(const Directory& directory) const;

  /// Child `position` (0 … child_count − 1) in name order. Its name is checked against the one before it.
  Entry child(const Directory& directory, std::uint32_t position) const;
  /// Record of subdirectory `position` (0 … dir_count − 1) in name order.
  Directory subdirectory(const Directory& directory, std::uint32_t position) const;
  /// Binary search among the children.
  std::optional<Entry> find(const Directory& directory, std::string_view name) const;

  /// Entry at `path` relative to the root: components separated by `/`, empty ones and `.` ignored, `..` and
  /// symbolic links not followed. Nothing where a component is missing or is not a directory.
  std::optional<Entry> resolve(std::string_view path) const;
  /// Path of a directory relative to the root, "" for the root itself.
  std::string path_of(const Directory& directory) const;

  std::optional<Acl> acl(const Directory& directory) const;

  /// Error records of the whole snapshot, shard by shard: for shard `shard`, `error_count` of them.
  std::uint32_t shard_count() const noexcept { return static_cast<std::uint32_t>(shards_.size()); }
  std::uint64_t error_count(std::uint32_t shard) const noexcept;
  format::Error error(std::uint32_t shard, std::uint64_t index) const;
  std::uint64_t entry_count() const noexcept { return entry_count_; }

  /// Entry number (unique in the snapshot, below 2^40) and back; nothing for a number that it does not have.
  std::uint64_t number_of(Place entry) const noexcept;
  std::optional<Place> place_of(std::uint64_t entry_number) const noexcept;

  /// The raw arrays of a shard, for the full check.
  const ShardReader& shard(std::uint32_t number) const { return *shards_[number]; }

 private:
  Snapshot() = default;
  static std::shared_ptr<Snapshot> open_shards(int snapshot_directory, Manifest read);
  const ShardReader& shard_at(std::uint32_t number, const char* what) const;

  Fd mark_;  // see in_use.h
  Manifest manifest_;
  std::vector<std::unique_ptr<ShardReader>> shards_;
  std::uint64_t entry_count_ = 0;
};

}  // namespace pwalk::snapshot
