// What a mount's options say about the totals of subtrees, which may tell of what a user cannot enter.
// SPDX-License-Identifier: MIT
#pragma once

namespace pwalk::mount {

struct TotalsOptions {
  bool for_all = false;        // -o totals=all: for all who may read the directory
  bool as_sizes = false;       // -o rbytes: directories of the tree show their subtree's bytes as st_size
  bool as_attributes = false;  // -o xattr: user.pwalk.…
  bool listed = false;         // -o xattr=list: listxattr(2) names these too

  /// Whether the tree itself shows totals, where nothing but the directory's own mode bits guards them.
  bool in_tree() const noexcept { return as_sizes || as_attributes; }
};

}  // namespace pwalk::mount
