// Everything that a snapshot holds of one entry, and of one directory on its own, as JSON for programs.
// Names, paths and targets are percent-encoded as in the manifest (see percent_encode): any bytes,
// reversibly.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "report/error_index.h"
#include "snapshot/snapshot.h"

namespace pwalk::report {

/// Names that this machine has for an entry's owner and group; nothing where it has none.
struct Owner {
  std::optional<std::string> user;
  std::optional<std::string> group;
};

inline constexpr std::size_t entry_errors_max = 100;  // a scan has at most a few

/// One entry: its recorded fields, for a directory whether and why it was not entered, and what failed: no
/// more than entry_errors_max, with the number of those left out, and null where the snapshot has more than
/// KeptErrorIndex::records_max. `errors` is the snapshot's.
std::string entry_json(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
                       const KeptErrorIndex& errors);

/// One directory: its path, the same fields, and the counts and bytes of its children without what is below
/// them (`own`: each entry counted, bytes of those that are no directories). Padded with spaces to
/// own_json_bytes(), which does not depend on `own`.
std::string own_json(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
                     const KeptErrorIndex& errors);
std::size_t own_json_bytes(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry,
                           const Owner& owner, const KeptErrorIndex& errors);

}  // namespace pwalk::report
