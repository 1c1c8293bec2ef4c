// What the directories above a scan's root leave of its permission bits. In a mount the root has no such
// directories above it, so whoever they kept out is kept out by the root itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <vector>

#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// Permission bits (of 0777) that a root with this owner and group keeps: those of its owner, its group and
/// others, each all or none. A class keeps its bits only if every one in it may search every ancestor: all
/// may (x for owner, group and others, no ACL); or, for the group's, the ancestor has that group, x for owner
/// and group, and no ACL; or, for the owner's, the ancestor has that owner and x for him.
mode_t reachable_classes(const std::vector<snapshot::Ancestor>& ancestors, std::uint32_t uid,
                         std::uint32_t gid) noexcept;
/// The same of a snapshot's root; all where its scan did not record the ancestors.
mode_t reachable_classes(const snapshot::Snapshot& snapshot);

}  // namespace pwalk::mount
