// A node of the tree as the kernel is told of it, and what looking one up and listing a directory give.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

namespace pwalk::mount {

struct Node {
  std::uint64_t id = 0;
  std::uint64_t generation = 0;
  struct stat attributes {};
  bool name_lasts = false;  // the name leads here for ever: it is inside a snapshot
  bool attributes_last = false;
};

/// What a look-up found: a node, or an errno; ENOENT may be for ever.
struct Lookup {
  std::optional<Node> node;
  int error = 0;
  bool lasts = false;
};

/// What a look-up answers that found nothing.
inline Lookup missing(int error, bool lasts) {
  return {std::nullopt, error, lasts};
}

/// Takes the entries of a listing, in order.
class ListingSink {
 public:
  /// `name` ends with a NUL; `next` is the offset to go on from. False if there is no room for it.
  virtual bool add(const char* name, const Node& node, std::uint64_t next) = 0;

 protected:
  ~ListingSink() = default;
};

}  // namespace pwalk::mount
