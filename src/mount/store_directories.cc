// The directories of a store, read anew at each request.
// SPDX-License-Identifier: MIT
#include "mount/store_directories.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "mount/node_id.h"
#include "snapshot/snapshot.h"
#include "snapshot/store_names.h"

namespace pwalk::mount {

using snapshot::latest_name;

namespace {

std::uint64_t latest_hash(const std::string& name, const std::string& target) {
  return name_hash(name + '/' + target);
}

/// Entries are listed in the order of these offsets, which follow from the name alone: a listing that is read
/// in pieces stays right while snapshots come and go. 0 to 2 are the dots'.
std::uint64_t own_offset(const std::string& name) {
  return name_hash(name) + 3;
}

}  // namespace

StoreDirectories::StoreDirectories(Source& source, ShowRoot show_root)
    : source_(source), show_root_(std::move(show_root)), uid_(::geteuid()), gid_(::getegid()) {}

StoreNode StoreDirectories::resolve(std::uint64_t id) const {
  if (id != root_node) return node_kind(id) == NodeKind::name ? resolve_name(id) : resolve_latest(id);
  return {source_.kind() == SourceKind::store ? StoreNode::Kind::store : StoreNode::Kind::name, "", ""};
}

StoreNode StoreDirectories::resolve_name(std::uint64_t id) const {
  if (source_.kind() != SourceKind::store) throw_stale();
  for (std::string& name : source_.names()) {
    if (name_hash(name) == node_value(id)) return {StoreNode::Kind::name, std::move(name), ""};
  }
  throw_stale();
}

StoreNode StoreDirectories::resolve_latest(std::uint64_t id) const {
  if (source_.kind() == SourceKind::snapshot) throw_stale();
  std::exception_ptr unread;
  for (std::string& name : source_.names()) {
    try {
      std::optional<std::string> link = source_.latest(name);
      if (link && (latest_hash(name, *link) & node_value_mask) == node_value(id))
        return {StoreNode::Kind::latest, std::move(name), std::move(*link)};
    } catch (const std::system_error& error) {
      if (!is_absence(error.code().value())) unread = std::current_exception();
    }
  }
  if (unread) std::rethrow_exception(unread);
  throw_stale();
}

/// The root of a snapshot of the store, whose damage is told with its place there.
Node StoreDirectories::snapshot_node(const SnapshotRef& in) const {
  try {
    return show_root_(in);
  } catch (const FormatError& error) {
    throw_errno(EIO, "'" + printable(source_.label(in->slot)) + "' is damaged: " + error.what());
  }
}

/// A node of the store's own: readable for all who may use the mount, with the times of what is underneath.
Node StoreDirectories::own_node(const struct stat& underlying, std::uint64_t id, mode_t mode) const {
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

Node StoreDirectories::store_node() const {
  return own_node(source_.own_stat(), root_node, S_IFDIR | 0555);
}

Node StoreDirectories::name_node(const std::string& name) const {
  std::uint64_t id =
      source_.kind() == SourceKind::name ? root_node : make_node(NodeKind::name, name_hash(name));
  return own_node(source_.name_stat(name), id, S_IFDIR | 0555);
}

Node StoreDirectories::latest_node(const std::string& name, const std::string& target) const {
  Node node = own_node(source_.latest_stat(name), make_node(NodeKind::latest, latest_hash(name, target)),
                       S_IFLNK | 0777);
  node.attributes.st_size = static_cast<off_t>(target.size());
  return node;
}

Node StoreDirectories::node(const StoreNode& node) const {
  switch (node.kind) {
    case StoreNode::Kind::name:
      return name_node(node.name);
    case StoreNode::Kind::latest:
      return latest_node(node.name, node.target);
    case StoreNode::Kind::store:
      break;
  }
  return store_node();
}

Node StoreDirectories::parent(const StoreNode& node) const {
  if (node.kind == StoreNode::Kind::latest) throw_errno(ENOTDIR, "a symbolic link has no parent here");
  return source_.kind() == SourceKind::store ? store_node() : name_node(node.name);
}

Lookup StoreDirectories::look_up(const StoreNode& parent, const std::string& name) const {
  switch (parent.kind) {
    case StoreNode::Kind::store:
      if (source_.has_name(name)) return {name_node(name)};
      return missing(ENOENT, false);
    case StoreNode::Kind::name: {
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

/// Whether NAME has a `latest`, or may have one.
bool StoreDirectories::has_latest(const std::string& name) const {
  try {
    return source_.latest(name).has_value();
  } catch (const std::system_error&) {
    return true;
  }
}

/// What a listing of the store or of a NAME tells of a name in it.
Node StoreDirectories::listed_node(const StoreNode& directory, const TimeOfName& listed) const {
  try {
    if (directory.kind == StoreNode::Kind::store) return name_node(listed.time);
    if (listed.open) return snapshot_node(listed.open);
  } catch (const std::system_error&) {
    // What cannot be read keeps nothing from the others: its own look-up gives the error.
  }
  // Without node id: a listing opens no snapshot, whose root's type and number are not known here. The
  // number only says that there is one. Of an open one it is the right one: by it the kernel finds the name
  // of a directory that it has by a file handle.
  Node node;
  node.attributes.st_ino = own_inodes_first | name_hash(listed.time) >> 1;
  if (directory.kind == StoreNode::Kind::name && listed.time == latest_name)
    node.attributes.st_mode = S_IFLNK;
  return node;
}

int StoreDirectories::list(const StoreNode& directory, std::uint64_t offset, ListingSink& sink) const {
  for (; offset < 2; ++offset) {
    Node node = offset == 0 ? this->node(directory) : parent(directory);
    node.id = 0;
    if (!sink.add(offset == 0 ? "." : "..", node, offset + 1)) return 0;
  }
  std::vector<TimeOfName> listed;
  if (directory.kind == StoreNode::Kind::store) {
    for (std::string& name : source_.names()) listed.push_back({std::move(name), nullptr});
  } else {
    listed = source_.times(directory.name);
    auto is_latest = [](const TimeOfName& one) { return one.time == latest_name; };
    if (std::none_of(listed.begin(), listed.end(), is_latest) && has_latest(directory.name))
      listed.push_back({latest_name, nullptr});
  }
  std::sort(listed.begin(), listed.end(),
            [](const TimeOfName& a, const TimeOfName& b) { return own_offset(a.time) < own_offset(b.time); });
  for (const TimeOfName& one : listed) {
    std::uint64_t next = own_offset(one.time);
    if (next <= offset) continue;
    if (!sink.add(one.time.c_str(), listed_node(directory, one), next)) return 0;
  }
  return 0;
}

}  // namespace pwalk::mount
