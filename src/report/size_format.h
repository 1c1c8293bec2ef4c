// Amounts of bytes and inodes in the units and with the rounding of GNU du 9.1: always up.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pwalk::report {

class SizeFormat {
 public:
  /// Whole units of `unit_bytes` (not 0), followed by `suffix`.
  static SizeFormat in_units(std::uint64_t unit_bytes, std::string suffix = "") {
    return SizeFormat(0, unit_bytes, std::move(suffix));
  }
  /// Powers of 1024 with one letter, such as 1.1K, 12M, 1.0G: du -h.
  static SizeFormat human() { return SizeFormat(1024, 1, ""); }
  /// Powers of 1000, such as 1.1k, 12M: du --si.
  static SizeFormat si() { return SizeFormat(1000, 1, ""); }
  /// The argument of du -B: a number (decimal, 0x hexadecimal, 0 octal), one of K M G T P E, alone (powers of
  /// 1024), with iB (the same) or with B (powers of 1000), or both; without a number the unit is printed
  /// behind each amount. Also `human-readable` and `si`. std::system_error EINVAL or ERANGE for anything
  /// else.
  static SizeFormat parse(std::string_view argument);

  /// `bytes` as text.
  std::string of_bytes(std::uint64_t bytes) const;
  /// A number of inodes as text: units do not apply, powers do.
  std::string of_inodes(std::uint64_t inodes) const;

 private:
  SizeFormat(std::uint32_t base, std::uint64_t unit_bytes, std::string suffix)
      : base_(base), unit_bytes_(unit_bytes), suffix_(std::move(suffix)) {}

  std::uint32_t base_;  // of the powers; 0 for whole units
  std::uint64_t unit_bytes_;
  std::string suffix_;
};

}  // namespace pwalk::report
