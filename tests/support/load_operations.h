// What a client may ask of a mounted file system, picked at random: mostly what the kernel cannot answer from
// its caches. See load.cc.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace load {

using Random = std::mt19937_64;

/// Paths of a tree, found by listing it: at most so many of each kind.
struct Places {
  std::vector<std::string> tops;  // where the search began
  std::vector<std::string> directories;
  std::vector<std::string> files;
  std::vector<std::string> links;

  void collect(const std::string& top, std::size_t limit);
};

/// Descriptors that stay open, each replaced again and again. Not copied, closed with the process.
class Handles {
 public:
  explicit Handles(std::size_t count) : open_(count, -1) {}
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles();

  /// Opens something else in one place; the errno, 0 if it went well.
  int replace(const Places& places, Random& random);
  /// Asks something of one that is open.
  int use(Random& random);
  /// Opens as many as there are places for, and says how many are.
  std::size_t fill(const Places& places, Random& random);

 private:
  std::vector<int> open_;
};

/// some: buffers as programs have them. little: the largest there are. none: nothing but the lists of errors
/// of the tops in turn, which cost the daemon more than anything else where they are long.
enum class Patience { some, little, none };

/// Does one operation; the errno, 0 if it went well.
int operate(const Places& places, Handles& handles, Random& random, Patience patience);

/// Each a round trip to the daemon, whatever the kernel has cached; the errno.
int ask_attributes(const std::string& path);
int list_all(const std::string& directory);
int read_afresh(const std::string& file);

}  // namespace load
