// From node ids to entries and back.
// SPDX-License-Identifier: MIT
#include "mount/tree.h"

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "mount/attributes.h"
#include "mount/node_id.h"
#include "mount/recursive.h"
#include "snapshot/children.h"
#include "snapshot/shard_reader.h"

namespace pwalk::mount {

using snapshot::Entry;

/// What a node id means.
struct Tree::Target {
  enum class Kind { entry, view, store } kind = Kind::store;
  NodeKind view = NodeKind::none;  // view
  SnapshotRef in;                  // entry, view
  Entry entry;                     // entry; view: the one that it is of
  StoreNode of_store;              // store

  bool is_directory() const noexcept { return kind == Kind::entry && entry.is_directory(); }
  View as_view() const { return {view, in, entry}; }

  bool is_snapshot_root() const noexcept {
    return kind == Kind::entry && entry.place == snapshot::Place{0, 0};
  }
};

Tree::Tree(Source& source, const AclPolicy& policy, const TotalsOptions& totals)
    : source_(source),
      policy_(policy),
      totals_(totals),
      views_(source, policy_, totals.for_all,
             [this](const SnapshotRef& in, const Entry& entry) { return entry_node_of(in, entry); }),
      store_(source, [this](const SnapshotRef& in) { return entry_node_of(in, in->snapshot->root()); }) {}

bool Tree::is_in_snapshot(std::uint64_t id) const noexcept {
  NodeKind kind = node_kind(id);
  return id == root_node ? is_one_snapshot() : kind == NodeKind::entry || is_view(kind);
}

std::string Tree::label(std::uint64_t id) const {
  if (id == root_node || !is_in_snapshot(id)) return source_.path();
  return source_.label(node_slot(id));
}

Tree::Target Tree::resolve(std::uint64_t id) {
  Target target;
  NodeKind kind = node_kind(id);
  if (id == root_node && is_one_snapshot()) {
    target.kind = Target::Kind::entry;
    target.in = source_.only();
    target.entry = target.in->snapshot->root();
  } else if (id == root_node || kind == NodeKind::name || kind == NodeKind::latest) {
    target.of_store = store_.resolve(id);
  } else if (kind == NodeKind::none) {
    throw_stale();
  } else {
    return resolve_entry(id);
  }
  return target;
}

Tree::Target Tree::resolve_entry(std::uint64_t id) {
  Target target;
  target.view = node_kind(id);
  target.kind = is_view(target.view) ? Target::Kind::view : Target::Kind::entry;
  target.in = source_.by_slot(node_slot(id));
  if (!target.in) throw_stale();
  auto place = target.in->snapshot->place_of(node_entry_number(id));
  if (!place) throw_stale();
  target.entry = target.in->snapshot->entry(*place);
  if (is_view(target.view) && !Views::exists(target.view, target.entry)) throw_stale();
  return target;
}

/// A snapshot's root that its ancestors kept some out of.
bool Tree::is_narrowed(const SnapshotRef& in, const Entry& entry) const noexcept {
  return policy_.may_close() && in->root_classes != 0777 && entry.place == snapshot::Place{0, 0};
}

bool Tree::is_closed_here(const SnapshotRef& in, const Entry& entry) const {
  if (!policy_.may_close() || !entry.is_directory()) return false;
  snapshot::Directory directory = in->snapshot->directory_of(entry);
  // Without its ACL, which would let some pass by the narrowed bits, the group's bits mean nothing.
  return is_closed(directory, policy_) || (is_narrowed(in, entry) && directory.record.acl != format::no_acl);
}

Node Tree::entry_node_of(const SnapshotRef& in, const Entry& entry) const {
  std::uint64_t number = in->snapshot->number_of(entry.place);
  bool is_root = entry.place == snapshot::Place{0, 0};
  Node node;
  if (is_root && is_one_snapshot()) {
    node.id = root_node;  // whose generation is 0 for the kernel
  } else {
    node.id = entry_node(in->slot, number);
    node.generation = in->generation;
  }
  node.attributes = attributes_of(entry, in->inodes.shown(entry.inode, entry.device_index, number));
  if (is_closed_here(in, entry)) node.attributes.st_mode = closed_mode(node.attributes.st_mode);
  if (is_narrowed(in, entry)) node.attributes.st_mode &= ~mode_t{0777} | in->root_classes;
  if (totals_.as_sizes && entry.is_directory())
    node.attributes.st_size = shown_size(recursive_bytes(in->snapshot->directory_of(entry)));
  node.name_lasts = !is_root || is_one_snapshot();
  node.attributes_last = true;
  return node;
}

Node Tree::node_of(const Target& target) const {
  switch (target.kind) {
    case Target::Kind::entry:
      return entry_node_of(target.in, target.entry);
    case Target::Kind::view:
      return views_.node(target.as_view());
    case Target::Kind::store:
      break;
  }
  return store_.node(target.of_store);
}

/// The directory that a directory is in; the root's is itself.
Node Tree::parent_of(const Target& target) const {
  if (target.kind == Target::Kind::store) return store_.parent(target.of_store);
  if (target.kind == Target::Kind::view) return views_.parent(target.as_view());
  if (!target.entry.is_directory()) throw_errno(ENOTDIR, "a node that is not a directory has no parent here");
  if (!target.is_snapshot_root()) {
    const snapshot::Snapshot& snapshot = *target.in->snapshot;
    snapshot::Directory parent = snapshot.parent_of(snapshot.directory_of(target.entry));
    return entry_node_of(target.in, snapshot.entry(parent.entry()));
  }
  return is_one_snapshot() ? entry_node_of(target.in, target.entry) : store_.name_node(target.in->place.name);
}

Node Tree::node(std::uint64_t id) {
  return node_of(resolve(id));
}

Lookup Tree::look_up(std::uint64_t parent, std::string_view name) {
  Target target = resolve(parent);
  if (name == ".") {
    // A file handle: of a snapshot that was removed it is stale, even where that is still open. One that was
    // renamed is found under its new name.
    if (target.kind == Target::Kind::entry && !source_.still_has(target.in)) target = resolve(parent);
    return {node_of(target)};
  }
  if (name == "..") return {parent_of(target)};
  if (target.kind == Target::Kind::view) return views_.look_up(target.as_view(), name);
  if (target.kind == Target::Kind::store) return store_.look_up(target.of_store, std::string(name));
  if (!target.entry.is_directory()) return missing(ENOTDIR, false);
  const snapshot::Snapshot& snapshot = *target.in->snapshot;
  snapshot::Directory directory = snapshot.directory_of(target.entry);
  if (auto found = snapshot.find(directory, name)) return {entry_node_of(target.in, *found)};
  if (is_views_name(snapshot, directory, name))
    return {views_.node({NodeKind::views, target.in, target.entry})};
  int error = missing_name_error(directory);
  // ENOENT that was recorded as the reason is no knowledge of the names: it is not kept.
  return missing(error, error == ENOENT && listing_error(directory) == 0);
}

std::string Tree::link_target(std::uint64_t id) {
  Target target = resolve(id);
  if (target.of_store.kind == StoreNode::Kind::latest) return std::move(target.of_store.target);
  if (target.kind != Target::Kind::entry || !target.entry.is_symlink())
    throw_errno(EINVAL, "a node that is not a symbolic link has no target");
  if (target.entry.target.empty()) throw_errno(EIO, "the target could not be read");
  if (target.entry.target.size() >= 4096) throw_errno(ENAMETOOLONG, "the target is too long for FUSE");
  std::string text(target.entry.target);
  target.in->snapshot->check_readable(target.entry);
  return text;
}

int Tree::list(std::uint64_t id, std::uint64_t offset, ListingSink& sink) {
  Target target = resolve(id);
  if (target.kind == Target::Kind::store) return store_.list(target.of_store, offset, sink);
  if (target.kind == Target::Kind::view) return views_.list(target.as_view(), offset, sink);
  if (!target.entry.is_directory()) return ENOTDIR;
  return list_snapshot(target, offset, sink);
}

int Tree::list_snapshot(const Target& target, std::uint64_t offset, ListingSink& sink) const {
  const snapshot::Snapshot& snapshot = *target.in->snapshot;
  snapshot::Directory directory = snapshot.directory_of(target.entry);
  int error = listing_error(directory);
  // Not one entry is known: nothing but the errno, dots neither.
  if (error != 0 && directory.record.state != format::state_partial) return error;
  for (; offset < 2; ++offset) {
    Node node = offset == 0 ? entry_node_of(target.in, target.entry) : parent_of(target);
    node.id = 0;
    if (!sink.add(offset == 0 ? "." : "..", node, offset + 1)) return 0;
  }
  std::string name;
  if (offset - 2 >= directory.record.child_count) return error;
  snapshot::Children children(snapshot, directory, static_cast<std::uint32_t>(offset - 2));
  while (!children.at_end()) {
    Entry child = children.next();
    // A copy: the NUL behind it in the mapping is gone if somebody overwrites the file meanwhile.
    name = child.name;
    snapshot.check_readable(child);
    if (!sink.add(name.c_str(), entry_node_of(target.in, child), std::uint64_t{children.position()} + 2))
      return 0;
  }
  return error;
}

bool Tree::is_read_directly(std::uint64_t id) const {
  // Failing at read would make tar store zeros.
  if (!is_view(node_kind(id))) throw_errno(EOPNOTSUPP, "a snapshot has no contents");
  return mount::is_read_directly(node_kind(id));
}

std::string Tree::read(std::uint64_t id, std::uint64_t offset, std::size_t room) {
  Target target = resolve(id);
  if (target.kind != Target::Kind::view) throw_errno(EOPNOTSUPP, "a snapshot has no contents");
  return views_.texts().read(target.as_view(), offset, room);
}

std::optional<std::string> Tree::recursive_attribute(std::uint64_t id, std::string_view name) {
  if (!totals_.as_attributes || !is_recursive_attribute(name)) return std::nullopt;
  Target target = resolve(id);
  if (!target.is_directory()) return "";
  return mount::recursive_attribute(target.in->snapshot->directory_of(target.entry), name).value_or("");
}

std::string Tree::attribute_names(std::uint64_t id) {
  std::string names = acl_attribute_names(acl(id));
  if (!totals_.listed) return names;
  Target target = resolve(id);
  if (target.is_directory()) names += recursive_attribute_names();
  return names;
}

snapshot::Acl Tree::acl(std::uint64_t id) {
  Target target = resolve(id);
  if (target.kind == Target::Kind::view) return views_.acl(target.as_view());
  if (!target.is_directory()) return {};
  snapshot::Directory directory = target.in->snapshot->directory_of(target.entry);
  // Beside closed mode bits an ACL would contradict what stat shows.
  if (is_closed_here(target.in, target.entry)) return {};
  return target.in->snapshot->acl(directory).value_or(snapshot::Acl{});
}

bool Tree::may_have_acls() const noexcept {
  if (!is_one_snapshot()) return true;
  const snapshot::Snapshot& snapshot = *source_.only()->snapshot;
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard) {
    if (snapshot.shard(shard).records(format::array_acls) > 0) return true;
  }
  return false;
}

struct statvfs Tree::file_system(std::uint64_t id) {
  struct statvfs result {};
  Target target = resolve(id);
  if (target.kind == Target::Kind::store) {
    if (::fstatvfs(source_.descriptor(), &result) != 0) throw_errno("cannot read the store's file system");
    return result;
  }
  const snapshot::FileSystem& recorded = target.in->snapshot->manifest().file_system;
  result.f_bsize = recorded.block_bytes != 0 ? recorded.block_bytes : 512;
  result.f_frsize = result.f_bsize;
  result.f_blocks = recorded.blocks;
  result.f_bfree = recorded.blocks_free;
  result.f_bavail = recorded.blocks_available;
  result.f_files = recorded.inodes;
  result.f_ffree = recorded.inodes_free;
  result.f_favail = recorded.inodes_free;
  result.f_namemax = recorded.name_bytes_max != 0 ? recorded.name_bytes_max : 255;
  return result;
}

}  // namespace pwalk::mount
