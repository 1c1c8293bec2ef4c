// The tree that a source shows, as answers about node ids: everything the file system operations need, and
// nothing of FUSE. All members may be called from any number of threads. Errors are std::system_error with
// the errno to answer (ESTALE for an id that names nothing) and FormatError.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mount/acls.h"
#include "mount/node.h"
#include "mount/source.h"
#include "mount/store_directories.h"
#include "mount/totals_options.h"
#include "mount/views.h"
#include "snapshot/snapshot.h"

namespace pwalk::mount {

class Tree {
 public:
  Tree(Source& source, const AclPolicy& policy, const TotalsOptions& totals);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  /// Told while the kernel and we agree on the protocol, before the first question.
  void set_posix_acls_enforced(bool enforced) noexcept { policy_.posix_acls_enforced = enforced; }

  Lookup look_up(std::uint64_t parent, std::string_view name);
  Node node(std::uint64_t id);
  std::string link_target(std::uint64_t id);
  /// Lists from `offset` on, any value: 0 the beginning, beyond the end the end. Returns the errno that the
  /// end of the listing answers (0 for none); where the sink was full, 0. `.` and `..` come with node id 0.
  int list(std::uint64_t id, std::uint64_t offset, ListingSink& sink);
  /// What opening a file needs: whether st_size says nothing of its contents. EOPNOTSUPP for the files of a
  /// snapshot, which have none.
  bool is_read_directly(std::uint64_t id) const;
  /// At most `room` bytes of a view from `offset` on.
  std::string read(std::uint64_t id, std::uint64_t offset, std::size_t room);
  struct statvfs file_system(std::uint64_t id);
  /// The POSIX ACLs of a directory, both values empty for anything that has none.
  snapshot::Acl acl(std::uint64_t id);
  /// The value of an attribute that tells of a subtree, empty where the node has none; nothing where `name`
  /// is no such attribute or the mount does not show them.
  std::optional<std::string> recursive_attribute(std::uint64_t id, std::string_view name);
  /// What listxattr(2) answers for a node, each name with its NUL.
  std::string attribute_names(std::uint64_t id);
  /// Whether any node may have an extended attribute.
  bool may_have_attributes() const noexcept { return totals_.as_attributes || may_have_acls(); }
  /// Whether any directory may have a POSIX ACL: of a store, whose later snapshots are not known, always.
  bool may_have_acls() const noexcept;

  /// Whether the whole tree is one immutable snapshot.
  bool is_one_snapshot() const noexcept { return source_.kind() == SourceKind::snapshot; }
  /// Whether the node is inside a snapshot, by its id alone.
  bool is_in_snapshot(std::uint64_t id) const noexcept;
  /// The snapshot or store that the node belongs to, for messages.
  std::string label(std::uint64_t id) const;

 private:
  struct Target;
  Target resolve(std::uint64_t id);
  Target resolve_entry(std::uint64_t id);
  Node node_of(const Target& target) const;
  bool is_narrowed(const SnapshotRef& in, const snapshot::Entry& entry) const noexcept;
  bool is_closed_here(const SnapshotRef& in, const snapshot::Entry& entry) const;
  Node entry_node_of(const SnapshotRef& in, const snapshot::Entry& entry) const;
  Node parent_of(const Target& target) const;
  int list_snapshot(const Target& target, std::uint64_t offset, ListingSink& sink) const;

  Source& source_;
  AclPolicy policy_;
  TotalsOptions totals_;
  Views views_;
  StoreDirectories store_;
};

}  // namespace pwalk::mount
