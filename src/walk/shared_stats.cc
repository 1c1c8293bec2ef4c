// SPDX-License-Identifier: MIT
#include "walk/shared_stats.h"

#include <algorithm>

namespace pwalk::walk {

SharedStats::SharedStats(const StatWork& work, std::uint32_t portion) noexcept
    : work_(work), portion_(std::max(1u, portion)) {}

bool SharedStats::take(std::uint32_t& begin, std::uint32_t& end) noexcept {
  if (exhausted()) return false;
  begin = next_.fetch_add(portion_, std::memory_order_relaxed);
  if (begin >= work_.count) return false;
  end = std::min(work_.count, begin + portion_);
  return true;
}

}  // namespace pwalk::walk
