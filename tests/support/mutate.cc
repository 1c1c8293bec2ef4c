// mutate PATH: tries to change PATH, which is of any type, and what it is in, in every way that Linux has a
// call for, and writes a line for each: the call and what came of it, `DONE` or the name of an errno.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

void tell(const char* call, bool succeeded) {
  std::printf("%s %s\n", call, succeeded ? "DONE" : strerrorname_np(errno));
}

void change_attributes(const char* path) {
  const timespec times[2] = {{1, 0}, {1, 0}};
  tell("lchown", lchown(path, 1, 1) == 0);
  tell("lchown_none", lchown(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1)) == 0);
  tell("utimensat", utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0);
  tell("utimensat_now", utimensat(AT_FDCWD, path, nullptr, AT_SYMLINK_NOFOLLOW) == 0);
  tell("lsetxattr_user", lsetxattr(path, "user.x", "y", 1, 0) == 0);
  tell("lsetxattr_trusted", lsetxattr(path, "trusted.x", "y", 1, 0) == 0);
  tell("lsetxattr_security", lsetxattr(path, "security.x", "y", 1, 0) == 0);
  tell("lremovexattr_user", lremovexattr(path, "user.x") == 0);
  tell("lremovexattr_acl", lremovexattr(path, "system.posix_acl_access") == 0);
}

/// Calls that follow a symbolic link: not for one that leads nowhere.
void change_followed(const char* path, bool directory) {
  const utimbuf times{1, 1};
  const timeval values[2] = {{1, 0}, {1, 0}};
  tell("chmod", chmod(path, 0777) == 0);
  tell("chmod_setuid", chmod(path, 04777) == 0);
  tell("chown", chown(path, 1, 1) == 0);
  tell("utime", utime(path, &times) == 0);
  tell("utimes", utimes(path, values) == 0);
  tell("setxattr", setxattr(path, "user.x", "y", 1, 0) == 0);
  tell("removexattr", removexattr(path, "user.x") == 0);
  if (directory) return;
  tell("link_followed",
       linkat(AT_FDCWD, path, AT_FDCWD, (std::string(path) + ".l").c_str(), AT_SYMLINK_FOLLOW) == 0);
}

void change_names(const char* path, const std::string& beside) {
  const char* other = beside.c_str();
  tell("unlink", unlink(path) == 0);
  tell("rmdir", rmdir(path) == 0);
  tell("remove", unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0);
  tell("rename", rename(path, other) == 0);
  tell("rename_noreplace", renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_NOREPLACE) == 0);
  tell("rename_exchange", renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) == 0);
  tell("rename_whiteout", renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_WHITEOUT) == 0);
  tell("link", link(path, other) == 0);
}

void make(const std::string& beside) {
  const char* path = beside.c_str();
  const int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  tell("mkdir", mkdir(path, 0777) == 0);
  tell("mkfifo", mkfifo(path, 0666) == 0);
  tell("mknod", mknod(path, S_IFREG | 0666, 0) == 0);
  tell("symlink", symlink("x", path) == 0);
  tell("bind", bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  tell("creat", creat(path, 0666) >= 0);
  tell("open_create", open(path, O_RDWR | O_CREAT | O_EXCL, 0666) >= 0);
  close(socket_);
}

void change_contents(const char* path) {
  tell("truncate", truncate(path, 0) == 0);
  tell("truncate_longer", truncate(path, 1 << 20) == 0);
  tell("open_write", open(path, O_WRONLY) >= 0);
  tell("open_read_write", open(path, O_RDWR) >= 0);
  tell("open_append", open(path, O_WRONLY | O_APPEND) >= 0);
  tell("open_truncate", open(path, O_RDONLY | O_TRUNC) >= 0);
}

void change_directory(const char* path) {
  tell("open_unnamed", open(path, O_TMPFILE | O_RDWR, 0600) >= 0);
  const int directory = open(path, O_RDONLY | O_DIRECTORY);
  int flags = FS_IMMUTABLE_FL;
  tell("fchmod", fchmod(directory, 0777) == 0);
  tell("fchown", fchown(directory, 1, 1) == 0);
  tell("futimens", futimens(directory, nullptr) == 0);
  tell("fsetxattr", fsetxattr(directory, "user.x", "y", 1, 0) == 0);
  tell("fremovexattr", fremovexattr(directory, "user.x") == 0);
  tell("ioctl_flags", ioctl(directory, FS_IOC_SETFLAGS, &flags) == 0);
}

}  // namespace

int main(int count, char** words) {
  struct stat facts {};
  if (count != 2 || lstat(words[1], &facts) != 0) return 2;
  const char* path = words[1];
  const bool directory = S_ISDIR(facts.st_mode);
  const std::string beside = std::string(path) + (directory ? "/new" : ".new");
  change_attributes(path);
  if (!S_ISLNK(facts.st_mode)) change_followed(path, directory);
  change_names(path, beside + "er");
  make(beside);
  if (S_ISREG(facts.st_mode)) change_contents(path);
  if (directory) change_directory(path);
}
