// The two attributes that hold POSIX ACLs, and which directories are closed.
// SPDX-License-Identifier: MIT
#include "mount/acls.h"

#include "snapshot/format.h"

namespace pwalk::mount {

namespace {

constexpr std::string_view access_name = "system.posix_acl_access";
constexpr std::string_view default_name = "system.posix_acl_default";

}  // namespace

bool is_closed(const snapshot::Directory& directory, const AclPolicy& policy) noexcept {
  if (!policy.may_close()) return false;
  // Of a directory that was not opened, on purpose or not, nobody has seen whether it has an ACL.
  if (directory.record.state != format::state_read && directory.record.state != format::state_partial)
    return true;
  if ((directory.record.flags & (format::directory_rich_acl | format::directory_acl_unread)) != 0)
    return true;
  return directory.record.acl != format::no_acl && !policy.posix_acls_enforced;
}

std::string_view acl_attribute(const snapshot::Acl& acl, std::string_view name) noexcept {
  if (name == access_name) return acl.access_value;
  if (name == default_name) return acl.default_value;
  return {};
}

bool is_acl_attribute(std::string_view name) noexcept {
  return name == access_name || name == default_name;
}

std::string acl_attribute_names(const snapshot::Acl& acl) {
  std::string names;
  for (std::string_view name : {access_name, default_name}) {
    if (acl_attribute(acl, name).empty()) continue;
    names += name;
    names += '\0';
  }
  return names;
}

}  // namespace pwalk::mount
