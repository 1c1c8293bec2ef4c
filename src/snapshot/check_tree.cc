// Directory records for the full check, in any order and by several threads: each one with its entry,
// its children and its subdirectories' records. Nothing is followed through the tree: where every
// directory's children name it as their parent, one level deeper, and every entry and record is
// claimed exactly once, there is one tree with all of them; and totals that are right in every step
// from the children are right as a whole.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>

#include "snapshot/check_parts.h"
#include "snapshot/derive.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot::check {

namespace {

EntryFacts facts_of(const Entry& entry) noexcept {
  EntryFacts facts;
  facts.has_stat = entry.has_stat();
  facts.mode = entry.mode;
  facts.uid = entry.uid;
  facts.gid = entry.gid;
  facts.nlink = entry.nlink;
  facts.rdev = std::uint64_t{entry.rdev_major} << 32 | entry.rdev_minor;
  facts.inode = entry.inode;
  facts.apparent_bytes = entry.apparent_bytes;
  facts.blocks = entry.blocks;
  facts.mtime = entry.mtime;
  facts.ctime = entry.ctime;
  return facts;
}

/// Errors of the entries with numbers first … first + count − 1.
std::uint64_t errors_of(const std::vector<std::uint64_t>& error_entries, std::uint64_t first,
                        std::uint64_t count) {
  auto begin = std::lower_bound(error_entries.begin(), error_entries.end(), first);
  return static_cast<std::uint64_t>(std::lower_bound(begin, error_entries.end(), first + count) - begin);
}

/// Which entries and records some directory has claimed as its own.
struct Claims {
  explicit Claims(const Snapshot& snapshot)
      : entries(snapshot, format::array_entries), directories(snapshot, format::array_directories) {}
  Marks entries;
  Marks directories;
};

/// Checks directory records one after another; each thread has one of these with its buffers.
class DirectoryPass {
 public:
  DirectoryPass(Context& context, Claims& claims)
      : context_(context), snapshot_(context.snapshot), claims_(claims) {}

  void check(Place place);

  // What this thread has found.
  std::vector<Link> links;
  std::map<std::uint16_t, std::uint64_t> unread;

 private:
  [[noreturn]] void broken(const char* rule, const std::string& detail) const {
    throw FormatError(snapshot_.shard(at_.place.shard).file_name(format::array_directories),
                      record_text(at_.place.index), rule, detail);
  }
  [[noreturn]] void broken_child(Place child, const char* rule, const char* detail) const {
    throw FormatError(snapshot_.shard(child.shard).file_name(format::array_entries), record_text(child.index),
                      rule, detail);
  }
  void check_self();
  void check_state() const;
  void start();
  void check_child(const Entry& child, std::uint32_t position);
  void take_child(const Entry& child);
  void take_subdirectory(const Entry& child);
  void finish();

  Context& context_;
  const Snapshot& snapshot_;
  Claims& claims_;

  // The directory at hand and what its children have added up to.
  Directory at_{};
  Entry self_{};
  DirectoryOwner owner_{};
  std::string_view name_before_;
  std::uint32_t subdirectories_ = 0;
  Totals totals_{};
  std::uint16_t access_ = 0;
  BlockHasher block_;
  std::vector<Hash128> fingerprints_;
};

void DirectoryPass::check(Place place) {
  at_ = snapshot_.directory(place);
  check_self();
  check_state();
  start();
  for (std::uint32_t position = 0; position < at_.record.child_count; ++position) {
    Entry child = snapshot_.entry({at_.record.child_shard, at_.record.child_first + position});
    check_child(child, position);
    take_child(child);
  }
  if (subdirectories_ != at_.record.dir_count)
    broken(rule::directory_subdirectories, "has " + std::to_string(at_.record.dir_count) +
                                               " subdirectories but " + std::to_string(subdirectories_) +
                                               " children that are directories");
  finish();
}

/// The record and its entry name each other (E2); the root's are the first ones (E4).
void DirectoryPass::check_self() {
  bool is_root = at_.place == Place{0, 0};
  if (is_root && (at_.record.entry != 0 || at_.parent() != at_.place))
    broken(rule::entry_root, "is not the root's");
  self_ = snapshot_.entry(at_.entry());
  if (!self_.is_directory() || self_.directory_index != at_.place.index)
    broken(rule::entry_directory, "entry " + std::to_string(at_.record.entry) + " does not name it");
}

void DirectoryPass::check_state() const {
  std::uint16_t state = at_.record.state;
  bool needs_error = state == format::state_failed || state == format::state_partial;
  bool forbids_error = state == format::state_read || at_.excluded();
  if ((needs_error && at_.record.error == 0) || (forbids_error && at_.record.error != 0))
    broken(rule::directory_state, "state " + std::string(state_name(state)) + " does not go with errno " +
                                      std::to_string(at_.record.error));
  std::uint32_t acl = at_.record.acl;
  if (at_.record.child_count == 0 && at_.record.child_first != 0)
    broken(rule::directory_children, "has no children but a first one");
  if (at_.record.dir_count == 0 && at_.record.dir_first != 0)
    broken(rule::directory_subdirectories, "has no subdirectories but a first one");
  if (acl != format::no_acl && !context_.acl_starts[at_.record.child_shard][acl])
    broken(rule::directory_acl, "its ACL does not start where an ACL starts");
}

void DirectoryPass::start() {
  owner_ = {self_.mode, self_.uid, self_.gid};
  name_before_ = {};
  subdirectories_ = 0;
  totals_ = {};
  add_entry(totals_, facts_of(self_));
  totals_.errors = errors_of(context_.sums.error_entries, snapshot_.number_of(self_.place), 1);
  access_ = own_access(owner_, at_.record);
  block_.start();
  fingerprints_.clear();
}

/// Its place in the order, and that no other directory has it (N5, E4, E5).
void DirectoryPass::check_child(const Entry& child, std::uint32_t position) {
  if (child.place == Place{0, 0}) broken_child(child.place, rule::entry_root, "the root is a child");
  if (position > 0 && !(name_before_ < child.name))
    broken_child(child.place, rule::names_sorted, "the name does not follow the one before");
  name_before_ = child.name;
  if (!claims_.entries.set(child.place))
    broken_child(child.place, rule::entry_parent, "is the child of several directories");
}

void DirectoryPass::take_child(const Entry& child) {
  EntryFacts facts = facts_of(child);
  block_.add(child.name, child.target, facts);
  if (child.is_directory()) {
    take_subdirectory(child);
    return;
  }
  add_entry(totals_, facts);
  totals_.errors += errors_of(context_.sums.error_entries, snapshot_.number_of(child.place), 1);
  if (child.has_stat() && child.nlink > 1)
    links.push_back({child.inode, child.apparent_bytes, child.blocks * 512, child.device_index, child.uid,
                     child.gid, at_.place});
}

/// The k-th child that is a directory has the k-th of the contiguous records (D4, D5, E2).
void DirectoryPass::take_subdirectory(const Entry& child) {
  std::uint32_t expected = at_.record.dir_first + subdirectories_;
  if (subdirectories_ == at_.record.dir_count || child.directory_index != expected)
    broken_child(child.place, rule::directory_subdirectories,
                 "its directory record is not the next one of its parent's");
  ++subdirectories_;
  Directory below = snapshot_.directory({child.place.shard, expected});
  auto wrong = [&](const char* rule, const char* detail) {
    throw FormatError(snapshot_.shard(below.place.shard).file_name(format::array_directories),
                      record_text(below.place.index), rule, detail);
  };
  if (below.record.entry != child.place.index) wrong(rule::entry_directory, "does not name its entry");
  if (below.parent() != at_.place) wrong(rule::directory_parent, "names another parent");
  if (below.record.depth != at_.record.depth + 1)
    wrong(rule::directory_parent, "is not one level below its parent");
  if (!claims_.directories.set(below.place))
    wrong(rule::directory_parent, "is the subdirectory of several directories");
  add_subtree(totals_, below.totals());
  access_ = fold_access(access_, owner_, below.record.access, {child.mode, child.uid, child.gid});
  Hash128& fingerprint = fingerprints_.emplace_back();
  std::memcpy(fingerprint.data(), below.record.fingerprint, sizeof below.record.fingerprint);
}

/// What was recorded is what the children add up to (T1, T3, T4; the excess follows in check_links).
void DirectoryPass::finish() {
  if (at_.record.state != format::state_read) ++unread[at_.record.state];
  auto wrong = [&](const char* rule, const std::string& detail) {
    context_.problems.add_derived(snapshot_.shard(at_.place.shard).file_name(format::array_directories),
                                  record_text(at_.place.index), rule, detail);
  };
  Totals recorded = at_.totals();
  totals_.excess_inodes = recorded.excess_inodes;
  totals_.excess_apparent = recorded.excess_apparent;
  totals_.excess_disk = recorded.excess_disk;
  if (std::string difference = totals_difference(recorded, totals_); !difference.empty())
    wrong(rule::totals, difference);
  if (at_.record.access != access_)
    wrong(rule::totals_access, "access is " + std::to_string(at_.record.access) + " but the tree gives " +
                                   std::to_string(access_));
  FingerprintHasher hasher;
  hasher.start(block_.finish(), at_.record.state, at_.record.error);
  for (const Hash128& fingerprint : fingerprints_) {
    std::uint8_t bytes[16];
    std::memcpy(bytes, fingerprint.data(), sizeof bytes);
    hasher.add(bytes);
  }
  Hash128 found = hasher.finish();
  if (std::memcmp(found.data(), at_.record.fingerprint, sizeof at_.record.fingerprint) != 0)
    wrong(rule::totals_fingerprint, "the fingerprint is not that of its subtree");
}

/// Every entry and every record but the root's has been claimed (E5, D5).
void check_claimed(const Snapshot& snapshot, const Claims& claims, Problems& problems) {
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard) {
    const ShardReader& reader = snapshot.shard(shard);
    auto look = [&](std::uint32_t array, const Marks& marks, const char* rule, const char* detail) {
      for (std::uint64_t index = shard == 0 ? 1 : 0; index < reader.records(array) && !problems.full();
           ++index)
        if (!marks.get({shard, static_cast<std::uint32_t>(index)}))
          problems.add(reader.file_name(array), record_text(index), rule, detail);
    };
    look(format::array_entries, claims.entries, rule::entry_parent, "is the child of no directory");
    look(format::array_directories, claims.directories, rule::directory_parent,
         "is the subdirectory of no directory");
  }
}

/// The first record of each shard among all directory records, and their number at the end.
std::vector<std::uint64_t> first_directories(const Snapshot& snapshot) {
  std::vector<std::uint64_t> first{0};
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    first.push_back(first.back() + snapshot.shard(shard).records(format::array_directories));
  return first;
}

}  // namespace

/// Leaves the links and the counts by state.
void check_tree(Context& context) {
  const Snapshot& snapshot = context.snapshot;
  Claims claims(snapshot);
  std::mutex passes_mutex;  // protects passes while they are made
  std::deque<DirectoryPass> passes;
  std::vector<std::uint64_t> first = first_directories(snapshot);
  for_each_item(context.threads, first.back(), context.problems, [&] {
    std::lock_guard lock(passes_mutex);
    DirectoryPass* pass = &passes.emplace_back(context, claims);
    return [pass, &first](std::uint64_t item) {
      auto shard =
          static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), item) - first.begin()) - 1;
      pass->check({static_cast<std::uint32_t>(shard), static_cast<std::uint32_t>(item - first[shard])});
    };
  });
  Entry root = snapshot.root();
  if (root.is_directory() && root.directory_index != 0)
    context.problems.add(snapshot.shard(0).file_name(format::array_entries), record_text(0), rule::entry_root,
                         "the root's directory record is not the first");
  // Whatever a broken directory left unclaimed is its children, not a second finding.
  if (!context.problems.structural()) check_claimed(snapshot, claims, context.problems);
  for (DirectoryPass& pass : passes) {
    context.links.insert(context.links.end(), pass.links.begin(), pass.links.end());
    pass.links = {};
    for (const auto& [state, directories] : pass.unread) context.sums.unread[state] += directories;
  }
}

}  // namespace pwalk::snapshot::check
