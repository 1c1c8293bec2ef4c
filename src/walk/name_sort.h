// The order of the names of a directory: that of memcmp, found by the eight bytes that each name keeps as a
// number, so that of many names not each comparison has to look where the name lies.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "walk/listing.h"

namespace pwalk::walk {

/// The first eight bytes of what is behind `name`, as a number; eight bytes from there on can be read.
std::uint64_t prefix_of(const char* name, std::uint32_t length) noexcept;

/// Those with equal names in the order in which they were listed. Prefixes have no meaning afterwards.
void sort_by_name(std::span<Listed64> names);

}  // namespace pwalk::walk
