// From the records of one entry, in its shard's arrays, to the checked copy that a Snapshot hands out.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/format.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot {

class ShardReader;

/// Attributes record `index` of a shard of a snapshot that has so many devices. FormatError for a broken
/// rule.
format::Attributes read_attributes(const ShardReader& shard, std::uint32_t index, std::size_t devices);

/// The attributes record that was read and checked last, for the next entry of the same shard: neighbours
/// mostly share one.
struct RememberedAttributes {
  std::optional<std::uint32_t> index;
  format::Attributes record = {};
};

/// Entry `index` of a shard of a snapshot that has so many devices. FormatError for a broken rule.
Entry read_entry(const ShardReader& shard, std::uint32_t index, std::size_t devices,
                 RememberedAttributes& attributes);

/// Its name alone, checked; for searches, which need nothing else.
std::string_view read_name(const ShardReader& shard, std::uint32_t index);

}  // namespace pwalk::snapshot
