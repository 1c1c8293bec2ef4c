// The parallel walk: lists every directory below a root, stats every entry, and hands each directory to the
// sink of the worker that read it, sorted by name. It knows nothing of what becomes of it.
//
// Directories are opened relative to their parent's descriptor, never by path, and never through a symbolic
// link. An entry that fails is data (an errno), not an exception; exceptions come from sinks and end the
// walk.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/found_entry.h"
#include "walk/mount_table.h"
#include "walk/stat_entry.h"

namespace pwalk::walk {

class Filter;
class Worker;

/// Why a directory is not entered although it could be.
enum class NotEntered {
  none,
  pattern,
  pattern_file,
  other_file_system,
  kernel_file_system,
  own_output,
  pwalk_mount,
  cache_directory,
  snapshot_directory,
  depth,
  loop
};

/// How the listing of a directory ended.
/// `not_reached`: the walk ended before it came to it.
enum class Listed { whole, failed, partial, vanished, not_entered, not_reached };

/// The call that failed.
enum class Call { none, openat, getdents64 };

/// What the sink answers for a directory: its name for it in later calls.
using Token = std::uint64_t;

/// One child of a directory.
struct Child : FoundEntry {
  NotEntered not_entered = NotEntered::none;
  bool mount_point = false;
  bool is_directory = false;
};

/// How a directory's listing ended, and what its descriptor told.
struct Outcome {
  Listed listed = Listed::whole;
  NotEntered not_entered = NotEntered::none;
  int error = 0;
  Call call = Call::none;  // none: not an error
  std::string_view access_acl;
  std::string_view default_acl;
  bool rich_acl = false;
  int acl_error = 0;
  bool acl_skipped = false;  // nobody looked
};

/// One worker's consumer. All calls come from that worker's thread; a token may have been given by another
/// worker's sink, and then its call happens before.
class Sink {
 public:
  virtual ~Sink() = default;
  /// The children of `directory` follow: at most `entries`, with names of `names_bytes` in total (terminators
  /// included) and `links` symbolic links. False: they do not fit, and the directory fails with EOVERFLOW.
  virtual bool begin(Token directory, std::uint64_t entries, std::uint64_t names_bytes,
                     std::uint64_t links) = 0;
  /// The next child, in order of names (memcmp), each name once. For a directory sets `token`. False: it does
  /// not fit; the directory ends as partial with EOVERFLOW.
  virtual bool add(const Child& child, Token& token) = 0;
  virtual void end(const Outcome& outcome) = 0;
  /// Instead of begin, add and end: nothing of the directory could be listed.
  virtual void not_listed(Token directory, const Outcome& outcome) = 0;
  /// All that lies below `directory` has been handed over and finished.
  virtual void finish(Token directory) = 0;
  /// An entry was gone when it was looked at; a name was listed twice.
  virtual void vanished() = 0;
  virtual void duplicate() = 0;
  /// An entry that is no directory was left out by a filter.
  virtual void excluded() = 0;
};

/// The most workers for which the process may have descriptors, after raising its limit as far as allowed:
/// each needs two at the least, for the directory that it reads and for what is written.
unsigned workers_possible();

struct Options {
  unsigned workers = 1;
  /// More than `workers`: their number follows what the file system does, between the two. `workers` is then
  /// the number of processors that the walk may use.
  unsigned workers_max = 0;
  bool one_file_system = false;
  const Filter* filter = nullptr;  // what is left out; nullptr: nothing
  bool acls = true;                // directories' ACLs are read
  bool exclude_caches = false;     // directories with a CACHEDIR.TAG are not listed
  /// Directories so many levels below the root are not entered (0: the root itself is not).
  std::uint32_t depth_max = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t rate = 0;  // entries a second that are looked at, over all workers; 0: as many as can be
  int stat_sync = 0;       // AT_STATX_SYNC_AS_STAT, AT_STATX_DONT_SYNC or AT_STATX_FORCE_SYNC
  /// Seconds after which a call that has not answered is given up together with the rest of its directory and
  /// the thread that made it; 0: never. A process with such a thread may be unable to exit.
  double patience_seconds = 0;
  /// A directory that is not entered: the scan's own output.
  std::uint64_t output_device = 0;  // makedev's number
  std::uint64_t output_inode = 0;
  /// Descriptors that the walk may keep open; 0: RLIMIT_NOFILE less a reserve.
  unsigned descriptors = 0;
};

/// What workers count while they run: read at any time, exact when the walk has ended.
struct Counts {
  std::uint64_t entries = 0;   // looked at
  std::uint64_t left_out = 0;  // of them: vanished, excluded, listed twice
  std::uint64_t directories = 0;
  std::uint64_t errors = 0;
};

class Walker {
 public:
  /// `sinks`: one for each worker that there may be. `stop` ends the walk soon after it becomes true.
  Walker(Options options, MountTable& mounts, std::vector<Sink*> sinks, const std::atomic<bool>& stop);
  ~Walker();

  /// Walks the directory open as `root`, whose statx is `stat` and whose token is `token`. True when all of
  /// it was walked, false when stopped. Rethrows the first exception of a sink.
  bool run(Fd root, const struct statx& stat, Token token);

  Counts counts() const noexcept;

  /// Ends the walk soon, as `stop` does. Any thread.
  void end() noexcept;
  /// After run() has returned false: hands what was not reached over as such, to the first sink, and finishes
  /// every directory above it. The tree is then whole, if not complete.
  void settle();

  /// Threads that were given up in a call that never answered: they stay, and what they use stays with them.
  unsigned abandoned() const noexcept { return abandoned_; }

  /// How the number of workers changed, the first being what it started with. After run().
  struct WorkersChange {
    double seconds;  // since the start
    unsigned workers;
  };
  const std::vector<WorkersChange>& workers_changes() const noexcept;

 private:
  friend class Worker;
  struct Shared;
  template <class Unread, class Finished>
  void unwind(Unread unread, Finished finished);
  struct Crew;
  void govern() noexcept;
  void adjust_workers();
  void start_worker();
  template <class Task>
  void enlist(unsigned number, Task task);
  void watch();
  bool replace(unsigned number, Worker* stuck);
  template <class Task>
  static void work(Shared& shared, unsigned number, Task task);
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Crew> crew_;
  unsigned abandoned_ = 0;
};

}  // namespace pwalk::walk
