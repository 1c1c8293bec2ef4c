// The path that a directory had when it was scanned, as far as it is of a reasonable length: a tree may be
// 100,000 levels deep, and a path of 25 megabytes is no use to anybody.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "snapshot/snapshot.h"

namespace pwalk::report {

inline constexpr std::size_t path_bytes_max = 65536;
/// A level takes a fifth of a microsecond, and somebody may ask for nothing else.
inline constexpr std::uint32_t path_levels_max = 4096;

/// Absolute; nothing where it has more than path_bytes_max bytes or the directory is more than
/// path_levels_max levels deep. Reads one record and one name a level.
std::optional<std::string> scanned_path(const snapshot::Snapshot& snapshot,
                                        const snapshot::Directory& directory);

}  // namespace pwalk::report
