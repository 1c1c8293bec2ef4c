// The process that mounts, and keeps what unmounting takes: the one that answers requests needs no privilege
// at all, but only somebody who may mount can unmount when a signal ends it. It answers nothing, reads
// nothing but one byte from its parent, and never unmounts when that one was killed: what then becomes of the
// mount is the administrator's choice (-o auto_unmount).
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"

namespace pwalk::mount {

class Mounter {
 public:
  /// Starts the process, which mounts with libfuse's `options` (the argument of -o). No thread may exist.
  /// Where mounting was refused, libfuse has told its log.
  Mounter(const std::string& options, const std::string& mount_point);
  Mounter(const Mounter&) = delete;
  Mounter& operator=(const Mounter&) = delete;
  /// Lets the process go, without unmounting.
  ~Mounter();

  bool is_mounted() const noexcept { return static_cast<bool>(device_); }
  /// The connection to the kernel: the only descriptor of it, so that it breaks when its owner ends.
  Fd take_device() noexcept { return std::move(device_); }
  /// Unmounts, if what is at the mount point is still this mount; returns when it is done.
  void unmount() noexcept;

 private:
  void let_go() noexcept;

  pid_t process_ = -1;
  Fd channel_;
  Fd device_;
};

}  // namespace pwalk::mount
