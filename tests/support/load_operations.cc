// SPDX-License-Identifier: MIT
#include "support/load_operations.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace load {

namespace {

constexpr std::array views = {"/.pwalk/own.json", "/.pwalk/summary", "/.pwalk/summary.json", "/.pwalk/errors",
                              "/.pwalk/du",       "/.pwalk/stat",    "/.pwalk/snapshot.json"};
constexpr std::size_t largest_buffer = std::size_t{1} << 20;

int outcome(long result) noexcept {
  return result < 0 ? errno : 0;
}

const std::string& any_of(const std::vector<std::string>& paths, Random& random) {
  static const std::string none = ".";
  return paths.empty() ? none : paths[random() % paths.size()];
}

const std::string& any_path(const Places& places, Random& random) {
  switch (random() % 4) {
    case 0:
      return any_of(places.directories, random);
    case 1:
      return any_of(places.links, random);
    default:
      return any_of(places.files, random);
  }
}

std::string any_view(const Places& places, Random& random) {
  return any_of(places.directories, random) + views[random() % views.size()];
}

/// Of every kind that lseek takes: small, large, and none that a listing ever gave.
off_t odd_offset(Random& random) {
  std::uint64_t any = random();
  switch (any % 4) {
    case 0:
      return static_cast<off_t>(any >> 8 & 63);
    case 1:
      return static_cast<off_t>(any >> 8 & 0xffff);
    case 2:
      return static_cast<off_t>(any >> 1);
    default:
      return static_cast<off_t>(any >> 1 | std::uint64_t{1} << 62);
  }
}

char* buffer() {
  thread_local std::vector<char> bytes(largest_buffer);
  return bytes.data();
}

std::size_t any_room(Random& random, bool greedy) {
  return greedy ? largest_buffer : std::size_t{512} << random() % 8;
}

int list_at(int directory, off_t offset, std::size_t room) {
  if (offset != 0 && lseek(directory, offset, SEEK_SET) < 0) return errno;
  return outcome(syscall(SYS_getdents64, directory, buffer(), room));
}

class Opened {
 public:
  Opened(const std::string& path, int flags)
      : descriptor_(open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

int list_somewhere(const Places& places, Random& random, bool greedy) {
  Opened directory(any_of(places.directories, random), O_RDONLY | O_DIRECTORY);
  if (directory.get() < 0) return errno;
  return list_at(directory.get(), odd_offset(random), any_room(random, greedy));
}

int read_somewhere(const Places& places, Random& random, bool greedy) {
  Opened view(any_view(places, random), O_RDONLY);
  if (view.get() < 0) return errno;
  posix_fadvise(view.get(), 0, 0, POSIX_FADV_DONTNEED);
  off_t offset = random() % 2 == 0 ? 0 : odd_offset(random) & 0xffffff;
  int error = outcome(pread(view.get(), buffer(), any_room(random, greedy), offset));
  return error == EISDIR ? list_at(view.get(), 0, any_room(random, greedy)) : error;
}

int look_up_nothing(const Places& places, Random& random) {
  static constexpr std::array beginnings = {"/",           "/.pwalk",       "/.pwalk/",
                                            "/.pwalk/du/", "/.pwalk/stat/", "/.pwalk~"};
  std::string name = any_of(places.directories, random) + beginnings[random() % beginnings.size()] +
                     std::to_string(random());
  struct stat facts {};
  int error = outcome(lstat(name.c_str(), &facts));
  return error == ENOENT ? 0 : error;
}

int make_handle(const std::string& path) {
  alignas(file_handle) char bytes[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(bytes);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  return outcome(name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0));
}

/// What must be refused, and is: the refusal is not an error here.
int refused(int error, int wanted) {
  return error == wanted ? 0 : error;
}

}  // namespace

void Places::collect(const std::string& top, std::size_t limit) {
  tops.push_back(top);
  std::vector<std::string> pending{top};
  while (!pending.empty() && directories.size() < limit) {
    std::string path = std::move(pending.back());
    pending.pop_back();
    DIR* stream = opendir(path.c_str());
    if (stream == nullptr) continue;
    directories.push_back(path);
    while (const dirent* entry = readdir(stream)) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (entry->d_type == DT_DIR) {
        pending.push_back(path + "/" + name);
      } else {
        std::vector<std::string>& kind = entry->d_type == DT_LNK ? links : files;
        if (kind.size() < limit) kind.push_back(path + "/" + name);
      }
    }
    closedir(stream);
  }
}

Handles::~Handles() {
  for (int descriptor : open_)
    if (descriptor >= 0) close(descriptor);
}

int Handles::replace(const Places& places, Random& random) {
  int& place = open_[random() % open_.size()];
  if (place >= 0) close(place);
  bool is_view = random() % 2 == 0;
  place = open((is_view ? any_view(places, random) : any_of(places.directories, random)).c_str(),
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  return outcome(place);
}

int Handles::use(Random& random) {
  int descriptor = open_[random() % open_.size()];
  if (descriptor < 0) return 0;
  int error = outcome(pread(descriptor, buffer(), 4096, odd_offset(random) & 0xffff));
  return error == EISDIR ? list_at(descriptor, odd_offset(random), 4096) : error;
}

std::size_t Handles::fill(const Places& places, Random& random) {
  std::size_t filled = 0;
  for (int& place : open_) {
    for (int tries = 0; tries < 100 && place < 0; ++tries)
      place =
          open((random() % 2 == 0 ? any_view(places, random) : any_of(places.directories, random)).c_str(),
               O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    filled += place >= 0;
  }
  return filled;
}

int ask_attributes(const std::string& path) {
  struct statx facts {};
  return outcome(
      statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &facts));
}

int list_all(const std::string& directory) {
  Opened opened(directory, O_RDONLY | O_DIRECTORY);
  if (opened.get() < 0) return errno;
  // From the third entry on: a listing from the start may come out of the kernel's cache.
  if (lseek(opened.get(), 2, SEEK_SET) < 0) return errno;
  long got = 0;
  do {
    got = syscall(SYS_getdents64, opened.get(), buffer(), std::size_t{32} << 10);
  } while (got > 0);
  return outcome(got);
}

int read_afresh(const std::string& file) {
  Opened opened(file, O_RDONLY);
  if (opened.get() < 0) return errno;
  posix_fadvise(opened.get(), 0, 0, POSIX_FADV_DONTNEED);
  return outcome(read(opened.get(), buffer(), std::size_t{64} << 10));
}

int operate(const Places& places, Handles& handles, Random& random, Patience patience) {
  bool greedy = patience != Patience::some;
  if (patience == Patience::none) {
    Opened errors(any_of(places.tops, random) + "/.pwalk/errors", O_RDONLY);
    return errors.get() < 0 ? errno : outcome(pread(errors.get(), buffer(), 4096, 0));
  }
  switch (random() % 12) {
    case 0:
    case 1:
      return list_somewhere(places, random, greedy);
    case 2:
      return ask_attributes(any_of(places.tops, random));
    case 3:
      return ask_attributes(any_path(places, random));
    case 4:
      return read_somewhere(places, random, greedy);
    case 5:
      return look_up_nothing(places, random);
    case 6: {
      struct statfs numbers {};
      return outcome(statfs(any_of(places.directories, random).c_str(), &numbers));
    }
    case 7:
      return make_handle(any_path(places, random));
    case 8:
      return handles.replace(places, random);
    case 9:
      return handles.use(random);
    case 10: {
      char target[4096];
      int error = outcome(readlink(any_of(places.links, random).c_str(), target, sizeof target));
      getxattr(any_path(places, random).c_str(), "system.posix_acl_access", nullptr, 0);
      return error;
    }
    default: {
      std::string made = any_of(places.directories, random) + "/" + std::to_string(random() % 1000);
      int error = refused(outcome(mkdir(made.c_str(), 0700)), EROFS);
      Opened file(any_of(places.files, random), O_RDONLY);
      return error != 0 || file.get() >= 0 ? error : refused(errno, EOPNOTSUPP);
    }
  }
}

}  // namespace load
