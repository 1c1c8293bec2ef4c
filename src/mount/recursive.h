// The statistics of a directory's subtree under the names, and with the meaning, that CephFS gives them: each
// inode once, the directory itself among the directories and entries, its bytes those of everything but
// directories.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// st_size of everything below but directories, in bytes.
std::uint64_t recursive_bytes(const snapshot::Directory& directory) noexcept;

/// The value of `user.pwalk.rbytes`, `rfiles`, `rsubdirs`, `rentries`, `rctime` (seconds, a dot, nine digits)
/// and `disk_bytes`, in decimal; nothing for other names, and for rctime where no time is known.
std::optional<std::string> recursive_attribute(const snapshot::Directory& directory, std::string_view name);

/// Whether `name` is among them.
bool is_recursive_attribute(std::string_view name) noexcept;

/// Their names as listxattr(2) answers them, each with its NUL.
std::string recursive_attribute_names();

}  // namespace pwalk::mount
