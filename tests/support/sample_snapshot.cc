// SPDX-License-Identifier: MIT
#include "support/sample_snapshot.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "snapshot/format.h"

namespace pwalk::test {

namespace {

constexpr std::int64_t some_second = 1'700'000'000;

class SampleWriter {
 public:
  SampleWriter(int directory, unsigned workers) : writer_(directory, uuid) {
    for (unsigned i = 0; i < workers; ++i) pens_.push_back(&writer_.add_worker());
  }

  snapshot::Manifest write(const SampleNode& root) {
    pens_[0]->add_root(input_of(root));
    if (root.is_directory()) write_directory(root, {0, 0});
    snapshot::Manifest manifest;
    manifest.program = "sample";
    manifest.host = "host";
    manifest.root = "/sample";
    return writer_.finish(std::move(manifest), 1);
  }

 private:
  static constexpr std::array<std::uint8_t, 16> uuid = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x4d, 0xef,
                                                        0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};

  snapshot::EntryInput input_of(const SampleNode& node) {
    snapshot::EntryInput input;
    input.name = node.name;
    input.dirent_inode = node.stat.stx_ino;
    input.dirent_type = node.has_stat ? node.stat.stx_mode & S_IFMT : node.dirent_type;
    input.stat = node.has_stat ? &node.stat : nullptr;
    input.stat_error = node.stat_error;
    input.device_index = writer_.device_index(8, node.device + 1, "ext4");
    input.target = node.target;
    input.target_error = node.target_error;
    input.unread_state = node.unread_state;
    return input;
  }

  void write_directory(const SampleNode& node, snapshot::Place place) {
    snapshot::WorkerWriter& pen = *pens_[turn_++ % pens_.size()];
    if (node.outcome.state != format::state_read && node.outcome.state != format::state_partial) {
      pen.not_listed(place, node.outcome);
      pen.finish(place);
      return;
    }
    std::uint64_t names_bytes = 0;
    std::vector<const SampleNode*> sorted;
    for (const SampleNode& child : node.children) {
      sorted.push_back(&child);
      names_bytes += child.name.size() + child.target.size() + 2;
    }
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
    if (!pen.begin(place, sorted.size(), names_bytes, 0)) throw_errno(EFBIG, "sample");
    std::vector<snapshot::Place> places;
    for (const SampleNode* child : sorted) places.push_back(pen.add(input_of(*child)));
    pen.end(node.outcome);
    for (std::size_t i = 0; i < sorted.size(); ++i)
      if (sorted[i]->is_directory() && sorted[i]->has_stat && sorted[i]->unread_state == 0)
        write_directory(*sorted[i], places[i]);
    pen.finish(place);
  }

  snapshot::SnapshotWriter writer_;
  std::vector<snapshot::WorkerWriter*> pens_;
  std::size_t turn_ = 0;
};

}  // namespace

SampleNode sample_file(const std::string& name, std::uint64_t inode, std::uint64_t apparent_bytes) {
  SampleNode node;
  node.name = name;
  node.stat.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
  node.stat.stx_mode = S_IFREG | 0644;
  node.stat.stx_ino = inode;
  node.stat.stx_nlink = 1;
  node.stat.stx_uid = 1000;
  node.stat.stx_gid = 100;
  node.stat.stx_size = apparent_bytes;
  node.stat.stx_blocks = (apparent_bytes + 4095) / 4096 * 8;
  node.stat.stx_blksize = 4096;
  auto second = some_second + static_cast<std::int64_t>(inode);
  node.stat.stx_atime = {second, 1, 0};
  node.stat.stx_mtime = {second - 500, 999'999'999, 0};
  node.stat.stx_ctime = {second - 400, 3, 0};
  node.stat.stx_btime = {second - 1000, 4, 0};
  return node;
}

SampleNode sample_directory(const std::string& name, std::uint64_t inode, std::uint16_t permissions,
                            std::vector<SampleNode> children) {
  SampleNode node = sample_file(name, inode, 4096);
  node.stat.stx_mode = S_IFDIR | permissions;
  node.stat.stx_nlink = 2;
  node.children = std::move(children);
  return node;
}

SampleNode sample_link(const std::string& name, const SampleNode& file, std::uint32_t links) {
  SampleNode node = file;
  node.name = name;
  node.stat.stx_nlink = links;
  return node;
}

SampleNode sample_symlink(const std::string& name, std::uint64_t inode, const std::string& target) {
  SampleNode node = sample_file(name, inode, target.size());
  node.stat.stx_mode = S_IFLNK | 0777;
  node.target = target;
  return node;
}

namespace {

SampleNode without_stat(const std::string& name, std::uint64_t inode, std::uint16_t type) {
  SampleNode node;
  node.name = name;
  node.stat.stx_ino = inode;
  node.has_stat = false;
  node.stat_error = EACCES;
  node.dirent_type = type;
  return node;
}

/// Directories that were not listed completely, each for its own reason.
std::vector<SampleNode> unread_directories() {
  SampleNode failed = sample_directory("failed", 301, 0700, {});
  failed.outcome = {format::state_failed, EACCES, format::call_openat, {}, {}, false, 0};
  SampleNode partial = sample_directory("partial", 302, 0755, {sample_file("seen", 310, 10)});
  partial.outcome = {format::state_partial, EIO, format::call_getdents64, {}, {}, false, 0};
  SampleNode vanished = sample_directory("vanished", 303, 0755, {});
  vanished.outcome = {format::state_vanished, ENOENT, 0, {}, {}, false, 0};
  SampleNode excluded = sample_directory("excluded", 2, 0755, {});
  excluded.device = 1;
  excluded.unread_state = format::state_excluded_other_file_system;
  SampleNode rich = sample_directory("rich_acl", 304, 0755, {});
  rich.outcome.rich_acl = true;
  rich.outcome.acl_error = EIO;
  return {failed, partial, vanished, excluded, rich, without_stat("unsearchable", 305, S_IFDIR)};
}

}  // namespace

SampleNode sample_tree() {
  static const std::string acl(
      "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\0\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff", 28);
  SampleNode shared = sample_file("shared1", 500, 7000);
  SampleNode grown = sample_link("shared3", shared, 4);
  grown.stat.stx_size = 9000;  // written to while the walk went on
  grown.stat.stx_blocks = 24;
  SampleNode deep = sample_directory("deep", 120, 0755, {sample_link("shared2", shared, 4)});
  SampleNode alpha = sample_directory(
      "alpha", 110, 0755, {deep, sample_link("shared1", shared, 4), sample_file("text", 111, 100)});
  SampleNode old = sample_file("old", 130, 5);
  old.stat.stx_mtime = {-11'676'096'000, 7, 0};  // the year 1600
  SampleNode huge = sample_directory("huge", 131, 0755, {sample_file("one", 132, 1)});
  huge.stat.stx_blocks = std::uint64_t{1} << 33;
  SampleNode beta =
      sample_directory("beta", 121, 0750, {grown, sample_link("shared4", shared, 4), old, huge});
  beta.stat.stx_gid = 200;
  beta.outcome.access_acl = acl;
  beta.outcome.default_acl = acl;
  SampleNode pipe = sample_file("pipe", 140, 0);
  pipe.stat.stx_mode = S_IFIFO | 0600;
  SampleNode disk = sample_file("disk", 141, 0);
  disk.stat.stx_mode = S_IFBLK | 0660;
  disk.stat.stx_rdev_major = 8;
  disk.stat.stx_rdev_minor = 17;
  SampleNode sparse = sample_file("sparse", 142, std::uint64_t{5} << 40);
  sparse.stat.stx_blocks = std::uint64_t{1} << 33;
  sparse.stat.stx_mask = STATX_BASIC_STATS;  // no birth time
  sparse.stat.stx_uid = 4'294'967'294;
  SampleNode unreadable_link = sample_symlink("unreadable_link", 151, "");
  unreadable_link.target_error = EIO;
  std::vector<SampleNode> children = {alpha,
                                      beta,
                                      sample_directory("empty", 122, 0755, {}),
                                      pipe,
                                      disk,
                                      sparse,
                                      unreadable_link,
                                      sample_symlink("link", 150, "alpha/text"),
                                      without_stat("no_stat", 160, S_IFREG),
                                      without_stat("no_type", 161, 0)};
  for (SampleNode& node : unread_directories()) children.push_back(std::move(node));
  return sample_directory("", 2, 0755, std::move(children));
}

snapshot::Manifest write_sample(const std::string& directory, const SampleNode& root, unsigned workers) {
  if (::mkdir(directory.c_str(), 0700) != 0) throw_errno("cannot make '" + directory + "'");
  Fd opened = open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  return SampleWriter(opened.get(), workers).write(root);
}

}  // namespace pwalk::test
