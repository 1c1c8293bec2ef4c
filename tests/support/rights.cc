// rights DIRECTORY < PATHS: tries, as whoever runs it, what reads without changing anything on each path (one
// a line, relative to DIRECTORY), and writes a line for each attempt: `PATH OPERATION yes`, or `no` where it
// was refused for want of rights, or the name of another errno. A file that can be opened and one whose
// contents a mount does not have are both `yes`.
// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

void tell(const std::string& path, const char* operation, bool succeeded) {
  const char* verdict = "yes";
  if (!succeeded && (errno == EACCES || errno == EPERM))
    verdict = "no";
  else if (!succeeded && errno != EOPNOTSUPP)
    verdict = strerrorname_np(errno);
  std::printf("%s %s %s\n", path.c_str(), operation, verdict);
}

bool opens(const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC);
  if (descriptor >= 0) close(descriptor);
  return descriptor >= 0;
}

void list(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  tell(path, "opendir", directory != nullptr);
  if (directory == nullptr) return;
  unsigned long names = 0;
  while (readdir(directory) != nullptr) ++names;
  closedir(directory);
  std::printf("%s names %lu\n", path.c_str(), names);
}

void try_all(int root, const std::string& path) {
  struct stat facts {};
  struct statfs file_system {};
  char target[4096];
  tell(path, "lstat", lstat(path.c_str(), &facts) == 0);
  const mode_t type = facts.st_mode & S_IFMT;
  tell(path, "stat", stat(path.c_str(), &facts) == 0);
  tell(path, "exists", access(path.c_str(), F_OK) == 0);
  tell(path, "readable", access(path.c_str(), R_OK) == 0);
  tell(path, "executable", access(path.c_str(), X_OK) == 0);
  tell(path, "both", access(path.c_str(), R_OK | X_OK) == 0);
  tell(path, "statfs", statfs(path.c_str(), &file_system) == 0);
  tell(path, "open_path", opens(path, O_PATH));
  // Devices cannot be opened in a mount, by anybody.
  if (type == S_IFREG || type == S_IFDIR) tell(path, "open", opens(path, O_RDONLY));
  tell(path, "readlink", readlink(path.c_str(), target, sizeof target) >= 0);
  // One for all: the kernel takes its time to close one.
  static const int watches = inotify_init1(IN_CLOEXEC);
  const int watch = inotify_add_watch(watches, path.c_str(), IN_ATTRIB);
  tell(path, "watch", watch >= 0);
  if (watch >= 0) inotify_rm_watch(watches, watch);
  tell(path, "acl", lgetxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) >= 0 || errno == ENODATA);
  tell(path, "chdir", chdir(path.c_str()) == 0);
  if (fchdir(root) != 0) std::printf("%s lost\n", path.c_str());
  if (type != S_IFDIR) return;
  list(path);
  tell(path, "up", opens(path + "/..", O_RDONLY | O_DIRECTORY));
}

}  // namespace

int main(int count, char** words) {
  // A root that may be searched but not read is held by its path; one that may not be, is all there is to
  // say.
  const int root = count == 2 ? open(words[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  if (root < 0) return 2;
  if (fchdir(root) != 0) {
    std::printf(". chdir no\n");
    return 0;
  }
  std::string path;
  for (int byte = 0; (byte = std::getchar()) != EOF;) {
    if (byte != '\n') {
      path += static_cast<char>(byte);
      continue;
    }
    try_all(root, path);
    path.clear();
  }
}
