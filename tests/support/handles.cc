// handles save HANDLES DIRECTORY: writes a file handle of DIRECTORY and of everything below it to the file
// HANDLES, and for each a line to standard output: what it is.
// handles open HANDLES DIRECTORY: opens each by its handle, on the file system that DIRECTORY is on, and
// writes the same lines: `PATH INODE MODE LINKS BYTES SECONDS.NANOSECONDS`, or `PATH: ` and the name of an
// errno. Paths end with a NUL in HANDLES and must not hold newlines. Only root may open by handle.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

FILE* handles = nullptr;

struct Handle {
  alignas(file_handle) unsigned char bytes[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  file_handle* get() { return reinterpret_cast<file_handle*>(bytes); }
};

void tell_error(const char* path) {
  std::printf("%s: %s\n", path, strerrorname_np(errno));
}

void tell(const char* path, const struct stat& facts) {
  std::printf("%s %ju %o %ju %jd %jd.%09ld\n", path, static_cast<uintmax_t>(facts.st_ino), facts.st_mode,
              static_cast<uintmax_t>(facts.st_nlink), static_cast<intmax_t>(facts.st_size),
              static_cast<intmax_t>(facts.st_mtim.tv_sec), facts.st_mtim.tv_nsec);
}

int save_one(const char* path, const struct stat* facts, int, FTW*) {
  Handle handle;
  handle.get()->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (name_to_handle_at(AT_FDCWD, path, handle.get(), &mount, 0) != 0) {
    tell_error(path);
    return 0;
  }
  std::fwrite(path, std::strlen(path) + 1, 1, handles);
  std::fwrite(handle.bytes, sizeof handle.bytes, 1, handles);
  tell(path, *facts);
  return 0;
}

void open_one(int file_system, const char* path, Handle& handle) {
  int descriptor = open_by_handle_at(file_system, handle.get(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat facts {};
  if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
    tell_error(path);
  } else {
    tell(path, facts);
  }
  if (descriptor >= 0) close(descriptor);
}

int open_all(const char* directory) {
  const int file_system = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file_system < 0) return 1;
  std::string path;
  for (int byte = 0; (byte = std::getc(handles)) != EOF;) {
    if (byte != 0) {
      path += static_cast<char>(byte);
      continue;
    }
    Handle handle;
    if (std::fread(handle.bytes, sizeof handle.bytes, 1, handles) != 1) return 1;
    open_one(file_system, path.c_str(), handle);
    path.clear();
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const bool saves = count == 4 && std::strcmp(words[1], "save") == 0;
  if (!saves && (count != 4 || std::strcmp(words[1], "open") != 0)) {
    std::fprintf(stderr, "usage: handles save|open HANDLES DIRECTORY\n");
    return 2;
  }
  handles = std::fopen(words[2], saves ? "w" : "r");
  if (handles == nullptr) return 1;
  const int result = saves ? nftw(words[3], save_one, 64, FTW_PHYS) : open_all(words[3]);
  return std::fclose(handles) != 0 || result != 0 ? 1 : 0;
}
