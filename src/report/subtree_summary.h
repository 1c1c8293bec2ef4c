// The totals of a directory's subtree with the scan that they are of: as JSON for programs and as text for
// people. Each inode counts once in the bytes, as du(1) counts. The length of either text follows from what
// can be known without looking below the directory: it tells nothing of the totals.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace pwalk::report {

/// `scan_name`: the NAME of the scan.
std::string summary_json(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         std::string_view scan_name);
std::size_t summary_json_bytes(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                               std::string_view scan_name);

std::string summary_text(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         std::string_view scan_name);
std::size_t summary_text_bytes(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                               std::string_view scan_name);

}  // namespace pwalk::report
