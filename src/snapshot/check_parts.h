// Inside the full check: the collector of problems, the loop over work items, and the passes. Used by
// check*.cc alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "snapshot/check.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot::check {

/// Collects broken rules from any number of threads; each (file, place, rule) once.
class Problems {
 public:
  explicit Problems(std::uint64_t limit) : limit_(limit) {}

  void add(const FormatError& error) { add(error, true); }
  void add(std::string_view file, std::string_view place, const char* rule, std::string_view detail) {
    add(FormatError(file, place, rule, detail));
  }
  /// A value that was recomputed and differs: what lies around it can still be checked.
  void add_derived(std::string_view file, std::string_view place, const char* rule, std::string_view detail) {
    add(FormatError(file, place, rule, detail), false);
  }
  bool none() const noexcept { return found_.load(std::memory_order_relaxed) == 0; }
  /// Something other than a derived value is wrong.
  bool structural() const noexcept { return structural_.load(std::memory_order_relaxed); }
  /// Enough was found: passes end.
  bool full() const noexcept { return full_.load(std::memory_order_relaxed); }
  /// All that was found, sorted.
  std::vector<Problem> take();

 private:
  void add(const FormatError& error, bool structural);

  // A storage that fails for good reports the same rule for every record.
  static constexpr std::uint64_t repetition_limit = 100'000;

  const std::uint64_t limit_;
  std::mutex mutex_;  // protects problems_ and reported_
  std::map<std::tuple<std::string, std::string, std::string>, std::string> problems_;
  std::uint64_t reported_ = 0;
  std::atomic<std::uint64_t> found_{0};
  std::atomic<bool> structural_{false};
  std::atomic<bool> full_{false};
};

/// Does something with an item.
using Worker = std::function<void(std::uint64_t)>;

/// Calls `worker(item)` for each item 0 … items − 1, each worker made by `make_worker` for one thread and so
/// free to keep buffers. Broken rules go to `problems`; any other exception ends the loop and is thrown again
/// here.
void for_each_item(unsigned threads, std::uint64_t items, Problems& problems,
                   const std::function<Worker()>& make_worker);

/// One bit for each record of an array of each shard.
class Marks {
 public:
  Marks(const Snapshot& snapshot, std::uint32_t array);
  /// Sets a bit; false where it was set already.
  bool set(Place place) noexcept {
    std::uint64_t bit = std::uint64_t{1} << (place.index % 64);
    return (words_[place.shard][place.index / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }
  bool get(Place place) const noexcept {
    return (words_[place.shard][place.index / 64].load(std::memory_order_relaxed) >> (place.index % 64) &
            1) != 0;
  }

 private:
  std::vector<std::vector<std::atomic<std::uint64_t>>> words_;
};

/// One entry that is a hard link: a non-directory with a stat and nlink > 1.
struct Link {
  std::uint64_t inode;
  std::uint64_t apparent_bytes;
  std::uint64_t disk_bytes;
  std::uint32_t device_index;
  std::uint32_t uid;
  std::uint32_t gid;
  Place directory;
};

/// What further entries of the same inode add to sums.
struct Excess {
  std::uint64_t inodes = 0;
  std::uint64_t apparent = 0;
  std::uint64_t disk = 0;
  bool operator==(const Excess&) const = default;
  Excess& operator+=(const Excess& other) noexcept {
    inodes += other.inodes;
    apparent += other.apparent;
    disk += other.disk;
    return *this;
  }
  Excess& operator-=(const Excess& other) noexcept {
    inodes -= other.inodes;
    apparent -= other.apparent;
    disk -= other.disk;
    return *this;
  }
};

/// The manifest's sums, recomputed.
struct Sums {
  std::map<std::uint32_t, OwnerTotals> by_uid;
  std::map<std::uint32_t, OwnerTotals> by_gid;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> inodes;  // smallest and largest of each device
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint64_t> errors;  // by call and errno
  std::map<std::uint16_t, std::uint64_t> unread;                            // directories by state
  std::vector<std::uint64_t> error_entries;  // entry number of each error record, sorted
};

/// What all passes share. A pass leaves what its comment in the .cc says.
struct Context {
  const Snapshot& snapshot;
  Problems& problems;
  unsigned threads;
  Sums sums{};
  std::vector<Link> links{};
  std::vector<std::vector<bool>> acl_starts{};  // by shard and unit
};

std::string record_text(std::uint64_t index);

/// The first field in which totals differ, as "field is A but its entries give B"; empty where they are
/// equal.
std::string totals_difference(const Totals& recorded, const Totals& found);

/// check_files.cc: the directory's files and every byte in them (M8, F1–F9).
void check_files(int snapshot_directory, const Manifest& manifest, unsigned threads, Problems& problems);
/// check_entries.cc: errors, ACLs, then entries with what they name (R, D6, A, E, N).
void check_errors(Context& context);
void check_acls(Context& context);
void check_entries(Context& context);
/// check_tree.cc: directory records, children, own derived values (D, E, N5, T1, T3, T4).
void check_tree(Context& context);
/// check_links.cc: hard-link excess of every directory and owner (T2). Sorts and frees the links.
void check_links(Context& context);

}  // namespace pwalk::snapshot::check
