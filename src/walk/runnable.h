// Which threads of this process wait for the file system, and which only for a processor.
// SPDX-License-Identifier: MIT
#pragma once

namespace pwalk::walk {

/// How many threads of this process, without the caller, are on a processor at this moment or wait for one:
/// state R in /proc/self/task/TID/stat (proc(5)); 0 where that cannot be read. Some microseconds for each
/// thread.
unsigned runnable_threads() noexcept;

}  // namespace pwalk::walk
