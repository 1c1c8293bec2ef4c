// SPDX-License-Identifier: MIT
#include "mount/root_access.h"

namespace pwalk::mount {

mode_t reachable_classes(const std::vector<snapshot::Ancestor>& ancestors, std::uint32_t uid,
                         std::uint32_t gid) noexcept {
  mode_t kept = S_IRWXU | S_IRWXG | S_IRWXO;
  for (const snapshot::Ancestor& ancestor : ancestors) {
    if (!ancestor.acl && (ancestor.mode & 0111) == 0111) continue;
    bool group = !ancestor.acl && ancestor.gid == gid && (ancestor.mode & 0110) == 0110;
    // Whose owner he is, no ACL and no group says more or less than the owner's bits.
    bool owner = ancestor.uid == uid && (ancestor.mode & 0100) != 0;
    kept &= ~mode_t{S_IRWXO};
    if (!group) kept &= ~mode_t{S_IRWXG};
    if (!owner) kept &= ~mode_t{S_IRWXU};
  }
  return kept;
}

mode_t reachable_classes(const snapshot::Snapshot& snapshot) {
  const auto& ancestors = snapshot.manifest().ancestors;
  if (!ancestors) return S_IRWXU | S_IRWXG | S_IRWXO;
  snapshot::Entry root = snapshot.root();
  return reachable_classes(*ancestors, root.uid, root.gid);
}

}  // namespace pwalk::mount
