// Copies of what is mostly as short as a name.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstring>

namespace pwalk {

/// memcpy, without a call for up to 32 bytes: two copies that may overlap take any length between their
/// sizes. `from` may be null where `length` is 0.
inline void copy_short(void* to, const void* from, std::size_t length) noexcept {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  auto both_ends = [=](auto word) {
    auto last = word;
    std::memcpy(&word, in, sizeof word);
    std::memcpy(&last, in + length - sizeof last, sizeof last);
    std::memcpy(out, &word, sizeof word);
    std::memcpy(out + length - sizeof last, &last, sizeof last);
  };
  struct Sixteen {
    unsigned char bytes[16];
  };
  if (length > 2 * sizeof(Sixteen))
    std::memcpy(out, in, length);
  else if (length >= sizeof(Sixteen))
    both_ends(Sixteen{});
  else if (length >= sizeof(unsigned long long))
    both_ends(0ULL);
  else if (length >= sizeof(unsigned))
    both_ends(0U);
  else
    for (std::size_t at = 0; at < length; ++at) out[at] = in[at];
}

}  // namespace pwalk
