// SPDX-License-Identifier: MIT
#include "support/describe.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pwalk::test {

namespace {

using snapshot::Directory;
using snapshot::Entry;
using snapshot::Snapshot;
using snapshot::Timestamp;

std::string text(Timestamp time) {
  return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
}

std::string text(const Snapshot& snapshot, const Entry& entry) {
  std::string device;
  if (entry.has_stat()) {
    const auto& known = snapshot.manifest().devices[entry.device_index];
    device = fmt::format("{}:{}", known.major, known.minor);
  }
  return fmt::format(
      "{:o} flags {} inode {} nlink {} uid {} gid {} dev {} rdev {}:{} blksize {} size {} blocks {} "
      "atime {} mtime {} ctime {} btime {} target '{}'",
      entry.mode, entry.flags, entry.inode, entry.nlink, entry.uid, entry.gid, device, entry.rdev_major,
      entry.rdev_minor, entry.blksize, entry.apparent_bytes, entry.blocks, text(entry.atime),
      text(entry.mtime), text(entry.ctime), entry.btime ? text(*entry.btime) : "none",
      printable(entry.target));
}

std::string text(const Snapshot& snapshot, const Directory& directory) {
  snapshot::Totals totals = directory.totals();
  auto acl = snapshot.acl(directory);
  return fmt::format(
      "state {} errno {} access {} flags {} depth {} fingerprint {} entries {} files {} directories {} "
      "symlinks {} "
      "apparent {} directory {} disk {} errors {} mtime {} ctime {} excess {} {} {} acl {}",
      directory.record.state, directory.record.error, directory.record.access, directory.record.flags,
      directory.record.depth, to_hex(directory.record.fingerprint, 16), totals.entries, totals.files,
      totals.directories, totals.symlinks, totals.apparent_bytes, totals.directory_bytes, totals.disk_bytes,
      totals.errors, text(totals.newest_mtime), text(totals.newest_ctime), totals.excess_inodes,
      totals.excess_apparent, totals.excess_disk,
      acl ? to_hex(acl->access_value.data(), acl->access_value.size()) + "/" +
                to_hex(acl->default_value.data(), acl->default_value.size())
          : "none");
}

void describe(const Snapshot& snapshot, const Entry& entry, const std::string& path,
              std::vector<std::string>& lines) {
  std::string line = "'" + printable(path) + "' " + text(snapshot, entry);
  if (!entry.is_directory()) {
    lines.push_back(std::move(line));
    return;
  }
  Directory directory = snapshot.directory_of(entry);
  lines.push_back(line + " | " + text(snapshot, directory));
  for (std::uint32_t i = 0; i < directory.record.child_count; ++i) {
    Entry child = snapshot.child(directory, i);
    describe(snapshot, child, path + "/" + std::string(child.name), lines);
  }
}

}  // namespace

std::vector<std::string> describe(const Snapshot& snapshot) {
  std::vector<std::string> lines;
  describe(snapshot, snapshot.root(), "", lines);
  return lines;
}

}  // namespace pwalk::test
