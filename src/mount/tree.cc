// From node ids to entries and back, and what lies above the snapshots of a store.
// SPDX-License-Identifier: MIT
#include "mount/tree.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "mount/attributes.h"
#include "mount/node_id.h"
#include "mount/recursive.h"
#include "snapshot/children.h"
#include "snapshot/shard_reader.h"

namespace pwalk::mount {

using snapshot::Entry;

/// What a node id means.
struct Tree::Target {
  enum class Kind { entry, view, name, store, latest } kind = Kind::store;
  NodeKind view = NodeKind::none;  // view
  SnapshotRef in;                  // entry, view
  Entry entry;                     // entry; view: the one that it is of
  std::string name;                // name, latest: NAME ("" where the source is one NAME)
  std::string link;                // latest: its target

  bool is_in_snapshot() const noexcept { return kind == Kind::entry || kind == Kind::view; }
  View as_view() const { return {view, in, entry}; }

  bool is_snapshot_root() const noexcept {
    return kind == Kind::entry && entry.place == snapshot::Place{0, 0};
  }
};

namespace {

constexpr char latest_name[] = "latest";

[[noreturn]] void stale() {
  throw_errno(ESTALE, "there is no such node");
}

std::uint64_t latest_hash(const std::string& name, const std::string& target) {
  return name_hash(name + '/' + target);
}

Lookup missing(int error, bool lasts) {
  return {std::nullopt, error, lasts};
}

/// Entries of the store's own directories are listed in the order of these offsets, which follow from the
/// name alone: a listing that is read in pieces stays right while snapshots come and go. 0 to 2 are the
/// dots'.
std::uint64_t own_offset(const std::string& name) {
  return name_hash(name) + 3;
}

}  // namespace

Tree::Tree(Source& source, const AclPolicy& policy, const TotalsOptions& totals)
    : source_(source),
      policy_(policy),
      totals_(totals),
      views_(source, policy_, totals.for_all,
             [this](const SnapshotRef& in, const Entry& entry) { return entry_node_of(in, entry); }),
      uid_(::geteuid()),
      gid_(::getegid()) {}

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
  if (id == root_node) {
    if (source_.kind() == SourceKind::snapshot) {
      target.kind = Target::Kind::entry;
      target.in = source_.only();
      target.entry = target.in->snapshot->root();
    } else if (source_.kind() == SourceKind::name) {
      target.kind = Target::Kind::name;
    }
    return target;
  }
  switch (node_kind(id)) {
    case NodeKind::none:
      stale();
    case NodeKind::name:
      return resolve_name(id);
    case NodeKind::latest:
      return resolve_latest(id);
    default:
      return resolve_entry(id);
  }
}

Tree::Target Tree::resolve_entry(std::uint64_t id) {
  Target target;
  target.view = node_kind(id);
  target.kind = is_view(target.view) ? Target::Kind::view : Target::Kind::entry;
  target.in = source_.by_slot(node_slot(id));
  if (!target.in) stale();
  auto place = target.in->snapshot->place_of(node_entry_number(id));
  if (!place) stale();
  target.entry = target.in->snapshot->entry(*place);
  if (is_view(target.view) && !Views::exists(target.view, target.entry)) stale();
  return target;
}

Tree::Target Tree::resolve_name(std::uint64_t id) {
  if (source_.kind() != SourceKind::store) stale();
  Target target;
  target.kind = Target::Kind::name;
  for (std::string& name : source_.names()) {
    if (name_hash(name) != node_value(id)) continue;
    target.name = std::move(name);
    return target;
  }
  stale();
}

Tree::Target Tree::resolve_latest(std::uint64_t id) {
  if (is_one_snapshot()) stale();
  std::exception_ptr unread;
  for (std::string& name : source_.names()) {
    try {
      std::optional<std::string> link = source_.latest(name);
      if (!link || (latest_hash(name, *link) & node_value_mask) != node_value(id)) continue;
      Target target;
      target.kind = Target::Kind::latest;
      target.name = std::move(name);
      target.link = std::move(*link);
      return target;
    } catch (const std::system_error& error) {
      if (!is_absence(error.code().value())) unread = std::current_exception();
    }
  }
  if (unread) std::rethrow_exception(unread);
  stale();
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

/// The root of a snapshot of the store, whose damage is told with its place there.
Node Tree::snapshot_node(const SnapshotRef& in) const {
  try {
    return entry_node_of(in, in->snapshot->root());
  } catch (const FormatError& error) {
    throw_errno(EIO, "'" + printable(source_.label(in->slot)) + "' is damaged: " + error.what());
  }
}

/// A node of the store's own: readable for all who may use the mount, with the times of what is underneath.
Node Tree::own_node(const struct stat& underlying, std::uint64_t id, mode_t mode) const {
  Node node;
  node.id = id;
  node.attributes.st_ino = id == root_node ? root_node
                                           : own_inodes_first | ((id >> node_value_bits & 1) << 59) |
                                                 (id & ((std::uint64_t{1} << 59) - 1));
  node.attributes.st_mode = mode;
  node.attributes.st_nlink = 1;  // one for a directory says that its subdirectories are not counted
  node.attributes.st_uid = uid_;
  node.attributes.st_gid = gid_;
  node.attributes.st_blksize = 4096;
  node.attributes.st_atim = underlying.st_atim;
  node.attributes.st_mtim = underlying.st_mtim;
  node.attributes.st_ctim = underlying.st_ctim;
  return node;
}

Node Tree::store_node() const {
  return own_node(source_.own_stat(), root_node, S_IFDIR | 0555);
}

Node Tree::name_node(const std::string& name) const {
  std::uint64_t id =
      source_.kind() == SourceKind::name ? root_node : make_node(NodeKind::name, name_hash(name));
  return own_node(source_.name_stat(name), id, S_IFDIR | 0555);
}

Node Tree::latest_node(const std::string& name, const std::string& target) const {
  Node node = own_node(source_.latest_stat(name), make_node(NodeKind::latest, latest_hash(name, target)),
                       S_IFLNK | 0777);
  node.attributes.st_size = static_cast<off_t>(target.size());
  return node;
}

Node Tree::node_of(const Target& target) const {
  switch (target.kind) {
    case Target::Kind::entry:
      return entry_node_of(target.in, target.entry);
    case Target::Kind::view:
      return views_.node(target.as_view());
    case Target::Kind::name:
      return name_node(target.name);
    case Target::Kind::latest:
      return latest_node(target.name, target.link);
    case Target::Kind::store:
      break;
  }
  return store_node();
}

/// The directory that a directory is in; the root's is itself.
Node Tree::parent_of(const Target& target) const {
  if (target.kind == Target::Kind::name || target.kind == Target::Kind::store)
    return source_.kind() == SourceKind::store ? store_node() : name_node(target.name);
  if (target.kind == Target::Kind::view) return views_.parent(target.as_view());
  if (target.kind == Target::Kind::latest || !target.entry.is_directory())
    throw_errno(ENOTDIR, "a node that is not a directory has no parent here");
  if (!target.is_snapshot_root()) {
    const snapshot::Snapshot& snapshot = *target.in->snapshot;
    snapshot::Directory parent = snapshot.parent_of(snapshot.directory_of(target.entry));
    return entry_node_of(target.in, snapshot.entry(parent.entry()));
  }
  return is_one_snapshot() ? entry_node_of(target.in, target.entry) : name_node(target.in->place.name);
}

Node Tree::node(std::uint64_t id) {
  return node_of(resolve(id));
}

Lookup Tree::look_up(std::uint64_t parent, std::string_view name) {
  Target target = resolve(parent);
  if (name == ".") {
    // A file handle: of a snapshot that was removed it is stale, even where that is still open.
    if (target.kind == Target::Kind::entry && !source_.still_has(target.in)) stale();
    return {node_of(target)};
  }
  if (name == "..") return {parent_of(target)};
  if (target.kind == Target::Kind::view) return views_.look_up(target.as_view(), name);
  if (target.kind != Target::Kind::entry) return look_up_in_store(target, std::string(name));
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

Lookup Tree::look_up_in_store(const Target& parent, const std::string& name) {
  switch (parent.kind) {
    case Target::Kind::store:
      if (source_.has_name(name)) return {name_node(name)};
      return missing(ENOENT, false);
    case Target::Kind::name: {
      if (name == latest_name) {
        std::optional<std::string> target = source_.latest(parent.name);
        if (target) return {latest_node(parent.name, *target)};
      }
      SnapshotRef found = source_.snapshot(parent.name, name);
      if (found) return {snapshot_node(found)};
      return missing(ENOENT, false);
    }
    default:
      return missing(ENOTDIR, false);
  }
}

std::string Tree::link_target(std::uint64_t id) {
  Target target = resolve(id);
  if (target.kind == Target::Kind::latest) return std::move(target.link);
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
  if (target.kind == Target::Kind::latest) return ENOTDIR;
  if (target.kind == Target::Kind::view) return views_.list(target.as_view(), offset, sink);
  if (target.kind != Target::Kind::entry) return list_store(target, offset, sink);
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

/// Whether NAME has a `latest`, or may have one.
bool Tree::has_latest(const std::string& name) const {
  try {
    return source_.latest(name).has_value();
  } catch (const std::system_error&) {
    return true;
  }
}

/// What a listing of the store or of a NAME tells of a name in it.
Node Tree::listed_node(const Target& directory, const TimeOfName& listed) const {
  try {
    if (directory.kind == Target::Kind::store) return name_node(listed.time);
    if (listed.open) return snapshot_node(listed.open);
  } catch (const std::system_error&) {
    // What cannot be read keeps nothing from the others: its own look-up gives the error.
  }
  // Without node id: a listing opens no snapshot, whose root's type and number are not known here. The
  // number only says that there is one. Of an open one it is the right one: by it the kernel finds the name
  // of a directory that it has by a file handle.
  Node node;
  node.attributes.st_ino = own_inodes_first | name_hash(listed.time) >> 1;
  if (directory.kind == Target::Kind::name && listed.time == latest_name) node.attributes.st_mode = S_IFLNK;
  return node;
}

int Tree::list_store(const Target& target, std::uint64_t offset, ListingSink& sink) const {
  for (; offset < 2; ++offset) {
    Node node = offset == 0 ? node_of(target) : parent_of(target);
    node.id = 0;
    if (!sink.add(offset == 0 ? "." : "..", node, offset + 1)) return 0;
  }
  std::vector<TimeOfName> listed;
  if (target.kind == Target::Kind::store) {
    for (std::string& name : source_.names()) listed.push_back({std::move(name), nullptr});
  } else {
    listed = source_.times(target.name);
    auto is_latest = [](const TimeOfName& one) { return one.time == latest_name; };
    if (std::none_of(listed.begin(), listed.end(), is_latest) && has_latest(target.name))
      listed.push_back({latest_name, nullptr});
  }
  std::sort(listed.begin(), listed.end(),
            [](const TimeOfName& a, const TimeOfName& b) { return own_offset(a.time) < own_offset(b.time); });
  for (const TimeOfName& one : listed) {
    std::uint64_t next = own_offset(one.time);
    if (next <= offset) continue;
    if (!sink.add(one.time.c_str(), listed_node(target, one), next)) return 0;
  }
  return 0;
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
  if (target.kind != Target::Kind::entry || !target.entry.is_directory()) return "";
  return mount::recursive_attribute(target.in->snapshot->directory_of(target.entry), name).value_or("");
}

std::string Tree::attribute_names(std::uint64_t id) {
  std::string names = acl_attribute_names(acl(id));
  if (!totals_.listed) return names;
  Target target = resolve(id);
  bool is_directory = target.kind == Target::Kind::entry && target.entry.is_directory();
  if (is_directory) names += recursive_attribute_names();
  return names;
}

snapshot::Acl Tree::acl(std::uint64_t id) {
  Target target = resolve(id);
  if (target.kind == Target::Kind::view) return views_.acl(target.as_view());
  if (target.kind != Target::Kind::entry || !target.entry.is_directory()) return {};
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
  if (!target.is_in_snapshot()) {
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
