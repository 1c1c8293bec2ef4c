// A library for LD_PRELOAD: what somebody could do who took over pwalk-mount's daemon. Each time the daemon
// answers statfs(2), the thread that does so tries, before it answers, to open what PWALK_INTRUDER_READ
// names, to make PWALK_INTRUDER_MAKE, and much else that a file system reader has no need of, and writes what
// came of it, a line each (`WORD DONE` or `WORD ERRNO`), to PWALK_INTRUDER_REPORT, which is opened before the
// daemon starts.
// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

const int report = open(variable("PWALK_INTRUDER_REPORT"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

void tell(const char* word, bool succeeded) {
  dprintf(report, "%s %s\n", word, succeeded ? "DONE" : strerrorname_np(errno));
}

void try_open(const char* word, const char* path, int flags) {
  const int descriptor = open(path, flags | O_CLOEXEC, 0600);
  tell(word, descriptor >= 0);
  if (descriptor >= 0) close(descriptor);
}

void try_connect() {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  tell("connect", connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  close(connection);
}

void try_execute() {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WEXITSTATUS(status);
  tell("execute", status == 0);
}

void intrude() {
  const char* readable = variable("PWALK_INTRUDER_READ");
  const char* made = variable("PWALK_INTRUDER_MAKE");
  const char* inside = variable("PWALK_INTRUDER_INSIDE");
  // What takes a capability, before what a missing Landlock would let happen.
  tell("chown", chown(inside, 1, 1) == 0);
  tell("mknod", mknod(made, S_IFBLK | 0600, 7 << 8) == 0);
  tell("mount", mount("none", "/", "tmpfs", MS_REMOUNT | MS_BIND, nullptr) == 0);
  tell("chroot", chroot(".") == 0);
  tell("setuid", setuid(1) == 0);
  try_open("read_inside", inside, O_RDONLY);
  try_open("write_inside", inside, O_WRONLY);
  tell("unlink_inside", unlink(inside) == 0);
  try_open("read", readable, O_RDONLY);
  try_open("write", readable, O_WRONLY);
  try_open("list", "/", O_RDONLY | O_DIRECTORY);
  try_open("kernel", "/proc/1/environ", O_RDONLY);
  try_open("create", made, O_WRONLY | O_CREAT);
  tell("mkdir", mkdir(made, 0700) == 0);
  tell("symlink", symlink("x", made) == 0);
  tell("rename", rename(readable, made) == 0);
  tell("truncate", truncate(readable, 0) == 0);
  tell("unlink", unlink(readable) == 0);
  try_connect();
  try_execute();
}

}  // namespace

extern "C" int fuse_reply_statfs(fuse_req_t request, const struct statvfs* numbers) {
  using Reply = int (*)(fuse_req_t, const struct statvfs*);
  static const auto reply = reinterpret_cast<Reply>(dlsym(RTLD_NEXT, "fuse_reply_statfs"));
  intrude();
  return reply(request, numbers);
}
