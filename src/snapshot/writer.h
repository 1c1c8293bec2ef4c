// Writing a snapshot: SnapshotWriter holds what all workers share, WorkerWriter is one worker's pen. A worker
// writes each directory that it reads as one block, in name order, into its own shard, and allots the records
// of the subdirectories; whoever finishes the last subdirectory of a directory sums the children up.
//
// A directory record has one writer at a time: the reader of its parent allots it, its own reader fills it,
// the finisher of its last subdirectory completes it. Handing over (the walk's queue and completion counts)
// orders them.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/found_entry.h"
#include "base/stop.h"
#include "snapshot/derive.h"
#include "snapshot/links.h"
#include "snapshot/owner_sums.h"
#include "snapshot/shard_writer.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot {

/// What the writer is told of an entry besides what the walk found.
struct EntryNotes {
  std::uint32_t device_index = 0;     // with a stat
  std::uint16_t unread_state = 0;     // directories that will not be read: format::state_…
  std::uint16_t directory_flags = 0;  // format::directory_mount_point
};
/// Both in one.
struct EntryInput : FoundEntry, EntryNotes {};

/// How the listing of a directory ended.
struct ListingOutcome {
  std::uint16_t state = format::state_read;
  int error = 0;                // errno of state failed, partial or vanished
  std::uint16_t call = 0;       // format::call_… that failed; 0: not an error (vanished)
  std::string_view access_acl;  // values of the POSIX ACL attributes
  std::string_view default_acl;
  bool rich_acl = false;
  int acl_error = 0;         // the ACL could not be read
  bool acl_skipped = false;  // nobody looked for one
};

/// Bounds that tests make small.
struct WriterLimits {
  std::uint64_t names_bytes = format::names_limit;
  std::uint64_t records = format::records_limit;
  std::size_t link_notes = 65536;
};

class SnapshotWriter;

class WorkerWriter {
 public:
  explicit WorkerWriter(SnapshotWriter& writer);

  /// Writes the root's entry, and its record if it is a directory. Once, by the first worker, before all
  /// else.
  void add_root(const FoundEntry& root, const EntryNotes& notes);
  void add_root(const EntryInput& root) { add_root(root, root); }

  /// Starts the block of `directory`, of at most `entries` with `names_bytes` of names (terminators
  /// included); `targets_bytes` is a guess at what the targets of symbolic links add. False, and nothing
  /// started, where one shard cannot hold the names.
  bool begin(Place directory, std::uint64_t entries, std::uint64_t names_bytes, std::uint64_t targets_bytes);
  /// Whether the shard has room for one more child: only targets longer than guessed can fill it up.
  bool has_room(const FoundEntry& child) const noexcept {
    return shard_->records(format::array_names) + child.name.size() + child.target.size() + 2 <=
           names_bytes_max_;
  }
  /// Adds the next child, in name order. For a directory, the place of its record.
  Place add(const FoundEntry& child, const EntryNotes& notes);
  Place add(const EntryInput& child) { return add(child, child); }
  /// Ends the block. Afterwards the directory is complete but for its subdirectories.
  void end(const ListingOutcome& outcome);
  /// For a directory that was not listed at all: sets state and error, and no block.
  void not_listed(Place directory, const ListingOutcome& outcome);
  /// All subdirectories of `directory` are finished: sums them up.
  void finish(Place directory);

  void count_vanished() noexcept { ++vanished_; }
  void count_duplicate() noexcept { ++duplicates_; }
  void count_excluded() noexcept { ++excluded_; }

 private:
  friend class SnapshotWriter;

  std::uint32_t append_entry(const FoundEntry& found, std::uint32_t device_index,
                             std::uint32_t directory_index);
  Place allot(const FoundEntry& found, const EntryNotes& notes, Place parent, std::uint32_t depth,
              std::uint32_t entry);
  void note_error(Place entry, std::uint16_t call, int error);
  void note_stat(const struct statx& stat, std::uint32_t device_index, Place directory);
  void record_outcome(Place directory, const ListingOutcome& outcome);
  void new_shard();

  SnapshotWriter& writer_;
  std::uint64_t names_bytes_max_;  // of a shard
  ShardWriter* shard_ = nullptr;
  Place directory_{};        // whose block is being written
  std::uint32_t depth_ = 0;  // of that directory
  Totals own_;               // its children that are no directories, and their errors
  std::uint32_t child_first_ = 0;
  std::uint32_t dir_first_ = 0;
  EntryFacts facts_;
  BlockHasher block_hasher_;
  FingerprintHasher fingerprint_hasher_;
  LinkNotes* notes_ = nullptr;

  std::uint64_t vanished_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t excluded_ = 0;
  std::map<std::pair<std::uint16_t, int>, std::uint64_t> errors_;
  std::map<std::uint16_t, std::uint64_t> unread_;
  struct InodeRange {
    std::uint64_t min = ~std::uint64_t{0};
    std::uint64_t max = 0;
  };
  std::vector<InodeRange> inode_ranges_;  // by device index
  OwnerSums owners_;
};

class SnapshotWriter {
 public:
  /// Writes into `directory`, the partial snapshot's (borrowed).
  SnapshotWriter(int directory, const std::array<std::uint8_t, 16>& uuid, const WriterLimits& limits = {});
  ~SnapshotWriter();

  /// A pen for one more worker; lives as long as the writer.
  WorkerWriter& add_worker();

  /// Index of a device in the table, added if it is new. Any thread.
  std::uint32_t device_index(std::uint32_t major, std::uint32_t minor, const std::string& type);

  /// After all workers have stopped: hard links, hashes, files forced to the storage by `threads` threads,
  /// and the manifest, written last. `manifest` comes with what only the caller knows (origin, options,
  /// mounts). Returns it completed. Throws Stopped soon after `stop` has become true.
  Manifest finish(Manifest manifest, unsigned threads, const std::atomic<bool>& stop = never_stopped);

  std::uint32_t shard_count() const noexcept { return shard_count_.load(std::memory_order_acquire); }

 private:
  friend class WorkerWriter;
  class Records;

  ShardWriter& new_shard();
  ShardWriter& shard(std::uint32_t number) const noexcept { return *shards_[number]; }
  format::Directory& record(Place place) const noexcept { return shard(place.shard).directory(place.index); }
  template <class Finish>
  static void in_parallel(std::uint32_t count, unsigned threads, Finish finish);
  void finish_shards(Manifest& manifest, unsigned threads, const std::atomic<bool>& stop);
  void gather_counts(Manifest& manifest, const OwnerExcess& excess);

  int directory_;
  std::array<std::uint8_t, 16> uuid_;
  WriterLimits limits_;
  std::mutex shards_mutex_;  // new_shard
  std::atomic<std::uint32_t> shard_count_{0};
  // A fixed table, so that other threads may read an element that they were told of while it grows.
  std::unique_ptr<std::unique_ptr<ShardWriter>[]> shards_;
  std::mutex devices_mutex_;  // devices_
  std::vector<Device> devices_;
  std::vector<std::unique_ptr<WorkerWriter>> workers_;
  std::vector<std::unique_ptr<LinkNotes>> notes_;
  bool root_is_directory_ = false;
  Totals root_totals_;  // of a root that is no directory
};

}  // namespace pwalk::snapshot
