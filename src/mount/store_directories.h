// What a mounted store or NAME has of its own, above its snapshots: its directories, and the link `latest`
// in each NAME. Members may be called from any number of threads; errors are as Tree's.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "mount/node.h"
#include "mount/open_snapshots.h"
#include "mount/source.h"

namespace pwalk::mount {

/// One node of the store's own.
struct StoreNode {
  enum class Kind { store, name, latest } kind = Kind::store;
  std::string name;    // name, latest: NAME ("" where the source is one NAME)
  std::string target;  // latest: of the link
};

/// How the tree shows the root of a snapshot.
using ShowRoot = std::function<Node(const SnapshotRef& in)>;

class StoreDirectories {
 public:
  /// `source` stays the caller's.
  StoreDirectories(Source& source, ShowRoot show_root);

  /// What the id of a NAME or of a `latest` means, or root_node where no snapshot is the root.
  StoreNode resolve(std::uint64_t id) const;
  Node node(const StoreNode& node) const;
  /// The directory that a directory is in; the root's is itself. ENOTDIR for a link.
  Node parent(const StoreNode& node) const;
  /// The directory that a snapshot of NAME is in.
  Node name_node(const std::string& name) const;
  Lookup look_up(const StoreNode& parent, const std::string& name) const;
  /// As Tree::list.
  int list(const StoreNode& directory, std::uint64_t offset, ListingSink& sink) const;

 private:
  StoreNode resolve_name(std::uint64_t id) const;
  StoreNode resolve_latest(std::uint64_t id) const;
  Node snapshot_node(const SnapshotRef& in) const;
  Node own_node(const struct stat& underlying, std::uint64_t id, mode_t mode) const;
  Node store_node() const;
  Node latest_node(const std::string& name, const std::string& target) const;
  bool has_latest(const std::string& name) const;
  Node listed_node(const StoreNode& directory, const TimeOfName& listed) const;

  Source& source_;
  ShowRoot show_root_;
  uid_t uid_;
  gid_t gid_;
};

}  // namespace pwalk::mount
