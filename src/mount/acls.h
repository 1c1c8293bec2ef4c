// Rights that a directory's mode bits do not tell. POSIX ACLs are in the snapshot: the kernel fetches them as
// extended attributes and enforces them. Other ACLs are not, nor are those that the scan could not read; the
// mode bits of such a directory may grant more than it did, so where others may use the mount it is closed to
// group and other.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace pwalk::mount {

/// What a mount has to go by; the same for all who ask.
struct AclPolicy {
  bool others_allowed = false;       // -o allow_other or allow_root
  bool mode_trusted = false;         // -o acl=mode: where an ACL is not known, the mode bits are believed
  bool posix_acls_enforced = false;  // the kernel asks for the POSIX ACLs and goes by them

  /// Whether any directory can be closed; if not, nobody need look.
  bool may_close() const noexcept { return others_allowed && !mode_trusted; }
};

/// Whether the directory is closed to group and other.
bool is_closed(const snapshot::Directory& directory, const AclPolicy& policy) noexcept;

/// `mode` of a closed directory.
constexpr mode_t closed_mode(mode_t mode) noexcept {
  return mode & ~mode_t{S_IRWXG | S_IRWXO};
}

/// The value of the extended attribute `name`: empty where there is none.
std::string_view acl_attribute(const snapshot::Acl& acl, std::string_view name) noexcept;
/// Whether `name` is an attribute that holds a POSIX ACL: one that this file system has.
bool is_acl_attribute(std::string_view name) noexcept;
/// The names of the ACL's attributes as listxattr(2) answers them, each with its NUL.
std::string acl_attribute_names(const snapshot::Acl& acl);

}  // namespace pwalk::mount
