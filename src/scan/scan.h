// pwalk-scan's work: a walk whose sinks write a snapshot. Walk and snapshot meet here and nowhere else.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scan/progress.h"
#include "snapshot/manifest.h"
#include "walk/filter.h"
#include "walk/walker.h"

namespace pwalk::scan {

struct Request {
  std::string root;
  std::optional<std::string> output;  // the snapshot's path, must not exist; otherwise it goes into the store
  std::string store;
  std::string name;  // empty: from the root's path
  unsigned threads = 1;
  /// More than `threads`: as many as the file system makes worth having, from `threads` (the processors that
  /// the scan may use) to this.
  unsigned threads_max = 0;
  bool one_file_system = false;
  std::uint64_t rate = 0;  // entries a second; 0: as many as can be
  int stat_sync = 0;       // walk::Options::stat_sync
  walk::Filter filter;     // what is left out by name
  bool exclude_caches = false;
  bool acls = true;  // directories' ACLs are read
  std::optional<std::uint32_t> depth_max;
  /// Seconds from the start after which the walk ends, and what there is, is published.
  std::optional<double> deadline_seconds;
  /// When `stop` becomes true, too, what there is, is published.
  bool publish_when_stopped = false;
  /// walk::Options::patience_seconds, infinite where only a deadline is to end what hangs; the process must
  /// then not be waited for once this has returned.
  double timeout_seconds = 0;
  /// How these were asked for: further options for the manifest, by long name.
  std::map<std::string, std::string> options;
  /// Called once the root has been opened and looked at, before anything is written; may be empty.
  std::function<void()> on_root_opened;
  /// Called from a thread of its own, about ten times a second, while the tree is walked and while the rest
  /// of the snapshot is written; may be empty.
  std::function<void(const Progress&)> on_progress;
  /// Called before the walk where something will probably go wrong; may be empty.
  std::function<void(const std::string&)> on_warning;
  std::optional<mode_t> mode;  // permission bits of the published snapshot, else 0700
};

struct Result {
  snapshot::Manifest manifest;
  std::string snapshot_path;
  double seconds = 0;  // from the start to the publication
  std::vector<walk::Walker::WorkersChange> workers_changes;
  bool incomplete = false;           // published, but the walk ended before it had reached everything
  bool stopped = false;              // nothing was published
  std::exception_ptr store_refused;  // published, but its NAME's `latest` or mode could not be set: why
  std::string refusal;               // why nothing was done, where no errno tells; empty otherwise
};

/// Scans and publishes. std::system_error where the job cannot be done; then nothing is left behind.
/// `stop` becoming true ends it soon, with nothing published.
Result run(const Request& request, const std::atomic<bool>& stop);

}  // namespace pwalk::scan
