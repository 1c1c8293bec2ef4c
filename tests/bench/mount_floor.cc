// mount_floor [--threads N] SNAPSHOT MOUNTPOINT: the least that a FUSE file system of that tree can cost.
// Reads the whole snapshot into plain arrays first, checks nothing afterwards and answers from memory:
// readdirplus always, opendir ENOSYS, names and attributes kept for a year. In the foreground, until it is
// unmounted.
// SPDX-License-Identifier: MIT
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/snapshot.h"

namespace {

using pwalk::snapshot::Entry;
using pwalk::snapshot::Snapshot;

constexpr double year_seconds = 31536000;
constexpr std::size_t largest_listing = std::size_t{1} << 20;

struct Record {
  std::uint64_t inode, size, blocks, rdev;
  std::int64_t atime, mtime, ctime;
  std::uint32_t atime_nanoseconds, mtime_nanoseconds, ctime_nanoseconds;
  std::uint32_t mode, links, uid, gid, block_bytes;
  std::uint64_t name;  // offset, ends with a NUL
  std::uint64_t parent, child_first, child_count;
};

/// Node ids are the numbers of records and 1.
struct Tree {
  std::vector<Record> records;
  std::string names;

  const Record& at(fuse_ino_t node) const { return records[node - 1]; }
  const char* name(const Record& record) const { return names.data() + record.name; }
};

Tree tree;  // libfuse's callbacks could carry it, at the cost of one more load

void load(const std::string& path) {
  std::shared_ptr<const Snapshot> snapshot = Snapshot::open(path);
  tree.records.reserve(snapshot->entry_count());
  for (std::uint64_t number = 0; number < snapshot->entry_count(); ++number) {
    Entry entry = snapshot->entry(*snapshot->place_of(number));
    Record record{};
    record.inode = entry.inode;
    record.size = entry.apparent_bytes;
    record.blocks = entry.blocks;
    record.rdev = makedev(entry.rdev_major, entry.rdev_minor);
    record.atime = entry.atime.seconds, record.atime_nanoseconds = entry.atime.nanoseconds;
    record.mtime = entry.mtime.seconds, record.mtime_nanoseconds = entry.mtime.nanoseconds;
    record.ctime = entry.ctime.seconds, record.ctime_nanoseconds = entry.ctime.nanoseconds;
    record.mode = entry.mode, record.links = entry.nlink;
    record.uid = entry.uid, record.gid = entry.gid;
    record.block_bytes = entry.blksize;
    record.name = tree.names.size();
    tree.names.append(entry.name).push_back('\0');
    if (entry.is_directory()) {
      auto directory = snapshot->directory_of(entry);
      record.child_count = directory.record.child_count;
      record.child_first =
          record.child_count == 0
              ? 0
              : snapshot->number_of({directory.record.child_shard, directory.record.child_first});
      record.parent = directory.is_root() ? 0 : snapshot->number_of(snapshot->parent_of(directory).entry());
    }
    tree.records.push_back(record);
  }
}

void fill(struct stat& out, const Record& record) {
  out.st_ino = record.inode;
  out.st_size = static_cast<off_t>(record.size);
  out.st_blocks = static_cast<blkcnt_t>(record.blocks);
  out.st_mode = record.mode;
  out.st_nlink = record.links;
  out.st_uid = record.uid;
  out.st_gid = record.gid;
  out.st_rdev = record.rdev;
  out.st_blksize = static_cast<blksize_t>(record.block_bytes);
  out.st_atim = {record.atime, record.atime_nanoseconds};
  out.st_mtim = {record.mtime, record.mtime_nanoseconds};
  out.st_ctim = {record.ctime, record.ctime_nanoseconds};
}

void fill(fuse_entry_param& out, std::uint64_t number) {
  out.ino = number + 1;
  out.attr_timeout = out.entry_timeout = year_seconds;
  fill(out.attr, tree.records[number]);
}

void look_up(fuse_req_t request, fuse_ino_t parent, const char* name) {
  fuse_entry_param found{};
  found.entry_timeout = year_seconds;
  std::uint64_t low = tree.at(parent).child_first;
  std::uint64_t end = low + tree.at(parent).child_count;
  for (std::uint64_t high = end; low < high;) {
    std::uint64_t middle = low + (high - low) / 2;
    if (std::strcmp(tree.name(tree.records[middle]), name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < end && std::strcmp(tree.name(tree.records[low]), name) == 0) fill(found, low);
  fuse_reply_entry(request, &found);
}

void get_attributes(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  struct stat out {};
  fill(out, tree.at(node));
  fuse_reply_attr(request, &out, year_seconds);
}

void open_directory(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  fuse_reply_err(request, ENOSYS);
}

void read_directory(fuse_req_t request, fuse_ino_t node, std::size_t room, off_t offset, fuse_file_info*) {
  thread_local std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(largest_listing);
  room = std::min(room, largest_listing);
  const Record& directory = tree.at(node);
  std::size_t length = 0;
  for (auto position = static_cast<std::uint64_t>(offset); position < directory.child_count + 2; ++position) {
    fuse_entry_param entry{};
    const char* name = position == 0 ? "." : "..";
    if (position < 2) {
      fill(entry.attr, position == 0 ? directory : tree.records[directory.parent]);
    } else {
      fill(entry, directory.child_first + position - 2);
      name = tree.name(tree.at(entry.ino));
    }
    std::size_t needed = fuse_add_direntry_plus(request, bytes.get() + length, room - length, name, &entry,
                                                static_cast<off_t>(position + 1));
    if (needed > room - length) break;
    length += needed;
  }
  fuse_reply_buf(request, bytes.get(), length);
}

void forget(fuse_req_t request, fuse_ino_t, std::uint64_t) {
  fuse_reply_none(request);
}

void forget_many(fuse_req_t request, std::size_t, fuse_forget_data*) {
  fuse_reply_none(request);
}

void start(void*, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_EXPORT_SUPPORT |
                                             FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS);
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
                             FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_IOCTL_DIR);
}

int serve(fuse_session* session, unsigned threads) {
  if (threads <= 1) return fuse_session_loop(session);
  fuse_loop_config* configuration = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(configuration, threads);
  fuse_loop_cfg_set_idle_threads(configuration, threads);
  fuse_loop_cfg_set_clone_fd(configuration, 0);
  int result = fuse_session_loop_mt(session, configuration);
  fuse_loop_cfg_destroy(configuration);
  return result;
}

int run(const std::string& mount_point, unsigned threads) {
  fuse_lowlevel_ops table{};
  table.init = start;
  table.lookup = look_up;
  table.getattr = get_attributes;
  table.opendir = open_directory;
  table.readdirplus = read_directory;
  table.forget = forget;
  table.forget_multi = forget_many;
  const char* words[] = {"mount_floor", "-oro,nosuid,nodev,default_permissions,fsname=mount_floor"};
  fuse_args arguments = FUSE_ARGS_INIT(2, const_cast<char**>(words));
  fuse_session* session = fuse_session_new(&arguments, &table, sizeof table, nullptr);
  fuse_opt_free_args(&arguments);
  if (session == nullptr || fuse_session_mount(session, mount_point.c_str()) != 0) return 2;
  fuse_set_signal_handlers(session);
  int result = serve(session, threads);
  fuse_session_unmount(session);
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  return result < 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  unsigned threads = 1;
  if (words.size() >= 2 && words[0] == "--threads") {
    threads = static_cast<unsigned>(std::atoi(words[1].c_str()));
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.size() != 2) {
    std::fprintf(stderr, "usage: mount_floor [--threads N] SNAPSHOT MOUNTPOINT\n");
    return 2;
  }
  try {
    load(words[0]);
    return run(words[1], threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mount_floor: %s\n", error.what());
    return 2;
  }
}
