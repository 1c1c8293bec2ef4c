// The children of one directory, one after the other in name order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "snapshot/entry_reader.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot {

class ShardReader;

/// Checks what a child by itself cannot show: that its name follows the one before and that a directory among
/// them is this one's. Reading on costs half of what Snapshot::child() costs for each: the name before is
/// known, the attributes mostly are.
class Children {
 public:
  /// From child `position` on. Both must outlive it. FormatError where `directory` has no such shard.
  Children(const Snapshot& snapshot, const Directory& directory, std::uint32_t position = 0);

  bool at_end() const noexcept { return position_ >= directory_.record.child_count; }
  /// The next child, which position() was the number of. FormatError for a broken rule, and at the end; the
  /// position is then the same as before.
  Entry next();
  std::uint32_t position() const noexcept { return position_; }

 private:
  const Snapshot& snapshot_;
  const Directory& directory_;
  const ShardReader& shard_;
  std::uint32_t position_;
  bool before_known_ = false;
  std::string_view before_;  // name of the child before
  RememberedAttributes attributes_;
};

/// FormatError unless `child`'s record says that it is a child of `directory`.
void check_is_child(const Snapshot& snapshot, const Directory& directory, const Directory& child);

}  // namespace pwalk::snapshot
