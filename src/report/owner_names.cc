// SPDX-License-Identifier: MIT
#include "report/owner_names.h"

#include <grp.h>
#include <pwd.h>

namespace pwalk::report {

const std::string& OwnerNames::user(std::uint32_t uid) {
  auto [found, is_new] = users_.try_emplace(uid);
  if (is_new) {
    const passwd* user = ::getpwuid(uid);
    if (user != nullptr) {
      found->second = user->pw_name;
    } else {
      found->second = std::to_string(uid);
    }
  }
  return found->second;
}

const std::string& OwnerNames::group(std::uint32_t gid) {
  auto [found, is_new] = groups_.try_emplace(gid);
  if (is_new) {
    const ::group* group = ::getgrgid(gid);
    if (group != nullptr) {
      found->second = group->gr_name;
    } else {
      found->second = std::to_string(gid);
    }
  }
  return found->second;
}

}  // namespace pwalk::report
