// A scan that takes what others leave, and whether its snapshot will fit.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace pwalk::scan {

/// Puts this thread, and those that it starts from now on, into the idle class of the processors' scheduler
/// and of the disks'. Empty, or which of them was refused and why.
std::string take_what_others_leave();

/// Bytes that the snapshot of so many entries takes, about: records, names of twenty bytes, directories.
std::uint64_t bytes_forecast(std::uint64_t entries) noexcept;

/// How many entries a scan will find.
struct Expected {
  std::uint64_t entries = 0;
  bool at_most = false;  // all that the file system has; the tree may be a part of it
};

/// A warning where a snapshot of the entries `expected` will probably not fit into `available_bytes` at
/// `path`, otherwise empty.
std::string space_warning(Expected expected, std::uint64_t available_bytes, const std::string& path);

}  // namespace pwalk::scan
