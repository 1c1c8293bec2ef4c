// The snapshots of a store as a table for people and as JSON for programs: pwalk-store list.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "snapshot/store.h"

namespace pwalk::report {

/// A snapshot and the NAME that it is of.
using Listed = std::pair<std::string, snapshot::StoredSnapshot>;

/// A line for each, after a line of titles; a NAME's odd bytes escaped. Empty without snapshots.
std::string store_table(const std::vector<Listed>& snapshots);

/// An array of objects, one a line; names and paths percent-encoded as in the manifest.
std::string store_json(const std::vector<Listed>& snapshots);

}  // namespace pwalk::report
