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

/// A warning where a snapshot of `entries` will probably not fit into `available_bytes` at `path`, otherwise
/// empty.
std::string space_warning(std::uint64_t entries, std::uint64_t available_bytes, const std::string& path);

}  // namespace pwalk::scan
