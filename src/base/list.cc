// SPDX-License-Identifier: MIT
#include "base/list.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace pwalk {

std::vector<std::string> list_directory(int directory) {
  Fd listing = open_at(directory, ".", O_RDONLY | O_DIRECTORY);  // an offset of its own
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(listing.get()), ::closedir);
  if (!stream) throw_errno("cannot list a directory");
  listing.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) throw_errno("cannot list a directory");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace pwalk
