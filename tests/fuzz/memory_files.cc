// The library's calls that the readers of a snapshot make of its files, defined anew.
// SPDX-License-Identifier: MIT
#include "fuzz/memory_files.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <vector>

namespace pwalk::fuzz {

namespace {

constexpr int first_descriptor = 1 << 28;  // beyond what the kernel gives

const std::map<std::string, std::string>* shown = nullptr;
std::vector<const std::string*> opened;  // by descriptor; nullptr once closed
std::vector<const void*> mapped;

/// What such a descriptor has open; nullptr where it is one of the kernel's.
const std::string* contents_of(int descriptor) noexcept {
  std::size_t index = static_cast<std::size_t>(descriptor) - first_descriptor;
  return descriptor >= first_descriptor && index < opened.size() ? opened[index] : nullptr;
}

const std::string* contents_of(const char* name, int flags) {
  if (shown == nullptr || (flags & O_ACCMODE) != O_RDONLY || (flags & O_DIRECTORY) != 0) return nullptr;
  auto found = shown->find(name);
  return found == shown->end() ? nullptr : &found->second;
}

template <class Function>
Function* library(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void show_files(const std::map<std::string, std::string>* files) noexcept {
  shown = files;
}

}  // namespace pwalk::fuzz

// Outside of all namespaces, under whatever name the library knows them (openat64 …).

using pwalk::fuzz::contents_of;
using pwalk::fuzz::library;

extern "C" int openat(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  if (const std::string* contents = contents_of(path, flags)) {
    auto& opened = pwalk::fuzz::opened;
    auto free = std::find(opened.begin(), opened.end(), nullptr);
    if (free == opened.end()) free = opened.insert(free, nullptr);
    *free = contents;
    return pwalk::fuzz::first_descriptor + static_cast<int>(free - opened.begin());
  }
  static auto* real = library<int(int, const char*, int, ...)>("openat");
  return real(directory, path, flags, mode);
}

extern "C" int close(int descriptor) {
  if (contents_of(descriptor) != nullptr) {
    pwalk::fuzz::opened[static_cast<std::size_t>(descriptor - pwalk::fuzz::first_descriptor)] = nullptr;
    return 0;
  }
  static auto* real = library<int(int)>("close");
  return real(descriptor);
}

extern "C" int fstat(int descriptor, struct stat* status) noexcept {
  if (const std::string* contents = contents_of(descriptor)) {
    *status = {};
    status->st_mode = S_IFREG | 0600;
    status->st_size = static_cast<off_t>(contents->size());
    return 0;
  }
  static auto* real = library<int(int, struct stat*)>("fstat");
  return real(descriptor, status);
}

extern "C" ssize_t pread(int descriptor, void* buffer, std::size_t room, off_t offset) {
  if (const std::string* contents = contents_of(descriptor)) {
    if (offset < 0) {
      errno = EINVAL;
      return -1;
    }
    std::size_t at = std::min(static_cast<std::size_t>(offset), contents->size());
    std::size_t length = std::min(room, contents->size() - at);
    std::memcpy(buffer, contents->data() + at, length);
    return static_cast<ssize_t>(length);
  }
  static auto* real = library<ssize_t(int, void*, std::size_t, off_t)>("pread");
  return real(descriptor, buffer, room, offset);
}

extern "C" void* mmap(void* address, std::size_t length, int protection, int flags, int descriptor,
                      off_t offset) noexcept {
  if (const std::string* contents = contents_of(descriptor)) {
    if (offset != 0 || length > contents->size() || protection != PROT_READ) {
      errno = EINVAL;
      return MAP_FAILED;
    }
    pwalk::fuzz::mapped.push_back(contents->data());
    return const_cast<char*>(contents->data());
  }
  static auto* real = library<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  return real(address, length, protection, flags, descriptor, offset);
}

extern "C" int munmap(void* address, std::size_t length) noexcept {
  auto& mapped = pwalk::fuzz::mapped;
  auto ours = std::find(mapped.begin(), mapped.end(), address);
  if (ours != mapped.end()) {
    mapped.erase(ours);
    return 0;
  }
  static auto* real = library<int(void*, std::size_t)>("munmap");
  return real(address, length);
}
