// SPDX-License-Identifier: MIT
#include "report/size_format.h"

#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace pwalk::report {

namespace {

// 128 bits: ten times an amount of 64 bits is needed for the tenths.
__extension__ typedef unsigned __int128 Wide;

constexpr std::string_view power_letters = "KMGTPE";

std::uint64_t divide_up(Wide amount, Wide unit) noexcept {
  return static_cast<std::uint64_t>((amount + unit - 1) / unit);
}

/// `amount` with at most three digits, or four below 1024: one tenth below 10 units, whole units above.
std::string in_powers(std::uint64_t amount, std::uint32_t base) {
  Wide unit = 1;
  std::size_t power = 0;
  for (; power < power_letters.size() && amount / unit >= base; ++power) unit *= base;
  if (power == 0) return std::to_string(amount);
  std::uint64_t tenths = divide_up(Wide{amount} * 10, unit);
  std::uint64_t whole = divide_up(amount, unit);
  if (tenths >= 100 && whole == base && power < power_letters.size()) {
    // Rounded up to the next power: 1023.5K is 1.0M.
    tenths = 10;
    ++power;
  }
  std::string text = std::to_string(tenths < 100 ? tenths / 10 : whole);
  if (tenths < 100) text.append(".").append(std::to_string(tenths % 10));
  text += base == 1000 && power == 1 ? 'k' : power_letters[power - 1];
  return text;
}

[[noreturn]] void reject(int error, std::string_view argument) {
  throw_errno(error, "cannot use '" + printable(argument) + "' as a block size");
}

/// Takes a number off the front, in the base that its digits say; nothing if there is none.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view argument) {
  std::uint32_t base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.starts_with('0')) {
    base = 8;
  }
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size(); ++digits) {
    char c = text[digits];
    std::uint32_t digit = c >= '0' && c <= '9'   ? static_cast<std::uint32_t>(c - '0')
                          : c >= 'a' && c <= 'f' ? static_cast<std::uint32_t>(c - 'a' + 10)
                          : c >= 'A' && c <= 'F' ? static_cast<std::uint32_t>(c - 'A' + 10)
                                                 : base;
    if (digit >= base) break;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
      reject(ERANGE, argument);
  }
  if (digits == 0 && base == 16) reject(EINVAL, argument);
  text.remove_prefix(digits);
  if (digits == 0) return std::nullopt;
  return value;
}

}  // namespace

SizeFormat SizeFormat::parse(std::string_view argument) {
  if (argument == "human-readable") return human();
  if (argument == "si") return si();
  std::string_view rest = argument;
  std::optional<std::uint64_t> number = take_number(rest, argument);
  std::uint64_t unit_bytes = number.value_or(1);
  std::string suffix;
  if (!rest.empty()) {
    char letter = rest[0] == 'k' || rest[0] == 'm' || rest[0] == 'g' || rest[0] == 't'
                      ? static_cast<char>(rest[0] - 'a' + 'A')
                      : rest[0];
    std::size_t power = power_letters.find(letter);
    std::string_view ending = rest.substr(1);
    if (power == std::string_view::npos || !(ending.empty() || ending == "B" || ending == "iB"))
      reject(EINVAL, argument);
    std::uint64_t base = ending == "B" ? 1000 : 1024;
    for (std::size_t i = 0; i <= power; ++i)
      if (__builtin_mul_overflow(unit_bytes, base, &unit_bytes)) reject(ERANGE, argument);
    suffix = base == 1000 && letter == 'K' ? 'k' : letter;
    suffix += ending;
  }
  if (unit_bytes == 0 || argument.empty()) reject(EINVAL, argument);
  return in_units(unit_bytes, number ? "" : suffix);
}

std::string SizeFormat::of_bytes(std::uint64_t bytes) const {
  if (base_ != 0) return in_powers(bytes, base_);
  return std::to_string(divide_up(bytes, unit_bytes_)) + suffix_;
}

std::string SizeFormat::of_inodes(std::uint64_t inodes) const {
  return base_ != 0 ? in_powers(inodes, base_) : std::to_string(inodes);
}

}  // namespace pwalk::report
