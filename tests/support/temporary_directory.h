// A directory for one test, gone with it.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace pwalk::test {

/// Where files are memory, for tests that write very many; the usual place where there is no such.
inline std::string memory_directory() {
  return ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm"
                                                : std::filesystem::temp_directory_path().string();
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() : TemporaryDirectory(std::filesystem::temp_directory_path().string()) {}
  explicit TemporaryDirectory(const std::string& where) {
    std::string pattern = where + "/pwalk-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  /// The directory, or a path in it.
  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void make_directory(const std::string& name) const { std::filesystem::create_directories(path(name)); }
  void write_file(const std::string& name, const std::string& contents) const {
    std::ofstream(path(name), std::ios::binary) << contents;
  }

 private:
  std::string path_;
};

}  // namespace pwalk::test
