// What a daemon that was killed leaves: a mount that answers everything with ENOTCONN until somebody unmounts
// it. That is right as long as nobody mounts anew, since an empty directory would look like a history lost.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace pwalk::mount {

/// Detaches from `mount_point` (absolute, without symbolic links) the mounts of this program whose daemon is
/// gone, with fusermount3 where umount2(2) is not allowed. Says how many there were. Any other mount stays as
/// it is, a living one and another program's dead one too.
int detach_dead_mounts(const std::string& mount_point);

}  // namespace pwalk::mount
