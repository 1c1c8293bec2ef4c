// Ending work early because somebody asked for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

namespace pwalk {

/// Thrown by what ends before it is done since it was told to stop: no error.
struct Stopped {};

/// For work that is never told to.
inline const std::atomic<bool> never_stopped{false};

inline void end_if(const std::atomic<bool>& stop) {
  if (stop.load(std::memory_order_relaxed)) throw Stopped();
}

}  // namespace pwalk
