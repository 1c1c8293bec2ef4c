// Permission bits and ACLs of views.
// SPDX-License-Identifier: MIT
#include "mount/view_access.h"

#include <cstring>

#include "base/error.h"
#include "snapshot/format.h"

namespace pwalk::mount {

namespace {

// The value of system.posix_acl_access, as in linux/posix_acl_xattr.h.
constexpr std::uint32_t acl_version = 2;
constexpr std::uint16_t tag_user_object = 0x01;
constexpr std::uint16_t tag_mask = 0x10;
constexpr std::uint16_t tag_other = 0x20;

struct AclEntry {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};
static_assert(sizeof(AclEntry) == 8);

/// One class's three bits (r 4, w 2, x 1) changed for a view.
unsigned view_bits(unsigned bits, ViewRight right, bool is_directory) noexcept {
  if (right == ViewRight::as_directory) return bits & 5;
  if ((bits & 5) != 5) return 0;
  return is_directory ? 5 : 4;
}

unsigned most_bits(ViewRight right, bool is_directory) noexcept {
  return view_bits(7, right, is_directory);
}

}  // namespace

mode_t view_permissions(mode_t directory_mode, ViewRight right, bool is_directory, bool by_acl) noexcept {
  auto changed = [&](unsigned shift) {
    return view_bits(directory_mode >> shift & 7, right, is_directory) << shift;
  };
  // The kernel looks at an ACL only where the group's bits, which are then its mask, are not all 0.
  unsigned group = by_acl ? most_bits(right, is_directory) << 3 : changed(3);
  return changed(6) | group | changed(0);
}

std::string view_acl(std::string_view access_value, ViewRight right, bool is_directory) {
  std::uint32_t version = 0;
  if (access_value.size() >= sizeof version) std::memcpy(&version, access_value.data(), sizeof version);
  if (version != acl_version || (access_value.size() - sizeof version) % sizeof(AclEntry) != 0)
    throw_errno(EIO, "an ACL is of no known form");
  std::size_t count = (access_value.size() - sizeof version) / sizeof(AclEntry);
  auto entry_at = [&](std::size_t i) {
    AclEntry entry{};
    std::memcpy(&entry, access_value.data() + sizeof version + i * sizeof entry, sizeof entry);
    return entry;
  };
  unsigned mask = 7;
  for (std::size_t i = 0; i < count; ++i) {
    if (entry_at(i).tag == tag_mask) mask = entry_at(i).permissions;
  }
  std::string value(access_value.substr(0, sizeof version));
  for (std::size_t i = 0; i < count; ++i) {
    AclEntry entry = entry_at(i);
    unsigned bits = entry.permissions;
    if (entry.tag == tag_mask) {
      bits = 7;
    } else if (entry.tag != tag_user_object && entry.tag != tag_other) {
      bits &= mask;
    }
    entry.permissions = static_cast<std::uint16_t>(view_bits(bits, right, is_directory));
    value.append(reinterpret_cast<const char*>(&entry), sizeof entry);
  }
  return value;
}

mode_t subtree_permissions(mode_t directory_mode, std::uint16_t access, bool is_directory) noexcept {
  unsigned classes = 0;
  if ((access & format::access_everyone) != 0) classes = 0777;
  if ((access & format::access_group) != 0) classes |= 0070;
  if ((access & format::access_owner) != 0) classes |= 0700;
  return view_permissions(directory_mode & classes, ViewRight::both, is_directory, false);
}

}  // namespace pwalk::mount
