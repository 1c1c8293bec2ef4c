// Who reads a snapshot and who removes it, told by flock(2) on its manifest: readers share it, a remover has
// it alone. Such a mark goes with the process that holds it, however that ends.
//
// On the manifest, not on the directory: an NFS client passes locks on files on to the server, so that marks
// hold between machines, but has none for directories.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "base/fd.h"

namespace pwalk::snapshot {

/// Marks the snapshot in `directory` as being read for as long as the result lives. std::system_error ENOENT
/// where there is no manifest, or it is being removed. No mark is set where the file system has no locks.
Fd mark_as_read(int directory);

/// Marks it as being removed; nothing where somebody reads it. std::system_error where there is no manifest
/// or it cannot be locked.
std::optional<Fd> mark_as_removed(int directory);

/// Whether somebody reads or removes it; nothing where that cannot be told.
std::optional<bool> is_in_use(int directory) noexcept;

}  // namespace pwalk::snapshot
