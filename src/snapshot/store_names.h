// What things are called in a store: NAMEs after the root that is scanned, TIMEs after the scan's start. Pure
// functions, but for the store's default place.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "snapshot/manifest.h"

namespace pwalk::snapshot {

// What a store has besides NAMEs and TIMEs.
inline constexpr char latest_name[] = "latest";    // in a NAME: the link to its newest complete snapshot
inline constexpr char lock_name[] = ".lock";       // in the store and in each NAME
inline constexpr char slot_name[] = ".next-slot";  // in the store: the slot that the next scan gets

/// $PWALK_STORE, or /var/lib/pwalk for root, or $HOME/.local/share/pwalk.
std::string default_store_path();

/// NAME of a root: its absolute path with `/` as `-` and a literal `-` doubled, `_root_` for `/`; what would
/// be longer than 200 bytes ends in a hash instead. A leading dot becomes `_.`.
std::string default_snapshot_name(std::string_view absolute_root);

/// Why `name` cannot be a NAME; empty if it can.
std::string why_not_a_name(std::string_view name);

/// TIME of a start: 2026-11-22T184652Z.
std::string time_name(Timestamp start);

/// Order of TIME names: by their text, and by the number of a collision's suffix.
bool time_name_before(std::string_view a, std::string_view b);

/// Whether `name` is the TIME of a snapshot with this start, with or without such a suffix: what somebody
/// renamed by hand is none.
bool is_time_name(std::string_view name, Timestamp start);

}  // namespace pwalk::snapshot
