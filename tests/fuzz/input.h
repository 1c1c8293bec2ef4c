// Takes numbers and strings off the front of a fuzzer's input; zeros and empty strings once it is used up.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pwalk::fuzz {

class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t length)
      : rest_(reinterpret_cast<const char*>(bytes), length) {}

  bool empty() const noexcept { return rest_.empty(); }

  template <class Number>
  Number number() noexcept {
    Number value = 0;
    std::size_t length = std::min(sizeof value, rest_.size());
    if (length > 0) std::memcpy(&value, rest_.data(), length);
    rest_.remove_prefix(length);
    return value;
  }
  /// One byte of length, then so many bytes.
  std::string_view text() noexcept {
    auto length = number<std::uint8_t>();
    return take(length);
  }
  std::string_view take(std::size_t length) noexcept {
    std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() noexcept { return take(rest_.size()); }

 private:
  std::string_view rest_;
};

/// Ends the process as a finding, also where assertions are off.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace pwalk::fuzz
