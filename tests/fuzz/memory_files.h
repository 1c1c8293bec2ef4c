// Files that are opened, read and mapped by the code under test without the kernel: a target that tries
// thousands of snapshots a second spends no time on system calls, and a sanitizer sees a read past the end of
// a file that a page would hide.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

namespace pwalk::fuzz {

/// From now on opening a name of `files` in any directory, to read, opens its contents; nullptr for none.
/// What is open or mapped must be gone before `files` or a string in it is. One for the process; for one
/// thread.
void show_files(const std::map<std::string, std::string>* files) noexcept;

}  // namespace pwalk::fuzz
