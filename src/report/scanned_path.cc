// SPDX-License-Identifier: MIT
#include "report/scanned_path.h"

#include <string_view>
#include <vector>

#include "base/text.h"

namespace pwalk::report {

std::optional<std::string> scanned_path(const snapshot::Snapshot& snapshot,
                                        const snapshot::Directory& directory) {
  if (directory.record.depth > path_levels_max) return std::nullopt;
  std::string path = snapshot.manifest().root;
  std::size_t length = path.size();
  std::vector<std::string_view> names;
  for (snapshot::Directory at = directory; !at.is_root(); at = snapshot.parent_of(at)) {
    names.push_back(snapshot.entry(at.entry()).name);
    length += names.back().size() + 1;
    if (length > path_bytes_max) return std::nullopt;
  }
  for (auto name = names.rbegin(); name != names.rend(); ++name) append_name(path, *name);
  return path;
}

}  // namespace pwalk::report
