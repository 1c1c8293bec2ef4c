// SPDX-License-Identifier: MIT
#include "walk/worker.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

namespace pwalk::walk {

namespace {

constexpr std::size_t target_bytes = 4096;  // a target's usual bound; longer ones are asked for again
constexpr std::size_t target_bytes_max = 65536;

bool known_type(std::uint16_t type) noexcept {
  return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFCHR || type == S_IFBLK ||
         type == S_IFIFO || type == S_IFSOCK;
}

/// Type bits of a d_type; 0 for DT_UNKNOWN and for what is no type of stat (DT_WHT).
std::uint16_t type_of(unsigned char dirent_type) noexcept {
  auto type = static_cast<std::uint16_t>(DTTOIF(dirent_type));
  return known_type(type) ? type : 0;
}

bool is_mount_root(const struct statx& stat) noexcept {
  return (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

int stat_entry(int directory, const char* name, struct statx& stat, int sync) noexcept {
  int flags = sync | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  for (;;) {
    if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &stat) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

Worker::Worker(Walker::Shared& shared, unsigned number)
    : shared_(shared),
      number_(number),
      sink_(*shared.sinks[number]),
      counters_(*shared.counters[number]),
      seat_(shared.options.patience_seconds > 0),
      stats_(new struct statx[stats_at_once]),
      stat_errors_(stats_at_once),
      target_(target_bytes) {}

void Worker::run_from_root(Fd root, const struct statx& stat, Token token) {
  try {
    if (shared_.options.depth_max == 0) {
      report_unlisted(token, {Listed::not_entered, NotEntered::depth, 0, Call::none, {}, {}, false, 0});
      complete(token, nullptr);
      return;
    }
    opened_ = {std::move(root), identity_of(stat), true, {}};
    read_directory({}, 0, token);
  } catch (...) {
    shared_.fail(std::current_exception());
    return;
  }
  run();
}

void Worker::run() {
  Task task = in_hand_;
  while (!shared_.ending()) {
    if (task.node != nullptr && !shared_.queues.is_active(number_)) {
      shared_.queues.push(number_, {task.node, task.position, task.position + 1});
      task = {};
    }
    if (task.node == nullptr && !shared_.queues.next(number_, task)) return;
    if (task.shared != nullptr) {
      help(*task.shared);
      task = {};
      continue;
    }
    work(task);
    task = in_hand_;
  }
  shared_.queues.close();
  if (task.node != nullptr) shared_.queues.push(number_, {task.node, task.position, task.position + 1});
}

void Worker::work(Task task) {
  in_hand_ = {};
  completing_ = false;
  try {
    visit(task);
  } catch (...) {
    shared_.fail(std::current_exception());
    if (!completing_) shared_.queues.push(number_, {task.node, task.position, task.position + 1});
  }
  opened_.descriptor = Fd();
  stage_ = Stage::idle;
}

/// What is left of a directory after a call that never answered: no more calls are made.
void Worker::conclude() {
  seat_.close();
  in_hand_ = {};
  if (offered_ != nullptr) {
    offered_->give_up();
    shared_.queues.withdraw(*offered_);
  }
  switch (stage_) {
    case Stage::idle:
      return;
    case Stage::helping:
      // Who offered it finds names that nobody has looked at.
      helped_->give_up();
      shared_.queues.leave(*helped_);
      return;
    case Stage::opening:
      opened_one_of(task_.node);
      [[fallthrough]];
    case Stage::opened:
      report_unlisted(token_, {Listed::failed, NotEntered::none, ETIMEDOUT, Call::openat, {}, {}, false, 0});
      complete(token_, task_.node);
      return;
    case Stage::listing:
      take_listing(ETIMEDOUT);
      return;
    case Stage::looking:
      hand_over_listing();
      return;
    case Stage::handing_over:
      end_directory(hand_over_rest());
      return;
  }
}

void Worker::take_over(Worker& stuck) {
  completing_ = stuck.completing_ = false;
  try {
    stuck.conclude();
    in_hand_ = stuck.in_hand_;
  } catch (...) {
    shared_.fail(std::current_exception());
    if (!stuck.completing_ && stuck.task_.node != nullptr)
      shared_.queues.push(number_, {stuck.task_.node, stuck.task_.position, stuck.task_.position + 1});
  }
  run();
}

void Worker::visit(Task task) {
  task_ = task;
  token_ = task.node->pending[task.position].token;
  stage_ = Stage::opening;
  opened_ = open_pending(task);
  stage_ = Stage::opened;
  opened_one_of(task.node);
  if (opened_.outcome.listed != Listed::whole) {
    report_unlisted(token_, opened_.outcome);
    complete(token_, task.node);
    return;
  }
  read_directory(task, task.node->depth + 1, token_);
}

// ---- reading --------------------------------------------------------------------------------------------

bool Worker::repeats_ancestor(const Identity& identity) const noexcept {
  if (identity.device == identity_.device && identity.inode == identity_.inode) return true;
  for (const Node* at = parent_; at != nullptr; at = at->parent)
    if (at->identity.device == identity.device && at->identity.inode == identity.inode) return true;
  return false;
}

/// Whether a directory may be entered. `other_mount`: it is not in the mount of the directory that it was
/// found in.
NotEntered Worker::classify(const struct statx& stat, bool other_mount) {
  std::uint64_t device = device_of(stat);
  if (stat.stx_ino == shared_.options.output_inode && device == shared_.options.output_device)
    return NotEntered::own_output;
  if (other_mount) {
    std::string type;
    if ((stat.stx_mask & STATX_MNT_ID) != 0) type = shared_.mounts.type_of_mount(stat.stx_mnt_id);
    // A mount may be gone by the time at which it is asked for, while its file system is mounted elsewhere.
    if (type.empty()) type = shared_.mounts.type_of_device(stat.stx_dev_major, stat.stx_dev_minor);
    if (is_kernel_file_system(type)) return NotEntered::kernel_file_system;
    if (type == "fuse.pwalk-mount") return NotEntered::pwalk_mount;
    if (repeats_ancestor(identity_of(stat))) return NotEntered::loop;
  }
  if (shared_.options.one_file_system && device != shared_.root_device) return NotEntered::other_file_system;
  return NotEntered::none;
}

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
  stage_ = Stage::listing;
  read_acl(opened_.descriptor.get());
  take_listing(listing_.read(opened_.descriptor.get(), seat_));
}

/// The directory has been listed, until `error` if that is not 0: looks at what was listed.
void Worker::take_listing(int error) {
  Node* parent = task_.node;
  int descriptor = opened_.descriptor.get();
  if (!opened_.verified && listing_.own_inode() != opened_.identity.inode) {
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
  if (error == ENOENT && parent != nullptr) {
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
      stat_names({descriptor, listing_.names().data(), stats_.get(), stat_errors_.data(),
                  static_cast<std::uint32_t>(names)});
  }
  hand_over_listing();
}

/// Gives the sink all that was listed, in the order of names.
void Worker::hand_over_listing() {
  listing_.sort();
  std::uint64_t links = 0;
  for (const Listed64& listed : listing_.names())
    links += listed.dirent->d_type == DT_LNK || listed.dirent->d_type == DT_UNKNOWN ? 1 : 0;
  if (sink_.begin(token_, listing_.names().size(), listing_.names_bytes(), links)) {
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

  Node* parent = task_.node;
  if (pending_.empty()) {
    complete(token_, parent);
    return;
  }
  auto node = std::make_unique<Node>();
  node->parent = parent;
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

void Worker::read_value(int descriptor, const char* name, std::string& value, int& error) {
  value.resize(65536);  // XATTR_SIZE_MAX
  ssize_t length = seat_.call([&] { return ::fgetxattr(descriptor, name, value.data(), value.size()); });
  if (length < 0 && errno != ENODATA && errno != EOPNOTSUPP) error = errno;
  value.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
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

/// stat_entry, watched.
int Worker::look_at(int directory, const char* name, struct statx& stat, int sync) noexcept {
  if (!seat_.watched()) return stat_entry(directory, name, stat, sync);
  int error = 0;
  auto look = [&] {
    error = stat_entry(directory, name, answer_, sync);
    return 0;
  };
  if (seat_.call(look) != 0) return errno;
  stat = answer_;
  return error;
}

bool Worker::hand_over_one(int descriptor, const Listed64& listed, const struct statx* stat, int error,
                           unsigned tries_left) {
  if (error == ENOENT) {
    sink_.vanished();
    return true;
  }
  if (error == not_answered) {
    error = ETIMEDOUT;
    gave_up_ = true;
  }
  if (error == ECANCELED && shared_.ending()) {
    cut_short_ = true;
    shared_.cut_short.store(true, std::memory_order_relaxed);
    return true;
  }
  if (error == 0 && !known_type(stat->stx_mode & S_IFMT)) error = EIO;  // a broken file system
  Child child;
  child.name = listed.name();
  child.dirent_inode = listed.dirent->d_ino;
  child.dirent_type = type_of(listed.dirent->d_type);
  std::uint16_t type = child.dirent_type;
  if (error == 0) {
    child.stat = stat;
    type = stat->stx_mode & S_IFMT;
  }
  child.is_directory = S_ISDIR(type);
  if (shared_.options.filter != nullptr) {
    NotEntered reason = judge(child);
    if (reason != NotEntered::none && !child.is_directory) {
      sink_.excluded();
      return true;
    }
    if (child.stat != nullptr) child.not_entered = reason;
  }
  if (error == 0) {
    if (S_ISLNK(type)) {
      const char* target = read_target(descriptor, listed.dirent->d_name, stat->stx_size, child.target_error);
      if (target == nullptr && child.target_error == ENOENT) {
        sink_.vanished();
        return true;
      }
      if (target == nullptr && child.target_error == EINVAL && tries_left > 0) {
        // Something else has that name by now: then that is the entry.
        struct statx again;
        int error_again = look_at(descriptor, listed.dirent->d_name, again);
        return hand_over_one(descriptor, listed, &again, error_again, tries_left - 1);
      }
      child.target = target != nullptr ? std::string_view(target) : std::string_view();
    }
  } else {
    child.stat_error = error;
  }
  if (child.is_directory && child.stat != nullptr) {
    bool other_mount = is_mount_root(*stat) || device_of(*stat) != identity_.device ||
                       ((stat->stx_mask & STATX_MNT_ID) != 0 && stat->stx_mnt_id != identity_.mount_id);
    child.mount_point = is_mount_root(*stat);
    if (child.not_entered == NotEntered::none) child.not_entered = classify(*stat, other_mount);
    if (child.not_entered == NotEntered::none && depth_ + 1 >= shared_.options.depth_max)
      child.not_entered = NotEntered::depth;
  }
  if (child.stat_error != 0 || child.target_error != 0) Counters::add(counters_.errors, 1);
  Token token = 0;
  if (!sink_.add(child, token)) return false;
  if (child.is_directory && child.stat != nullptr && child.not_entered == NotEntered::none)
    note_subdirectory(child, token);
  return true;
}

void Worker::note_subdirectory(const Child& child, Token token) {
  const struct statx& stat = *child.stat;
  Identity identity = identity_of(stat);
  Pending pending{token, stat.stx_ino, static_cast<std::uint32_t>(pending_names_.size()), 0};
  if (identity.device != identity_.device || identity.mount_id != identity_.mount_id) {
    pending.flags |= pending_other_mount;
    other_mounts_.emplace_back(static_cast<std::uint32_t>(pending_.size()), identity);
  }
  if ((stat.stx_attributes & STATX_ATTR_AUTOMOUNT) != 0) pending.flags |= pending_automount;
  if (shared_.effective_uid != 0 && stat.stx_uid != shared_.effective_uid)
    pending.flags |= pending_foreign_owner;
  pending_names_ += child.name;
  pending_names_ += '\0';
  pending_.push_back(pending);
}

/// The target of a symbolic link, in a buffer that the next call uses again; nullptr and the errno if there
/// is none to be had.
const char* Worker::read_target(int descriptor, const char* name, std::uint64_t expected_bytes, int& error) {
  if (seat_.closed()) {  // the buffer may still be written to
    error = ETIMEDOUT;
    return nullptr;
  }
  if (expected_bytes + 1 > target_.size() && expected_bytes < target_bytes_max)
    target_.resize(expected_bytes + 1);
  for (;;) {
    ssize_t length =
        seat_.call([&] { return ::readlinkat(descriptor, name, target_.data(), target_.size()); });
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) {
      error = errno;
      return nullptr;
    }
    if (static_cast<std::size_t>(length) < target_.size()) {
      target_[static_cast<std::size_t>(length)] = '\0';
      return target_.data();
    }
    if (target_.size() >= target_bytes_max) {
      error = ENAMETOOLONG;
      return nullptr;
    }
    target_.resize(2 * target_.size());
  }
}

// ---- completion -----------------------------------------------------------------------------------------

void Worker::report_unlisted(Token token, const Outcome& outcome) {
  sink_.not_listed(token, outcome);
  if (outcome.call != Call::none) Counters::add(counters_.errors, 1);
}

/// The subtree of `token` is done; carries on upwards where it was the last one of its parent.
void Worker::complete(Token token, Node* parent) {
  completing_ = true;
  for (;;) {
    sink_.finish(token);
    if (parent == nullptr) {
      shared_.finished.store(true, std::memory_order_release);
      shared_.queues.close();
      return;
    }
    if (parent->unfinished.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    std::unique_ptr<Node> done(parent);
    token = done->token;
    parent = done->parent;
  }
}

}  // namespace pwalk::walk
