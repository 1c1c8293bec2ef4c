// The directories above a scan's root: whoever may not search one of them does not reach the tree.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "snapshot/manifest.h"

namespace pwalk::scan {

/// Of the absolute path `root`, from `/` to its parent; none for `/`. One that cannot be looked at is closed
/// to all. Where `acls_wanted` is false nothing is known of their ACLs.
std::vector<snapshot::Ancestor> ancestors_of(const std::string& root, bool acls_wanted);

}  // namespace pwalk::scan
