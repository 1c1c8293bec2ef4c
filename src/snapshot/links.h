// Hard links. Each worker notes the entries whose inode has several names; after the walk the notes of all
// workers are merged in order of (device, inode), and each inode met more than once adds to the excess of
// every directory that contains several of its names. Notes beyond a bound go to the storage in sorted runs.
//
// The excess of a directory is not the sum of its subdirectories': names in two subdirectories meet in their
// common ancestor. So for each inode only the differences are noted, where its names meet, and one pass from
// the leaves to the root turns differences into sums.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "base/stop.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot {

/// One entry of an inode with several links.
struct LinkNote {
  std::uint32_t device_index;
  std::uint32_t directory_shard;  // the directory that it is in
  std::uint64_t inode;
  std::uint32_t directory_index;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t reserved;
  std::uint64_t apparent_bytes;
  std::uint64_t disk_bytes;
};
static_assert(sizeof(LinkNote) == 48);

/// How the files begin that notes go to; they lose their names at once.
inline constexpr char link_notes_prefix[] = ".links.";

/// One worker's notes.
class LinkNotes {
 public:
  /// Runs go to a nameless file in `directory`; at most `notes_limit` notes are kept in memory.
  LinkNotes(int directory, std::size_t notes_limit);
  void add(const LinkNote& note);

 private:
  friend class LinkMerge;
  struct Run {
    std::uint64_t offset;  // in bytes
    std::uint64_t notes;
  };
  void spill();

  int directory_;
  std::size_t notes_limit_;
  std::vector<LinkNote> notes_;
  Fd file_;
  std::uint64_t file_bytes_ = 0;
  std::vector<Run> runs_;
};

/// Access to the directory records of all shards, for the one thread that runs after the walk. They stay
/// where they are.
class DirectoryRecords {
 public:
  virtual ~DirectoryRecords() = default;
  virtual format::Directory& record(Place place) = 0;
};

/// What the links of the whole snapshot add to each owner's sums.
struct OwnerExcess {
  std::map<std::uint32_t, OwnerTotals> by_uid;
  std::map<std::uint32_t, OwnerTotals> by_gid;
};

/// Fills excess_inodes, excess_apparent and excess_disk of every directory record (zero before). `notes` are
/// used up. Throws Stopped soon after `stop` has become true.
OwnerExcess apply_links(std::vector<std::unique_ptr<LinkNotes>>& notes, DirectoryRecords& records,
                        const std::atomic<bool>& stop = never_stopped);

}  // namespace pwalk::snapshot
