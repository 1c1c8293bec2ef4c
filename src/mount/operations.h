// The FUSE operations over a tree. Each computes its whole answer first; one wrapper then sends exactly one
// reply, whatever was thrown: a request without a reply makes a client that cannot be killed.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "mount/log.h"
#include "mount/slow_lane.h"
#include "mount/tree.h"

struct fuse_lowlevel_ops;

namespace pwalk::mount {

/// What the operations work on: the session's user data.
struct Context {
  Tree& tree;
  Log& log;
  std::function<void()> ready;  // called once, when the kernel and we have agreed on the protocol
  bool opendir_never = false;   // opendir is answered ENOSYS once, and the kernel does not ask again
  bool readdirplus = true;
  SlowLane* slow_lane = nullptr;  // none: everything is answered by the thread that reads the request
};

/// The table for fuse_session_new; what is not in it libfuse answers with ENOSYS (access: the kernel stops
/// asking). Mutating calls do not get here, the mount being read-only. Without `with_attributes` getxattr
/// and listxattr are not in it either: answering them would make `ls -lR` 2.5 times slower.
const fuse_lowlevel_ops& operations(bool with_attributes) noexcept;

}  // namespace pwalk::mount
