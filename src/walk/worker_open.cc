// Opening directories: relative to their parent's descriptor, with patience where descriptors are short, and
// believed only if what was opened is what was listed.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <thread>

#include "walk/worker.h"

namespace pwalk::walk {

namespace {

constexpr std::array<std::uint32_t, 6> renumbering = {
    0x65735546,                           // FUSE
    0x4d44,     0x2011bab0,               // vfat, exfat: numbers are made up when an inode is loaded
    0x794c7630,                           // overlay of several file systems
    0xff534d42, 0xfe534d42};              // CIFS and SMB2 without the server's numbers
constexpr unsigned patience_tries = 200;  // × 10 ms without a descriptor, then it is the entry's error

bool vanished_error(int error) noexcept {
  return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

}  // namespace

/// Whether the directory open as `descriptor`, which is `opened`, can be taken for `expected`. Some file
/// systems number their inodes anew whenever the kernel forgets one: there device and mount must do.
bool Worker::is_same_directory(int descriptor, const Identity& opened, const Identity& expected) noexcept {
  if (opened == expected) return true;
  if (opened.device != expected.device || opened.mount_id != expected.mount_id) return false;
  struct statfs status;
  if (seat_.call([&] { return ::fstatfs(descriptor, &status); }) != 0) return false;
  auto magic = static_cast<std::uint32_t>(status.f_type);
  return std::find(renumbering.begin(), renumbering.end(), magic) != renumbering.end();
}

int Worker::open_once(int parent, const char* name, int flags) noexcept {
  if (seat_.watched() && (name = keep(name)) == nullptr) return -1;
  for (;;) {
    int descriptor = seat_.call([=] { return ::openat(parent, name, flags | O_CLOEXEC); });
    if (descriptor >= 0) return descriptor;
    if (errno != EPERM || (flags & O_NOATIME) == 0) return -1;
    flags &= ~O_NOATIME;
  }
}

/// Descriptors or memory may be short for a moment, because of us or of others: give some up and try again.
int Worker::open_with_patience(int parent, const char* name, int flags) noexcept {
  for (unsigned attempt = 0;; ++attempt) {
    int descriptor = open_once(parent, name, flags);
    if (descriptor >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM)) return descriptor;
    int error = errno;
    if (attempt == patience_tries || shared_.ending()) {
      errno = error;
      return -1;
    }
    shared_.queues.drop_oldest(number_, 8);
    std::this_thread::sleep_for(std::chrono::milliseconds(attempt == 0 ? 0 : 10));
  }
}

int Worker::open_directory(int parent, const char* name, bool foreign_owner) noexcept {
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;
  return open_with_patience(parent, name, foreign_owner ? flags : flags | O_NOATIME);
}

/// The directory's descriptor: its own, or opened again from its nearest ancestor that has one, each step
/// believed only if it is the directory that was there before. nullptr, and errno, where that is not so.
std::shared_ptr<Handle> Worker::reopen(Node* node) {
  std::vector<Node*> way;
  std::shared_ptr<Handle> from = climb_to(*node);
  for (Node* at = node; at != nullptr && !from; at = at->parent) {
    from = borrow(*at);
    if (!from) way.push_back(at);
  }
  if (!from) {
    errno = ESTALE;
    return nullptr;
  }
  for (auto at = way.rbegin(); at != way.rend(); ++at) {
    Fd next(open_directory(from->get(), (*at)->parent->name_of((*at)->position), true));
    if (!next) return nullptr;
    struct statx stat;
    if (int error = look_at(next.get(), "", stat); error != 0) {
      errno = error;
      return nullptr;
    }
    if (!is_same_directory(next.get(), identity_of(stat), (*at)->identity)) {
      errno = ENOENT;  // another directory is there now
      return nullptr;
    }
    from = std::make_shared<Handle>(std::move(next), counters_.kept_handles);
  }
  node->keep(from);
  shared_.queues.restored(number_, node);
  return from;
}

std::shared_ptr<Handle> Worker::handle_of(Node* node) {
  std::shared_ptr<Handle> handle = borrow(*node);
  return handle ? handle : reopen(node);
}

/// One more subdirectory of `node` is open; with the last one its descriptor has served. The root's stays:
/// every way back starts there.
void Worker::opened_one_of(Node* node) {
  if (node->unopened.fetch_sub(1, std::memory_order_acq_rel) == 1 && node->parent != nullptr) node->drop();
}

/// From the directory that was needed last, if `node` is likely to be above it and nearer than the root:
/// where a tree is deep, going down to each directory from the root would cost the square of its depth. What
/// is found there is believed only if it is the directory that was there before.
std::shared_ptr<Handle> Worker::climb_to(const Node& node) {
  if (!last_.handle || last_.depth <= node.depth || last_.depth - node.depth > node.depth) return nullptr;
  Fd at;
  for (std::uint32_t depth = last_.depth; depth > node.depth; --depth) {
    Fd above(open_directory(at ? at.get() : last_.handle->get(), "..", true));
    if (!above) return nullptr;
    at = std::move(above);
  }
  struct statx stat;
  if (look_at(at.get(), "", stat) != 0 || identity_of(stat) != node.identity) return nullptr;
  return std::make_shared<Handle>(std::move(at), counters_.kept_handles);
}

/// The descriptor of `node`, if anyone has one.
std::shared_ptr<Handle> Worker::borrow(Node& node) {
  std::shared_ptr<Handle> handle = node.borrow();
  if (!handle && last_.handle && last_.depth == node.depth && last_.identity == node.identity)
    handle = last_.handle;
  return handle;
}

Worker::Opened Worker::open_pending(Task task) {
  Opened opened;
  Outcome& outcome = opened.outcome;
  const Pending& subdirectory = task.node->pending[task.position];
  last_ = {handle_of(task.node), task.node->identity, task.node->depth};
  int descriptor = -1;
  if (last_.handle)
    descriptor = open_directory(last_.handle->get(), task.node->name_of(task.position),
                                (subdirectory.flags & pending_foreign_owner) != 0);
  if (descriptor >= 0) {
    opened.descriptor = Fd(descriptor);
    if (verified_by_listing(task))
      opened.identity = task.node->identity_of_pending(task.position);
    else
      verify(task, opened);
    return opened;
  }
  outcome.error = errno;
  outcome.listed = vanished_error(outcome.error) ? Listed::vanished : Listed::failed;
  if (outcome.listed == Listed::failed) outcome.call = Call::openat;
  return opened;
}

/// Whether the inode number that the directory lists as its own is proof enough that it is the one that was
/// listed, without a call of its own. It says nothing of the device, so it is not where that may be another
/// one: a mount point, or where the device decides what is entered.
bool Worker::verified_by_listing(Task task) const noexcept {
  constexpr std::uint32_t needs_device = pending_other_mount | pending_automount;
  return !shared_.options.one_file_system && (task.node->pending[task.position].flags & needs_device) == 0;
}

/// Is what was opened what was listed? Another object by that name is a race, and not entered; a mount that
/// has appeared is judged like any mount.
void Worker::verify(Task task, Opened& opened) {
  Outcome& outcome = opened.outcome;
  struct statx stat;
  if (int error = look_at(opened.descriptor.get(), "", stat); error != 0) {
    outcome = {Listed::failed, NotEntered::none, error, Call::openat, {}, {}, false, 0};
    return;
  }
  opened.identity = identity_of(stat);
  opened.verified = true;
  Identity listed = task.node->identity_of_pending(task.position);
  if (is_same_directory(opened.descriptor.get(), opened.identity, listed)) return;
  bool other_mount = opened.identity.mount_id != listed.mount_id || opened.identity.device != listed.device;
  if (other_mount) {
    identity_ = task.node->identity;
    parent_ = task.node->parent;
    NotEntered reason = classify(stat, true);
    if (reason != NotEntered::none)
      outcome = {Listed::not_entered, reason, 0, Call::none, {}, {}, false, 0};
    else if ((task.node->pending[task.position].flags & pending_automount) == 0)
      outcome.listed = Listed::vanished;
    return;
  }
  outcome.listed = Listed::vanished;
}

}  // namespace pwalk::walk
