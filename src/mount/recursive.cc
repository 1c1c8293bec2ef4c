// Recursive statistics out of a directory's record.
// SPDX-License-Identifier: MIT
#include "mount/recursive.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pwalk::mount {

namespace {

constexpr std::array<std::string_view, 6> names = {"user.pwalk.rbytes",   "user.pwalk.rfiles",
                                                   "user.pwalk.rsubdirs", "user.pwalk.rentries",
                                                   "user.pwalk.rctime",   "user.pwalk.disk_bytes"};

}  // namespace

std::uint64_t recursive_bytes(const snapshot::Directory& directory) noexcept {
  return directory.record.apparent_bytes - directory.record.excess_apparent;
}

std::optional<std::string> recursive_attribute(const snapshot::Directory& directory, std::string_view name) {
  const format::Directory& record = directory.record;
  if (name == "user.pwalk.rbytes") return std::to_string(recursive_bytes(directory));
  if (name == "user.pwalk.rfiles")
    return std::to_string(record.entries - record.directories - record.excess_inodes);
  if (name == "user.pwalk.rsubdirs") return std::to_string(record.directories);
  if (name == "user.pwalk.rentries") return std::to_string(record.entries - record.excess_inodes);
  if (name == "user.pwalk.disk_bytes") return std::to_string(record.disk_bytes - record.excess_disk);
  if (name == "user.pwalk.rctime") {
    snapshot::Timestamp newest = directory.totals().newest_ctime;
    if (newest != snapshot::no_time) return fmt::format("{}.{:09}", newest.seconds, newest.nanoseconds);
  }
  return std::nullopt;
}

bool is_recursive_attribute(std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string recursive_attribute_names() {
  std::string list;
  for (std::string_view name : names) {
    list += name;
    list += '\0';
  }
  return list;
}

}  // namespace pwalk::mount
