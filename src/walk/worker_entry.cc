// One name of a directory: what it is, whether it may be entered, where a link points, and the sink's record
// of it.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "walk/worker.h"

namespace pwalk::walk {

namespace {

constexpr std::size_t target_bytes_max = 65536;

bool known_type(std::uint16_t type) noexcept {
  constexpr unsigned known = 1u << (S_IFREG >> 12) | 1u << (S_IFDIR >> 12) | 1u << (S_IFLNK >> 12) |
                             1u << (S_IFCHR >> 12) | 1u << (S_IFBLK >> 12) | 1u << (S_IFIFO >> 12) |
                             1u << (S_IFSOCK >> 12);
  return (type & ~S_IFMT) == 0 && (known >> (type >> 12) & 1) != 0;
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

/// The name of a call that is watched, which may outlive all of the walk but this worker; nullptr, and errno,
/// if it is longer than any call takes.
const char* Worker::keep(const char* name) noexcept {
  if (seat_.closed()) {
    errno = ETIMEDOUT;
    return nullptr;
  }
  std::size_t bytes = std::strlen(name) + 1;
  if (bytes > sizeof kept_) {
    errno = ENAMETOOLONG;
    return nullptr;
  }
  std::memcpy(kept_, name, bytes);
  return kept_;
}

/// stat_entry, watched.
int Worker::look_at(int directory, const char* name, struct statx& stat, int sync) noexcept {
  if (!seat_.watched()) return stat_entry(directory, name, stat, sync);
  const char* kept = keep(name);
  if (kept == nullptr) return errno;
  int error = 0;
  auto look = [&] {
    error = stat_entry(directory, kept, answer_, sync);
    return 0;
  };
  if (seat_.call(look) != 0) return errno;
  stat = answer_;
  return error;
}

/// Whether a directory is one of those that it lies in, which only a mount brings about: no directory repeats
/// one of its own mount. `other_mount`: it is not in that of the directory that it was found in.
bool Worker::repeats_ancestor(const Identity& identity, bool other_mount) const noexcept {
  auto is = [&](const Identity& above) {
    return above.device == identity.device && above.inode == identity.inode;
  };
  if (other_mount && is(identity_)) return true;
  for (const Node* at = other_mount ? parent_ : crossing_; at != nullptr; at = at->parent)
    if (is(at->identity)) return true;
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
  }
  if ((other_mount || crossing_ != nullptr) && repeats_ancestor(identity_of(stat), other_mount))
    return NotEntered::loop;
  if (shared_.options.one_file_system && device != shared_.root_device) return NotEntered::other_file_system;
  return NotEntered::none;
}

/// Of the directory in hand something is not looked at any more, since the walk is ending.
void Worker::cut_short() noexcept {
  cut_short_ = true;
  shared_.cut_short.store(true, std::memory_order_relaxed);
}

bool Worker::hand_over_one(int descriptor, const Listed64& listed, const struct statx* stat, int error,
                           unsigned tries_left) {
  bool unanswered = false;
  if (error == 0) {
    if (!known_type(stat->stx_mode & S_IFMT)) error = EIO;  // a broken file system
  } else if (error == ENOENT) {
    sink_.vanished();
    Counters::add(counters_.left_out, 1);
    return true;
  } else if (error == not_answered) {
    error = ETIMEDOUT;
    unanswered = true;
  } else if (error == ECANCELED && shared_.ending()) {
    cut_short();
    return true;
  }
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
    // A directory is recorded with what is known of it: of one that cannot be looked at, nothing is.
    if (reason != NotEntered::none && (!child.is_directory || child.stat == nullptr)) {
      sink_.excluded();
      Counters::add(counters_.left_out, 1);
      return true;
    }
    child.not_entered = reason;
  }
  if (unanswered) gave_up_ = true;
  if (error == 0) {
    if (S_ISLNK(type)) {
      if (ends_now()) {
        cut_short();
        return true;
      }
      const char* target = read_target(descriptor, listed.dirent->d_name, stat->stx_size, child.target_error);
      if (target == nullptr && child.target_error == ENOENT) {
        sink_.vanished();
        Counters::add(counters_.left_out, 1);
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

}  // namespace pwalk::walk
