// An entry's facts as stat shows them, and the errno that a directory which was not read answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>

#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// The entry's attributes with `inode` as st_ino. Without a stat: type as far as it is known, else a regular
/// file; mode 0000, one link, everything else 0. Seconds keep their sign: libfuse and the kernel hand the 64
/// bits through.
struct stat attributes_of(const snapshot::Entry& entry, std::uint64_t inode) noexcept;

/// An amount of bytes as st_size: at most what fits, because the kernel refuses a size beyond 2^63.
off_t shown_size(std::uint64_t bytes) noexcept;

/// Type bits of the entry, S_IFREG where not even the type is known.
mode_t type_of(const snapshot::Entry& entry) noexcept;

/// What the end of the directory's listing answers: 0 for one that was read or excluded, else the recorded
/// errno as listable_error() has it; no errno is EIO.
int listing_error(const snapshot::Directory& directory) noexcept;

/// What looking up a name that is not recorded answers: ENOENT where all names are known, else the recorded
/// errno (EIO without one).
int missing_name_error(const snapshot::Directory& directory) noexcept;

/// An errno as a listing may answer it: ESTALE for ENOENT, which readdir(3) takes for the end, and EIO for
/// EOVERFLOW, after which ls reads on, to get the same error for ever.
int listable_error(int error) noexcept;

/// An errno that may be sent: the kernel refuses a reply with 512 or more, and the request would wait for
/// ever.
int sendable_error(int error) noexcept;

}  // namespace pwalk::mount
