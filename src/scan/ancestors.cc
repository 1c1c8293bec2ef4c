// stat of each directory on the way, and whether it has an ACL.
// SPDX-License-Identifier: MIT
#include "scan/ancestors.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>

namespace pwalk::scan {

namespace {

/// True also where it cannot be told.
bool has_acl(const std::string& path) {
  for (const char* name : {"system.posix_acl_access", "system.nfs4_acl", "system.richacl",
                           "system.gpfs_nfs4_acl", "system.cifs_acl"}) {
    if (::getxattr(path.c_str(), name, nullptr, 0) >= 0) return true;
    if (errno != ENODATA && errno != EOPNOTSUPP && errno != ENOSYS) return true;
  }
  return false;
}

}  // namespace

std::vector<snapshot::Ancestor> ancestors_of(const std::string& root, bool acls_wanted) {
  std::vector<snapshot::Ancestor> ancestors;
  if (root == "/") return ancestors;
  for (std::size_t slash = root.find('/'); slash != std::string::npos; slash = root.find('/', slash + 1)) {
    std::string path = slash == 0 ? "/" : root.substr(0, slash);
    snapshot::Ancestor& ancestor = ancestors.emplace_back();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;
    ancestor.mode = static_cast<std::uint16_t>(status.st_mode & 07777);
    ancestor.uid = status.st_uid;
    ancestor.gid = status.st_gid;
    ancestor.acl = !acls_wanted || has_acl(path);
  }
  return ancestors;
}

}  // namespace pwalk::scan
