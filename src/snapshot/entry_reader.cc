// The checks of an entry and of its attributes, and what follows from them.
// SPDX-License-Identifier: MIT
#include "snapshot/entry_reader.h"

#include <sys/stat.h>

#include "base/error.h"
#include "snapshot/derive.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot {

namespace {

std::string record_text(std::uint64_t index) {
  return "record " + std::to_string(index);
}

bool known_type(std::uint16_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return true;
    default:
      return false;
  }
}

void check_attributes(const ShardReader& shard, std::uint32_t index, const format::Attributes& attributes,
                      std::size_t devices) {
  auto broken = [&](const char* rule, const char* detail) {
    return FormatError(shard.file_name(format::array_attributes), record_text(index), rule, detail);
  };
  if ((attributes.flags & ~format::known_attribute_flags) != 0)
    throw broken(rule::attributes_flags, "has an unknown flag");
  bool no_stat = (attributes.flags & format::flag_no_stat) != 0;
  bool dirent_type = (attributes.flags & format::flag_dirent_type) != 0;
  if (dirent_type && !no_stat) throw broken(rule::attributes_flags, "has a dirent type beside a stat");
  if (no_stat) {
    if ((attributes.mode & ~S_IFMT) != 0 || (attributes.flags & format::flag_wide) != 0 ||
        attributes.uid != 0 || attributes.gid != 0 || attributes.nlink != 0 || attributes.device_index != 0 ||
        attributes.blksize != 0 || attributes.rdev != 0)
      throw broken(rule::attributes_no_stat, "has values although there was no stat");
    if (dirent_type != ((attributes.mode & S_IFMT) != 0))
      throw broken(rule::attributes_type, "has a type from nowhere");
    if (!dirent_type) return;
  } else if (attributes.device_index >= devices) {
    throw broken(rule::attributes_device, "device is not in the manifest's table");
  }
  if (!known_type(attributes.mode)) throw broken(rule::attributes_type, "has an unknown type");
}

void check_name(const ShardReader& shard, Place place, std::string_view name) {
  auto broken = [&](const char* rule, const char* detail) {
    return FormatError(shard.file_name(format::array_entries), record_text(place.index), rule, detail);
  };
  bool is_root = place == Place{0, 0};
  if (name.empty() != is_root)
    throw broken(rule::name_not_empty, is_root ? "the root has a name" : "an entry has no name");
  if (name.find('/') != std::string_view::npos) throw broken(rule::name_no_slash, "a name has a slash");
  if (name == "." || name == "..") throw broken(rule::name_not_dots, "a name is . or ..");
}

void take_wide(const ShardReader& shard, std::uint32_t index, const format::Entry& record, Entry& entry) {
  auto wide = shard.record<format::Wide>(format::array_wide, record.size, rule::entry_wide);
  bool has_btime = (wide.flags & format::wide_has_btime) != 0;
  if (wide.entry != index || (wide.flags & ~format::wide_has_btime) != 0 ||
      wide.atime_nanoseconds > 999'999'999 || wide.mtime_nanoseconds > 999'999'999 ||
      wide.ctime_nanoseconds > 999'999'999 || wide.btime_nanoseconds > 999'999'999)
    throw FormatError(shard.file_name(format::array_wide), record_text(record.size), rule::entry_wide,
                      "is not the wide record of its entry");
  entry.inode = wide.inode;
  entry.apparent_bytes = wide.size;
  entry.blocks = wide.blocks;
  entry.atime = {wide.atime_seconds, wide.atime_nanoseconds};
  entry.mtime = {wide.mtime_seconds, wide.mtime_nanoseconds};
  entry.ctime = {wide.ctime_seconds, wide.ctime_nanoseconds};
  if (has_btime) entry.btime = Timestamp{wide.btime_seconds, wide.btime_nanoseconds};
}

void take_numbers(const format::Entry& record, Entry& entry) {
  entry.inode = record.inode;
  entry.apparent_bytes = record.size;
  entry.blocks = record.blocks_low;
  if (!entry.is_directory()) entry.blocks |= std::uint64_t{record.blocks_high_or_directory} << 32;
  entry.atime = from_nanoseconds(record.atime);
  entry.mtime = from_nanoseconds(record.mtime);
  entry.ctime = from_nanoseconds(record.ctime);
  if (record.btime != format::time_absent) entry.btime = from_nanoseconds(record.btime);
}

}  // namespace

format::Attributes read_attributes(const ShardReader& shard, std::uint32_t index, std::size_t devices) {
  auto record = shard.record<format::Attributes>(format::array_attributes, index, rule::attributes_index);
  check_attributes(shard, index, record, devices);
  return record;
}

Entry read_entry(const ShardReader& shard, std::uint32_t index, std::size_t devices,
                 RememberedAttributes& attributes) {
  auto record = shard.record<format::Entry>(format::array_entries, index, rule::entry_index);
  if (attributes.index != record.attributes) {
    attributes.index.reset();
    attributes.record = read_attributes(shard, record.attributes, devices);
    attributes.index = record.attributes;
  }
  const format::Attributes& shared = attributes.record;
  Entry entry;
  entry.place = {shard.number(), index};
  entry.name = shard.string_at(record.name);
  check_name(shard, entry.place, entry.name);
  entry.mode = shared.mode;
  entry.flags = shared.flags;
  entry.uid = shared.uid;
  entry.gid = shared.gid;
  entry.nlink = shared.nlink;
  entry.device_index = shared.device_index;
  entry.blksize = shared.blksize;
  entry.rdev_major = static_cast<std::uint32_t>(shared.rdev >> 32);
  entry.rdev_minor = static_cast<std::uint32_t>(shared.rdev);
  if (entry.is_symlink()) entry.target = shard.string_at(record.name + entry.name.size() + 1);
  if (entry.is_directory()) entry.directory_index = record.blocks_high_or_directory;
  if (!entry.has_stat())
    entry.inode = record.inode;
  else if ((entry.flags & format::flag_wide) != 0)
    take_wide(shard, index, record, entry);
  else
    take_numbers(record, entry);
  return entry;
}

std::string_view read_name(const ShardReader& shard, std::uint32_t index) {
  auto record = shard.record<format::Entry>(format::array_entries, index, rule::entry_index);
  std::string_view name = shard.string_at(record.name);
  check_name(shard, {shard.number(), index}, name);
  return name;
}

}  // namespace pwalk::snapshot
