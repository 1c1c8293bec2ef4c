// A snapshot read completely, the way a mount would come to see all of it, as bytes that say all that it
// says: equal for two snapshots that show the same tree. For tests that compare very often, so binary and
// quick; see describe.h for people.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "snapshot/snapshot.h"

namespace pwalk::test {

/// Every entry, directory, ACL and error record. FormatError where the snapshot breaks a rule that the reader
/// depends on; std::logic_error where it leads in a circle, which no rule of the reader's may let through.
std::string everything_in(const snapshot::Snapshot& snapshot);

}  // namespace pwalk::test
