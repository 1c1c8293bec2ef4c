// A directory that is open: its ACLs, its names, and what becomes of them and of its subdirectories.
// SPDX-License-Identifier: MIT
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "walk/worker.h"

namespace pwalk::walk {

namespace {

// So many workers keep the memory that a directory once took. Where there are more, it is the file system
// that waits: then theirs is what counts, not the time of page faults.
constexpr unsigned roomy_workers = 4;
constexpr std::size_t kept_names = 256;  // memory for so many stays all the same

constexpr std::size_t value_bytes_most = 65536;  // XATTR_SIZE_MAX

}  // namespace

/// Reads the directory of `task` (the root's node is nullptr), which is open as `opened_`.
void Worker::read_directory(Task task, std::uint32_t depth, Token token) {
  task_ = task;
  token_ = token;
  depth_ = depth;
  outcome_ = {};
  pending_.clear();
  pending_names_.clear();
  other_mounts_.clear();
  cut_short_ = false;
  gave_up_ = false;
  offered_ = nullptr;
  begun_ = 0;
  handed_over_ = 0;
  // Should reading the ACL never answer, the names of the directory before are not this one's.
  listing_.clear();
  stage_ = Stage::listing;
  read_acl(opened_.descriptor.get());
  // Who is watched may have to leave what it offers at any moment, and can see to one thing only. Where there
  // is a rate, nothing is looked at sooner than it must be.
  std::function<void()> listed;
  if (!seat_.watched() && !shared_.rate_limit.limits())
    listed = [this] {
      if (opened_.verified || is_as_listed())
        ahead_.offer(opened_.descriptor.get(), opened_.identity, listing_.names());
    };
  struct Forget {
    LookAhead& ahead;
    ~Forget() { ahead.forget(); }
  } forget{ahead_};
  take_listing(listing_.read(opened_.descriptor.get(), seat_, listed, [this] { return shared_.ending(); }));
  if (number_ >= roomy_workers) give_back_memory();
}

/// What a large directory took is not kept for the small ones after it.
void Worker::give_back_memory() noexcept {
  if (listing_.names().size() <= kept_names) return;
  listing_.give_back();
  stats_.give_back(kept_names * sizeof(struct statx));
}

/// Whether the directory says of itself by its inode number, and of what lies above it, what was expected of
/// it when its parent was listed. The root of a file system has itself above it, so a mount that has appeared
/// does not, whatever it is numbered.
bool Worker::is_as_listed() const noexcept {
  return listing_.own_inode() == opened_.identity.inode &&
         listing_.parent_inode() == task_.node->identity.inode;
}

/// Whether an open directory has been removed.
bool Worker::is_removed(int descriptor) noexcept {
  struct statx stat;
  return look_at(descriptor, "", stat) == 0 && stat.stx_nlink == 0;
}

/// The directory has been listed, until `error` if that is not 0: looks at what was listed.
void Worker::take_listing(int error) {
  Node* parent = task_.node;
  int descriptor = opened_.descriptor.get();
  if (error == ECANCELED && shared_.ending()) {
    cut_short();
    error = 0;
  }
  if (!opened_.verified && !is_as_listed()) {
    if (seat_.closed())
      opened_.outcome = {Listed::failed, NotEntered::none, error, Call::getdents64, {}, {}, false, 0};
    else
      verify(task_, opened_);
    if (opened_.outcome.listed != Listed::whole) {
      report_unlisted(token_, opened_.outcome);
      complete(token_, parent);
      return;
    }
  }
  parent_ = parent;
  identity_ = opened_.identity;
  // Within a mount, which may have several devices (btrfs), nothing comes twice.
  bool numbered = parent != nullptr && parent->identity.mount_id != 0 && identity_.mount_id != 0;
  bool crosses = parent != nullptr && (numbered ? parent->identity.mount_id != identity_.mount_id
                                                : parent->identity.device != identity_.device);
  crossing_ = parent == nullptr || crosses ? parent : parent->crossing;
  if (error == ENOENT && parent != nullptr && (listing_.names().empty() || is_removed(descriptor))) {
    // Removed since it was opened, so it was empty: what may have been listed before is gone too.
    outcome_ = {Listed::vanished, NotEntered::none, error, Call::none, {}, {}, false, 0};
    sink_.not_listed(token_, outcome_);
    complete(token_, parent);
    return;
  }
  if (shared_.options.exclude_caches && parent != nullptr && is_cache(descriptor)) {
    sink_.not_listed(token_,
                     {Listed::not_entered, NotEntered::cache_directory, 0, Call::none, {}, {}, false, 0});
    complete(token_, parent);
    return;
  }
  if (shared_.options.filter != nullptr) find_path(task_);
  if (error != 0) {
    outcome_.listed = listing_.names().empty() ? Listed::failed : Listed::partial;
    outcome_.error = error;
    outcome_.call = Call::getdents64;
  }
  std::size_t names = listing_.names().size();
  if (names <= stats_at_once) {
    if (seat_.watched()) std::fill_n(stat_errors_.begin(), names, not_answered);
    begun_ = names;
    stage_ = Stage::looking;
    if (!seat_.closed())
      stat_names({descriptor, listing_.names().data(), stats(), stat_errors_.data(),
                  static_cast<std::uint32_t>(names)});
  }
  hand_over_listing();
}

/// Helps with what is looked at in the order of listing. Where others help too, a fifth is left: they look
/// at that while the rest is handed over, which is the reader's alone to do.
void Worker::look_ahead() {
  std::size_t names = listing_.names().size();
  std::size_t end = ahead_.helped() ? names - names / 5 : names;
  while (SharedStats* left = ahead_.left_before(end)) stat_portions(*left);
  ahead_.end();
}

/// Gives the sink all that was listed, in the order of names.
void Worker::hand_over_listing() {
  listing_.sort();
  look_ahead();
  if (sink_.begin(token_, listing_.names().size(), listing_.names_bytes(), listing_.links())) {
    stage_ = Stage::handing_over;
    end_directory(seat_.closed() ? hand_over_rest() : hand_over(opened_.descriptor.get()));
    return;
  }
  outcome_ = {Listed::failed, NotEntered::none, EOVERFLOW, Call::getdents64, {}, {}, false, 0};
  sink_.not_listed(token_, outcome_);
  Counters::add(counters_.directories, 1);
  Counters::add(counters_.errors, 1);
  complete(token_, task_.node);
}

/// All was handed over, as far as the sink had `room`: ends the directory and queues its subdirectories.
void Worker::end_directory(bool room) {
  if (!room || cut_short_ || gave_up_) {
    outcome_.listed = Listed::partial;
    outcome_.error = !room ? EOVERFLOW : gave_up_ ? ETIMEDOUT : ECANCELED;
    outcome_.call = Call::getdents64;
  }
  sink_.end(outcome_);
  Counters::add(counters_.directories, 1);
  if (outcome_.call != Call::none) Counters::add(counters_.errors, 1);
  if (outcome_.acl_error != 0) Counters::add(counters_.errors, 1);

  Node* parent = task_.node;
  if (pending_.empty()) {
    complete(token_, parent);
    return;
  }
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->crossing = crossing_;
  node->position = task_.position;
  node->depth = depth_;
  node->token = token_;
  node->identity = opened_.identity;
  node->pending.assign(pending_.begin(), pending_.end());
  node->names.assign(pending_names_);
  node->other_mounts.assign(other_mounts_.begin(), other_mounts_.end());
  auto subdirectories = static_cast<std::uint32_t>(pending_.size());
  node->unfinished.store(subdirectories, std::memory_order_relaxed);
  node->unopened.store(subdirectories, std::memory_order_relaxed);
  node->handle = std::make_shared<Handle>(std::move(opened_.descriptor), counters_.kept_handles);
  completing_ = true;
  Node* shared_node = node.release();  // freed by whoever finishes its last subdirectory
  in_hand_ = {shared_node, 0};
  if (subdirectories > 1) shared_.queues.push(number_, {shared_node, 1, subdirectories});
  unsigned kept = counters_.kept_handles.load(std::memory_order_relaxed);
  unsigned allowed = shared_.handles_per_worker.load(std::memory_order_relaxed);
  if (kept > allowed) shared_.queues.drop_oldest(number_, kept - allowed);
}

/// Room for the largest value is not kept: many workers may meet an ACL, and hardly any is that large.
void Worker::read_value(int descriptor, const char* name, std::string& value, int& error) {
  char usual[1024];
  std::unique_ptr<char[]> large;
  const char* found = usual;
  ssize_t length = seat_.call([&] { return ::fgetxattr(descriptor, name, usual, sizeof usual); });
  if (length < 0 && errno == ERANGE) {
    large.reset(new char[value_bytes_most]);
    found = large.get();
    length = seat_.call([&] { return ::fgetxattr(descriptor, name, large.get(), value_bytes_most); });
  }
  if (length < 0 && errno != ENODATA && errno != EOPNOTSUPP) error = errno;
  value.assign(found, length > 0 ? static_cast<std::size_t>(length) : 0);
}

/// One call tells which kinds of ACL there are; only directories that have one cost more.
void Worker::read_acl(int descriptor) {
  outcome_.acl_skipped = !shared_.options.acls;
  if (outcome_.acl_skipped) return;
  if (seat_.watched()) outcome_.acl_error = ETIMEDOUT;  // until all has been read
  char names[1024];
  ssize_t length = seat_.call([&] { return ::flistxattr(descriptor, names, sizeof names); });
  const char* list = names;
  if (length < 0 && errno == ERANGE) {
    acl_names_.resize(65536);  // XATTR_LIST_MAX
    length = seat_.call([&] { return ::flistxattr(descriptor, acl_names_.data(), acl_names_.size()); });
    list = acl_names_.data();
  }
  if (length <= 0) {
    outcome_.acl_error = length < 0 && errno != EOPNOTSUPP && errno != ENOSYS ? errno : 0;
    return;
  }
  int error = 0;
  for (const char* name = list; name < list + length; name += std::strlen(name) + 1) {
    if (std::strcmp(name, "system.posix_acl_access") == 0) {
      read_value(descriptor, name, access_acl_, error);
      outcome_.access_acl = access_acl_;
    } else if (std::strcmp(name, "system.posix_acl_default") == 0) {
      read_value(descriptor, name, default_acl_, error);
      outcome_.default_acl = default_acl_;
    } else if (std::strcmp(name, "system.nfs4_acl") == 0 || std::strcmp(name, "system.richacl") == 0 ||
               std::strcmp(name, "system.gpfs_nfs4_acl") == 0 || std::strcmp(name, "system.cifs_acl") == 0) {
      outcome_.rich_acl = true;
    }
  }
  outcome_.acl_error = error;
}

}  // namespace pwalk::walk
