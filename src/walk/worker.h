// One thread of the walk: opens a directory, lists and stats its entries, hands them to its sink in name
// order, and queues the subdirectories.
// SPDX-License-Identifier: MIT
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/large_memory.h"
#include "walk/listing.h"
#include "walk/look_ahead.h"
#include "walk/node.h"
#include "walk/queue.h"
#include "walk/rate_limit.h"
#include "walk/seat.h"
#include "walk/walker.h"

namespace pwalk::walk {

/// Written by one worker, read by anyone: no two workers' on one cache line.
struct alignas(128) Counters {
  std::atomic<std::uint64_t> entries{0};
  std::atomic<std::uint64_t> directories{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> left_out{0};  // as in Counts
  std::atomic<unsigned> kept_handles{0};   // descriptors that its directories keep open

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
};

/// What all workers of a walk share.
struct Walker::Shared {
  Shared(const Options& chosen, MountTable& table, std::vector<Sink*> worker_sinks,
         const std::atomic<bool>& stop_flag);

  Options options;
  MountTable& mounts;
  std::vector<Sink*> sinks;
  const std::atomic<bool>& stop;
  unsigned descriptors;  // that all of them may keep
  std::atomic<unsigned> handles_per_worker{1};
  std::uint64_t root_device = 0;
  std::uint32_t effective_uid;
  Queues queues;
  std::vector<std::unique_ptr<Counters>> counters;
  std::atomic<bool> finished{false};   // the root is
  std::atomic<bool> cut_short{false};  // a directory was, because the walk was ending
  std::atomic<bool> ended{false};      // by Walker::end()
  std::atomic<bool> failed{false};     // a sink threw: failure says what
  std::mutex failure_mutex;            // failure
  std::exception_ptr failure;
  RateLimit rate_limit;
  std::vector<WorkersChange> workers_changes;  // the governor's, until the walk has ended

  unsigned started = 0;  // workers: by run(), then by the governor alone

  void share_descriptors(unsigned workers) noexcept;
  void fail(std::exception_ptr reason);
  /// No more directories are to be begun.
  bool ending() const noexcept {
    return stop.load(std::memory_order_relaxed) || failed.load(std::memory_order_relaxed) ||
           ended.load(std::memory_order_relaxed);
  }
};

class Worker {
 public:
  // Directories up to this many entries are stat'ed in the order in which they were listed, which suits a
  // disk, and sorted afterwards; larger ones are sorted first and then stat'ed in two halves of this, one
  // after the other, so that no more of them is in memory.
  static constexpr std::size_t stats_at_once = 4096;

  Worker(Walker::Shared& shared, unsigned number);

  /// Reads the root and then works until the walk ends.
  void run_from_root(Fd root, const struct statx& stat, Token token);
  void run();
  /// Of a worker whose seat was seized: lets go, without waiting for anybody, of what others may be waiting
  /// for, which is what it helped with; and whoever helps it is not to go on.
  void let_go() noexcept;
  /// Whether those who helped it have noticed.
  bool is_alone() const noexcept;
  /// Writes down what this worker had in hand when its seat was seized; nobody goes on. Waits for who helps.
  void leave_behind();
  Seat& seat() noexcept { return seat_; }

 private:
  /// What the task in hand has come to: where to go on when a call never answers.
  enum class Stage { idle, opening, opened, listing, looking, handing_over, helping };
  static constexpr unsigned raced_tries = 16;    // to see what a name is that keeps changing
  static constexpr StatError not_answered = -1;  // as an error of a name: nobody has looked at it (yet)

  struct Opened {
    Fd descriptor;
    Identity identity;
    bool verified = false;
    Outcome outcome;  // listed whole: go on; anything else: do not
  };

  void work(Task task);
  void visit(Task task);
  void read_directory(Task task, std::uint32_t depth, Token token);
  bool is_as_listed() const noexcept;
  void take_listing(int error);
  void look_ahead();
  void hand_over_listing();
  void end_directory(bool room);
  void cut_short() noexcept;
  void conclude();
  void give_back_memory() noexcept;
  struct statx* stats() const noexcept {
    return static_cast<struct statx*>(stats_.data());
  }
  bool hand_over_rest();
  void read_acl(int descriptor);
  void read_value(int descriptor, const char* name, std::string& value, int& error);
  const char* keep(const char* name) noexcept;
  bool is_removed(int descriptor) noexcept;
  int look_at(int directory, const char* name, struct statx& stat, int sync = 0) noexcept;
  void stat_names(const StatWork& work);
  void stat_portion(const StatWork& work, std::uint32_t begin, std::uint32_t end) noexcept;
  bool stat_one(const StatWork& work, std::uint32_t at, std::uint32_t end) noexcept;
  bool ends_before(std::uint32_t rest) noexcept;
  bool ends_now() noexcept;
  bool look_ahead_at(const StatWork& work, std::uint32_t at) noexcept;
  void stat_portions(SharedStats& shared) noexcept;
  void share_rest(const StatWork& work, std::uint32_t begin, std::chrono::nanoseconds each);
  void help(SharedStats& shared) noexcept;
  class Offer;
  bool hand_over(int descriptor);
  bool hand_over_in_parts(int descriptor);
  StatWork part_from(int descriptor, std::size_t begin) noexcept;
  bool hand_over_names(int descriptor, std::size_t end, const struct statx* stats, const StatError* errors,
                       bool by_order);
  bool hand_over_one(int descriptor, const Listed64& listed, const struct statx* stat, int error,
                     unsigned tries_left = raced_tries);
  void note_subdirectory(const Child& child, Token token);
  NotEntered classify(const struct statx& stat, bool other_mount);
  NotEntered judge(const Child& child);
  void find_path(Task task);
  void keep_path(Token directory);
  bool is_cache(int descriptor);
  bool is_same_directory(int descriptor, const Identity& opened, const Identity& expected) noexcept;
  bool repeats_ancestor(const Identity& identity, bool other_mount) const noexcept;
  const char* read_target(int descriptor, const char* name, std::uint64_t expected_bytes, int& error);

  Opened open_pending(Task task);
  bool verified_by_listing(Task task) const noexcept;
  void verify(Task task, Opened& opened);
  std::shared_ptr<Handle> handle_of(Node* node);
  std::shared_ptr<Handle> reopen(Node* node);
  void opened_one_of(Node* node);
  std::shared_ptr<Handle> climb_to(const Node& node);
  std::shared_ptr<Handle> borrow(Node& node);
  int open_once(int parent, const char* name, int flags) noexcept;
  int open_with_patience(int parent, const char* name, int flags) noexcept;
  int open_directory(int parent, const char* name, bool foreign_owner) noexcept;

  void complete(Token token, Node* parent);
  void report_unlisted(Token token, const Outcome& outcome);

  Walker::Shared& shared_;
  unsigned number_;
  Sink& sink_;
  Counters& counters_;
  Seat seat_;
  struct statx answer_ {};     // of a call that is watched
  struct statx looked_at_ {};  // to be packed, or unpacked
  char kept_[PATH_MAX];        // the name that it is given

  Task in_hand_;            // the next task, if the directory just read had subdirectories
  bool cut_short_ = false;  // of the directory in hand not all names were looked at: the walk is ending
  std::chrono::steady_clock::time_point ends_at_;  // once the walk was seen ending, what takes long is left
  bool completing_ = false;  // the task's directory is handed over: its parent may be gone
  Listing listing_;
  LookAhead ahead_;
  LargeMemory stats_;  // stats_at_once of them; untouched pages cost nothing
  std::vector<StatError> stat_errors_;
  std::vector<char> target_;
  std::string acl_names_;
  std::string access_acl_;
  std::string default_acl_;

  // Of the task in hand.
  Stage stage_ = Stage::idle;
  Task task_;
  Token token_ = 0;
  Opened opened_;
  Outcome outcome_;
  SharedStats* helped_ = nullptr;   // another's, while helping
  SharedStats* offered_ = nullptr;  // of what is being looked at, the part that others may help with
  std::size_t begun_ = 0;           // names before this one are being looked at, or were
  std::size_t handed_over_ = 0;     // names before this one were
  bool gave_up_ = false;            // a call never answered, so some names were not looked at

  struct {
    std::shared_ptr<Handle> handle;
    Identity identity;
    std::uint32_t depth = 0;
  } last_;  // the directory below which something was opened last

  // Of the directory being read.
  Node* parent_ = nullptr;
  Node* crossing_ = nullptr;  // as Node's
  Identity identity_;
  std::uint32_t depth_ = 0;

  // Only where a filter asks for paths: how far that of the directory `path_of_` has come in it, and those of
  // the directories that it lies in, from the root on.
  Token path_of_ = 0;
  std::vector<std::uint64_t> path_words_;
  std::vector<Token> above_;
  std::vector<std::uint64_t> above_words_;  // those of above_, one after the other
  std::vector<Pending> pending_;
  std::string pending_names_;
  std::vector<std::pair<std::uint32_t, Identity>> other_mounts_;
};

}  // namespace pwalk::walk
