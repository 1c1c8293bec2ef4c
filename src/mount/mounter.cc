// Mounting in another process, and the descriptor's way over a socket.
// SPDX-License-Identifier: MIT
#include "mount/mounter.h"

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/leave.h"
#include "mount/privileges.h"

namespace pwalk::mount {

namespace {

constexpr char word_unmount = 'u';

/// A byte with or without a descriptor.
bool send_descriptor(int channel, int descriptor) noexcept {
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(channel, &message, MSG_NOSIGNAL) == 1;
}

/// None where the other side ended without sending one.
Fd receive_descriptor(int channel) noexcept {
  char byte = 0;
  iovec bytes{&byte, 1};
  int descriptor = -1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  cmsghdr* header = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return Fd();
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return Fd(descriptor);
}

/// Takes nothing along but the channel, and no signal that is meant for the one that serves.
void leave_parent(int channel) noexcept {
  for (int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::prctl(PR_SET_NAME, "pwalk-unmount", 0, 0, 0);
  auto number = static_cast<unsigned>(channel);
  if (number > 3) ::close_range(3, number - 1, 0);
  ::close_range(number + 1, ~0u, 0);
}

/// What is mounted on a path, the topmost of several, as the device of its file system. Asks no daemon: this
/// one's does not answer yet, or no longer.
std::optional<std::pair<unsigned, unsigned>> device_on(const std::string& path) noexcept {
  struct statx status;
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &status) != 0)
    return std::nullopt;
  return std::pair(status.stx_dev_major, status.stx_dev_minor);
}

/// The whole life of the process.
[[noreturn]] void mount_and_wait(int channel, const std::string& options, const std::string& mount_point) {
  leave_parent(channel);
  std::string option = "-o" + options;
  const char* words[] = {"pwalk-mount", option.c_str(), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(2, const_cast<char**>(words));
  fuse_lowlevel_ops nothing{};
  fuse_session* session = fuse_session_new(&arguments, &nothing, sizeof nothing, nullptr);
  if (session == nullptr || fuse_session_mount(session, mount_point.c_str()) != 0) leave(1);
  auto mounted = device_on(mount_point);
  int device = fuse_session_fd(session);
  bool sent = send_descriptor(channel, device);
  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  // The mount must break with the process that serves it, not live on with this one; libfuse keeps a number
  // that is open.
  ::dup3(null, device, O_CLOEXEC);
  for (int standard = 0; standard <= 2; ++standard) ::dup2(null, standard);
  [[maybe_unused]] int moved = ::chdir("/");
  // All of root's that umount(2) takes: itself, and the way to the mount point.
  if (::geteuid() == 0)
    keep_capabilities(std::uint64_t{1} << CAP_SYS_ADMIN | std::uint64_t{1} << CAP_DAC_READ_SEARCH);
  char word = 0;
  ssize_t got = 0;
  do {
    got = sent ? ::read(channel, &word, 1) : 1;
  } while (got < 0 && errno == EINTR);
  bool asked = !sent || (got == 1 && word == word_unmount);
  // By path: somebody may have detached the mount meanwhile, or mounted over it.
  if (asked && (!mounted || device_on(mount_point) == mounted)) fuse_session_unmount(session);
  leave(0);
}

}  // namespace

Mounter::Mounter(const std::string& options, const std::string& mount_point) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("cannot make a socket");
  channel_ = Fd(ends[0]);
  Fd theirs(ends[1]);
  process_ = ::fork();
  if (process_ < 0) throw_errno("cannot start a process");
  if (process_ == 0) {
    channel_.reset();
    try {
      mount_and_wait(theirs.get(), options, mount_point);
    } catch (...) {
      leave(1);
    }
  }
  theirs.reset();
  device_ = receive_descriptor(channel_.get());
}

Mounter::~Mounter() {
  let_go();
}

void Mounter::unmount() noexcept {
  // Where it was killed, or the mount is gone already, there is nobody to tell.
  if (channel_) ::send(channel_.get(), &word_unmount, 1, MSG_NOSIGNAL);
  let_go();
}

void Mounter::let_go() noexcept {
  channel_.reset();
  if (process_ < 0) return;
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
  process_ = -1;
}

}  // namespace pwalk::mount
