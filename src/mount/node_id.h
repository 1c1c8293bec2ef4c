// Node ids by arithmetic: kind 4 bits | 60 bits, which for an entry and for the views of it are store slot 20
// | entry number 40, and for what the store itself has a hash. 1 is the root and no other id is 0 or 1, so
// the daemon keeps no table of what the kernel knows, and forgets nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "snapshot/format.h"

namespace pwalk::mount {

enum class NodeKind : std::uint8_t {
  none = 0,
  entry = 1,   // slot and entry number; a TIME directory is entry 0 of its snapshot
  name = 2,    // a NAME directory, by the hash of NAME
  latest = 3,  // a NAME's link, by the hash of NAME and target: a new target is another node, so that a
               // target that the kernel has cached is never stale
  // The views in a directory's `.pwalk`: slot and entry number of that directory …
  views = 4,  // `.pwalk` itself
  stat_directory = 5,
  du_directory = 6,
  own_json = 7,
  summary_json = 8,
  summary = 9,
  errors = 10,
  snapshot_json = 11,  // of the root only
  // … and slot and entry number of the child.
  stat_file = 12,
  du_file = 13,
};

inline constexpr std::uint64_t root_node = 1;
inline constexpr unsigned node_value_bits = 60;
inline constexpr std::uint64_t node_value_mask = (std::uint64_t{1} << node_value_bits) - 1;
inline constexpr std::uint64_t entry_number_mask = (std::uint64_t{1} << format::entry_number_bits) - 1;

constexpr std::uint64_t make_node(NodeKind kind, std::uint64_t value) noexcept {
  return std::uint64_t{static_cast<std::uint8_t>(kind)} << node_value_bits | (value & node_value_mask);
}

/// `slot` below 2^20, `entry_number` below 2^40.
constexpr std::uint64_t entry_node(std::uint32_t slot, std::uint64_t entry_number) noexcept {
  return make_node(NodeKind::entry, std::uint64_t{slot} << format::entry_number_bits | entry_number);
}

/// NodeKind::none for a number that is no id (of the root too, whose meaning follows from the source).
constexpr NodeKind node_kind(std::uint64_t node) noexcept {
  std::uint64_t kind = node >> node_value_bits;
  return kind <= static_cast<std::uint8_t>(NodeKind::du_file) ? static_cast<NodeKind>(kind) : NodeKind::none;
}
constexpr bool is_view(NodeKind kind) noexcept {
  return kind >= NodeKind::views;
}
/// The node id of a view of an entry.
constexpr std::uint64_t view_node(NodeKind view, std::uint32_t slot, std::uint64_t entry_number) noexcept {
  return make_node(view, std::uint64_t{slot} << format::entry_number_bits | entry_number);
}
constexpr std::uint64_t node_value(std::uint64_t node) noexcept {
  return node & node_value_mask;
}
constexpr std::uint32_t node_slot(std::uint64_t node) noexcept {
  return static_cast<std::uint32_t>(node_value(node) >> format::entry_number_bits);
}
constexpr std::uint64_t node_entry_number(std::uint64_t node) noexcept {
  return node & entry_number_mask;
}

/// 60 bits for a NAME. Two NAMEs of a store share it with a chance below names² / 2^61.
inline std::uint64_t name_hash(std::string_view name) noexcept {
  return hash64(name.data(), name.size()) & node_value_mask;
}

/// For an id that names nothing (any more).
[[noreturn]] inline void throw_stale() {
  throw_errno(ESTALE, "there is no such node");
}

/// What makes a handle of an older use of a slot stale: 32 bits of the snapshot's uuid, never 0.
inline std::uint32_t generation_of(const std::array<std::uint8_t, 16>& uuid) noexcept {
  std::uint64_t hash = hash64(uuid.data(), uuid.size());
  auto folded = static_cast<std::uint32_t>(hash ^ hash >> 32);
  return folded == 0 ? 1 : folded;
}

}  // namespace pwalk::mount
