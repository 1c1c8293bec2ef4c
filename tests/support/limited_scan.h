// A scan as pwalk-scan does it, with the writer's bounds made small, so that small trees fill many shards.
// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "scan/sink.h"
#include "snapshot/publish.h"
#include "snapshot/writer.h"
#include "walk/walker.h"

namespace pwalk::test {

/// Scans `root` into the new directory `output`.
inline snapshot::Manifest limited_scan(const std::string& root, const std::string& output, unsigned workers,
                                       const snapshot::WriterLimits& limits, unsigned descriptors = 0) {
  if (::mkdir(output.c_str(), 0700) != 0) throw_errno("cannot create '" + output + "'");
  Fd directory = open_at(AT_FDCWD, output, O_RDONLY | O_DIRECTORY);
  Fd opened = open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_NOATIME);
  struct statx stat;
  if (int error = walk::stat_entry(opened.get(), "", stat)) throw_errno(error, "cannot stat '" + root + "'");
  snapshot::Manifest manifest;
  manifest.uuid = snapshot::new_uuid();
  manifest.root = root;
  snapshot::SnapshotWriter writer(directory.get(), manifest.uuid, limits);
  walk::MountTable mounts;
  std::vector<std::unique_ptr<scan::SnapshotSink>> sinks;
  std::vector<walk::Sink*> pointers;
  for (unsigned i = 0; i < workers; ++i) {
    snapshot::WorkerWriter& pen = writer.add_worker();
    sinks.push_back(std::make_unique<scan::SnapshotSink>(writer, pen, mounts));
    pointers.push_back(sinks.back().get());
    if (i > 0) continue;
    walk::Child child;
    child.stat = &stat;
    child.is_directory = true;
    pen.add_root(child, scan::entry_notes(child, sinks[0]->device_index(stat)));
  }
  walk::Options options;
  options.workers = workers;
  options.descriptors = descriptors;
  std::atomic<bool> stop{false};
  walk::Walker walker(options, mounts, pointers, stop);
  if (!walker.run(std::move(opened), stat, scan::token_of({0, 0})))
    throw_errno(EINTR, "the walk was stopped");
  return writer.finish(manifest, workers);
}

}  // namespace pwalk::test
