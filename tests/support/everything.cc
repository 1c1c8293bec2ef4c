// SPDX-License-Identifier: MIT
#include "support/everything.h"

#include <stdexcept>
#include <type_traits>
#include <vector>

#include "snapshot/shard_reader.h"

namespace pwalk::test {

namespace {

using snapshot::Directory;
using snapshot::Entry;
using snapshot::Snapshot;

template <class Value>
void put(const Value& value, std::string& out) {
  static_assert(std::is_trivially_copyable_v<Value> && std::has_unique_object_representations_v<Value>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string_view text, std::string& out) {
  put(text.size(), out);
  out += text;
}

void put_time(snapshot::Timestamp time, std::string& out) {
  put(time.seconds, out);
  put(time.nanoseconds, out);
}

void put_entry(const Entry& entry, std::string& out) {
  put_text(entry.name, out);
  put_text(entry.target, out);
  put(entry.mode, out);
  put(entry.flags, out);
  for (std::uint32_t value : {entry.uid, entry.gid, entry.nlink, entry.device_index, entry.blksize,
                              entry.rdev_major, entry.rdev_minor})
    put(value, out);
  for (std::uint64_t value : {entry.inode, entry.apparent_bytes, entry.blocks}) put(value, out);
  for (snapshot::Timestamp time : {entry.atime, entry.mtime, entry.ctime}) put_time(time, out);
  put(static_cast<char>(entry.btime.has_value()), out);
  put_time(entry.btime.value_or(snapshot::Timestamp{}), out);
}

void put_directory(const Snapshot& snapshot, const Directory& directory, std::string& out) {
  put(directory.record, out);
  if (auto acl = snapshot.acl(directory)) {
    put_text(acl->access_value, out);
    put_text(acl->default_value, out);
  }
  put_text(snapshot.path_of(directory), out);
}

void put_tree(const Snapshot& snapshot, const Directory& root, std::string& out) {
  std::uint64_t records = 0;
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    records += snapshot.shard(shard).records(format::array_directories);
  std::vector<Directory> pending{root};
  while (!pending.empty()) {
    Directory directory = pending.back();
    pending.pop_back();
    // Each record names one parent and one entry, so each is met once.
    if (records-- == 0) throw std::logic_error("a directory is met twice");
    put_directory(snapshot, directory, out);
    for (std::uint32_t position = 0; position < directory.record.child_count; ++position) {
      Entry child = snapshot.child(directory, position);
      put_entry(child, out);
      if (child.is_directory()) pending.push_back(snapshot.directory_of(child));
    }
    for (std::uint32_t position = 0; position < directory.record.dir_count; ++position)
      put(snapshot.subdirectory(directory, position).place.index, out);
  }
}

}  // namespace

std::string everything_in(const Snapshot& snapshot) {
  std::string out;
  out.reserve(std::size_t{16} << 10);
  put_text(snapshot.manifest().host, out);
  put_text(snapshot.manifest().root, out);
  put(snapshot.manifest().uuid, out);
  Entry root = snapshot.root();
  put_entry(root, out);
  if (root.is_directory()) {
    Directory directory = snapshot.root_directory();
    put(snapshot.directory_of(root).record, out);
    put_tree(snapshot, directory, out);
  }
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    for (std::uint64_t index = 0; index < snapshot.error_count(shard); ++index)
      put(snapshot.error(shard, index), out);
  return out;
}

}  // namespace pwalk::test
