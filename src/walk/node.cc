// SPDX-License-Identifier: MIT
#include "walk/node.h"

#include <algorithm>

namespace pwalk::walk {

Identity identity_of(const struct statx& stat) noexcept {
  return {device_of(stat), stat.stx_ino, (stat.stx_mask & STATX_MNT_ID) != 0 ? stat.stx_mnt_id : 0};
}

Identity Node::identity_of_pending(std::uint32_t position_in_pending) const noexcept {
  const Pending& subdirectory = pending[position_in_pending];
  if ((subdirectory.flags & pending_other_mount) != 0) {
    auto found =
        std::lower_bound(other_mounts.begin(), other_mounts.end(), position_in_pending,
                         [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
    return found->second;
  }
  return {identity.device, subdirectory.inode, identity.mount_id};
}

}  // namespace pwalk::walk
