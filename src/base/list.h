// The names in a directory, for small directories of our own (stores, snapshots): not for the walk.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace pwalk {

/// All names but `.` and `..`, sorted by their bytes. std::system_error if the directory cannot be listed.
std::vector<std::string> list_directory(int directory);

}  // namespace pwalk
