// Ending a process on the spot.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#ifdef PWALK_COVERAGE
extern "C" void __gcov_dump();  // NOLINT(bugprone-reserved-identifier): the compiler's
#endif

namespace pwalk {

/// Without destructors, without what atexit() was told, without flushing streams: for a forked process, which
/// shares all of that with its parent. A build that measures coverage notes first what this process has run.
[[noreturn]] inline void leave(int status) noexcept {
#ifdef PWALK_COVERAGE
  __gcov_dump();
#endif
  ::_exit(status);
}

}  // namespace pwalk
