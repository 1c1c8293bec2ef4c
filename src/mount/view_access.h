// Who may read a view: as permission bits, and as an ACL where the directory has one, so that the kernel
// decides and no answer depends on who asks. A view of the directory itself takes both to list the directory
// and to search it; one of what lies below takes the access bits that the scan found for the whole subtree.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pwalk::mount {

/// How the rights of a view follow from its directory's, class by class.
enum class ViewRight {
  as_directory,  // the directory's own to list and to search: stat/, a directory
  both,          // to read, where the directory may be listed and searched
};

/// Permission bits of a view of kind `right` in a directory whose mode is `directory_mode`. `by_acl`: the
/// kernel goes by an ACL too, see view_acl(). `is_directory`: search comes with read.
mode_t view_permissions(mode_t directory_mode, ViewRight right, bool is_directory, bool by_acl) noexcept;

/// The value of system.posix_acl_access for that view: the directory's, `access_value`, with what is granted
/// beyond the mask taken from each entry, changed as the permission bits are. std::system_error EIO for a
/// value that is no ACL.
std::string view_acl(std::string_view access_value, ViewRight right, bool is_directory);

/// Permission bits for what reveals the whole subtree: the access bits of the directory's record, within what
/// its mode grants.
mode_t subtree_permissions(mode_t directory_mode, std::uint16_t access, bool is_directory) noexcept;

}  // namespace pwalk::mount
