// SPDX-License-Identifier: MIT
#include "snapshot/children.h"

#include "base/error.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot {

namespace {

std::string record_text(std::uint64_t index) {
  return "record " + std::to_string(index);
}

const ShardReader& shard_of_children(const Snapshot& snapshot, const Directory& directory) {
  if (directory.record.child_shard >= snapshot.shard_count())
    throw FormatError(format::manifest_name, "/shards", rule::directory_children,
                      "there is no shard " + std::to_string(directory.record.child_shard));
  return snapshot.shard(directory.record.child_shard);
}

bool is_child(const Directory& directory, const Directory& child) noexcept {
  return child.parent() == directory.place && child.record.depth == directory.record.depth + 1 &&
         child.place.shard == directory.record.child_shard &&
         child.record.entry >= directory.record.child_first &&
         child.record.entry - directory.record.child_first < directory.record.child_count;
}

}  // namespace

Children::Children(const Snapshot& snapshot, const Directory& directory, std::uint32_t position)
    : snapshot_(snapshot),
      directory_(directory),
      shard_(shard_of_children(snapshot, directory)),
      position_(position) {}

Entry Children::next() {
  std::uint32_t index = directory_.record.child_first + position_;
  if (at_end())
    throw FormatError(shard_.file_name(format::array_entries), record_text(position_),
                      rule::directory_children, "is not a child of its directory");
  Entry found = read_entry(shard_, index, snapshot_.manifest().devices.size(), attributes_);
  if (position_ > 0 && !((before_known_ ? before_ : read_name(shard_, index - 1)) < found.name))
    throw FormatError(shard_.file_name(format::array_entries), record_text(index), rule::names_sorted,
                      "the name does not follow the one before");
  if (found.is_directory()) check_is_child(snapshot_, directory_, snapshot_.directory_of(found));
  before_ = found.name;
  before_known_ = true;
  ++position_;
  return found;
}

void check_is_child(const Snapshot& snapshot, const Directory& directory, const Directory& child) {
  if (is_child(directory, child)) return;
  throw FormatError(snapshot.shard(child.place.shard).file_name(format::array_directories),
                    record_text(child.place.index), rule::directory_parent,
                    "is not a child of the directory that it is in");
}

}  // namespace pwalk::snapshot
