// A scan in its plainest form, for tests of what reads snapshots: one thread, whole paths, readdir and statx,
// no promise kept but that the result is a snapshot of a quiet tree.
// SPDX-License-Identifier: MIT
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "snapshot/publish.h"
#include "snapshot/writer.h"

namespace pwalk::test {

class TinyScan {
 public:
  /// Scans `root` (an absolute path) into the new directory `output`.
  TinyScan(const std::string& root, const std::string& output, bool complete = true) {
    if (::mkdir(output.c_str(), 0700) != 0) throw_errno("cannot create '" + output + "'");
    Fd directory = open_at(AT_FDCWD, output, O_RDONLY | O_DIRECTORY);
    snapshot::Manifest manifest;
    manifest.uuid = snapshot::new_uuid();
    manifest.complete = complete;
    manifest.program = "tiny_scan";
    manifest.host = "test";
    manifest.root = root;
    writer_ = std::make_unique<snapshot::SnapshotWriter>(directory.get(), manifest.uuid);
    worker_ = &writer_->add_worker();
    Child child = look_at(root, "");
    worker_->add_root(child.input());
    if (child.is_directory()) scan_directory(root, {0, 0});
    writer_->finish(manifest, 1);
  }

 private:
  struct Child {
    std::string name;
    std::string target;
    struct statx stat = {};
    int stat_error = 0;
    std::uint64_t inode = 0;
    std::uint16_t type = 0;
    std::uint32_t device_index = 0;

    bool is_directory() const { return S_ISDIR(stat_error == 0 ? stat.stx_mode : type); }

    snapshot::EntryInput input() const {
      snapshot::EntryInput input;
      input.name = name;
      input.dirent_inode = inode;
      input.dirent_type = type;
      input.stat = stat_error == 0 ? &stat : nullptr;
      input.stat_error = stat_error;
      input.device_index = device_index;
      input.target = target;
      return input;
    }
  };

  Child look_at(const std::string& path, const std::string& name) {
    Child child;
    child.name = name;
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &child.stat) !=
        0)
      child.stat_error = errno;
    else
      child.device_index = writer_->device_index(child.stat.stx_dev_major, child.stat.stx_dev_minor, "");
    char target[PATH_MAX];
    ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length > 0) child.target.assign(target, static_cast<std::size_t>(length));
    return child;
  }

  void scan_directory(const std::string& path, snapshot::Place place) {
    snapshot::ListingOutcome outcome;
    std::vector<Child> children;
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
    if (stream == nullptr) {
      outcome.state = format::state_failed;
      outcome.call = format::call_openat;
      outcome.error = errno;
      worker_->not_listed(place, outcome);
      return worker_->finish(place);
    }
    while (const dirent* entry = ::readdir(stream.get())) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      children.push_back(look_at(path + "/" + name, name));
      children.back().inode = entry->d_ino;
      children.back().type = static_cast<std::uint16_t>(DTTOIF(entry->d_type));
    }
    stream.reset();
    write_children(path, place, children);
  }

  void write_children(const std::string& path, snapshot::Place place, std::vector<Child>& children) {
    std::sort(children.begin(), children.end(),
              [](const Child& a, const Child& b) { return a.name < b.name; });
    std::uint64_t names_bytes = 0;
    std::uint64_t targets_bytes = 0;
    for (const Child& child : children) {
      names_bytes += child.name.size() + 1;
      targets_bytes += child.target.size() + 1;
    }
    worker_->begin(place, children.size(), names_bytes, targets_bytes);
    std::vector<std::pair<std::string, snapshot::Place>> below;
    for (const Child& child : children) {
      snapshot::Place added = worker_->add(child.input());
      if (child.is_directory() && child.stat_error == 0) below.emplace_back(child.name, added);
    }
    worker_->end({});
    for (const auto& [name, directory] : below) scan_directory(path + "/" + name, directory);
    worker_->finish(place);
  }

  std::unique_ptr<snapshot::SnapshotWriter> writer_;
  snapshot::WorkerWriter* worker_ = nullptr;
};

}  // namespace pwalk::test
