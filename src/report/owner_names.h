// Names of users and groups by number, each asked of the system once.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace pwalk::report {

class OwnerNames {
 public:
  /// The name that this machine has for the number, which need not be the scanned machine's; the number in
  /// decimal where it has none.
  const std::string& user(std::uint32_t uid);
  const std::string& group(std::uint32_t gid);

 private:
  std::unordered_map<std::uint32_t, std::string> users_;
  std::unordered_map<std::uint32_t, std::string> groups_;
};

}  // namespace pwalk::report
