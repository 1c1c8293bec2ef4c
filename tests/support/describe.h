// A snapshot as text that says everything of every entry and nothing of where its records lie: equal for two
// scans of one tree, whatever the number of workers and shards.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace pwalk::test {

/// One line an entry, depth first in name order. Device numbers instead of device indices.
std::vector<std::string> describe(const snapshot::Snapshot& snapshot);

}  // namespace pwalk::test
