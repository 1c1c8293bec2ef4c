// One mount from start to end: FUSE's session, its threads, and the change into the background.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "mount/log.h"
#include "mount/options.h"

namespace pwalk::mount {

struct Settings {
  std::string source;       // absolute
  std::string mount_point;  // absolute, an existing directory
  Options options;
  bool foreground = false;
  bool debug = false;  // libfuse's messages for each request, on stderr
  bool single_thread = false;
};

/// Whether `mount_point` is the descriptor of a mount that somebody else has made and will unmount, as
/// mount.fuse3 with drop_privileges does.
bool is_mounted_already(const std::string& mount_point) noexcept;
/// Absolute path without symbolic links of a SOURCE; std::system_error if there is none.
std::string resolve_source(const std::string& path);
/// The same of a mount point, which must be a directory (ENOTDIR). What a killed daemon left mounted there is
/// detached, and `sink` told.
std::string resolve_mount_point(const std::string& path, const MessageSink& sink);
/// std::system_error where /dev/fuse cannot be opened.
void require_fuse();

/// Mounts and serves. In the foreground it returns when the mount has ended. In the background it forks: the
/// caller's process returns when the mount is live, the child when it has ended; messages go to `sink` until
/// then, to syslog afterwards. No thread may exist yet. Returns the exit status: 0, or 2 where the mount
/// failed, told to `sink`. std::system_error and FormatError for a source that cannot be mounted.
int serve(const Settings& settings, const MessageSink& sink);

}  // namespace pwalk::mount
