// SPDX-License-Identifier: MIT
#include "walk/runnable.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace pwalk::walk {

namespace {

bool is_runnable(const char* thread) noexcept {
  std::array<char, 288> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%s/stat", thread);
  const Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text;
  ssize_t length = file ? ::read(file.get(), text.data(), text.size()) : 0;
  std::string_view fields(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  // The state stands behind the name, which is in brackets and may hold anything.
  std::size_t name_end = fields.rfind(") ");
  return name_end != std::string_view::npos && fields.substr(name_end + 2).starts_with('R');
}

}  // namespace

unsigned runnable_threads() noexcept {
  const std::unique_ptr<DIR, int (*)(DIR*)> threads(::opendir("/proc/self/task"), ::closedir);
  if (!threads) return 0;
  const std::string self = std::to_string(::gettid());  // short: takes no memory
  unsigned runnable = 0;
  while (const struct dirent* entry = ::readdir(threads.get()))
    if (entry->d_name[0] != '.' && entry->d_name != self && is_runnable(entry->d_name)) ++runnable;
  return runnable;
}

}  // namespace pwalk::walk
