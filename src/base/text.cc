// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <cstring>

namespace pwalk {

namespace {

constexpr char digits[] = "0123456789abcdef";

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Code points that a terminal obeys instead of showing: C0, DEL, C1, bidirectional controls, separators,
/// BOM.
bool is_control(std::uint32_t point) noexcept {
  return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x061c ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb);
}

std::uint32_t decode(std::string_view bytes, std::size_t position, std::size_t length) noexcept {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[position + i]); };
  switch (length) {
    case 2:
      return (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu);
    case 3:
      return (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
    case 4:
      return (byte(0) & 0x07u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 | (byte(3) & 0x3fu);
    default:
      return byte(0);
  }
}

void append_hex(std::string& out, const char* prefix, unsigned char byte) {
  out += prefix;
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

}  // namespace

std::size_t utf8_length(std::string_view bytes, std::size_t position) noexcept {
  auto byte = [&](std::size_t i) {
    return position + i < bytes.size() ? unsigned{static_cast<unsigned char>(bytes[position + i])} : 0u;
  };
  auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(0);
  if (first < 0x80) return position < bytes.size() ? 1 : 0;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    unsigned high = first == 0xed ? 0x9f : 0xbf;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    unsigned low = first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::string printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    std::size_t length = utf8_length(bytes, i);
    if (byte == '\n') {
      out += "\\n";
      length = 1;
    } else if (byte == '\t') {
      out += "\\t";
      length = 1;
    } else if (byte == '\\') {
      out += "\\\\";
      length = 1;
    } else if (length == 0 || is_control(decode(bytes, i, length))) {
      if (length == 0) length = 1;
      for (std::size_t k = 0; k < length; ++k)
        append_hex(out, "\\x", static_cast<unsigned char>(bytes[i + k]));
    } else {
      out.append(bytes, i, length);
    }
    i += length;
  }
  return out;
}

std::string percent_encode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    std::size_t length = utf8_length(bytes, i);
    if (length == 0 || byte == '%' || is_control(decode(bytes, i, length))) {
      if (length == 0) length = 1;
      for (std::size_t k = 0; k < length; ++k) append_hex(out, "%", static_cast<unsigned char>(bytes[i + k]));
    } else {
      out.append(bytes, i, length);
    }
    i += length;
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string to_hex(const void* bytes, std::size_t length) {
  std::string out;
  out.reserve(2 * length);
  for (std::size_t i = 0; i < length; ++i) append_hex(out, "", static_cast<const unsigned char*>(bytes)[i]);
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    if (hex_value(text[i]) < 0 || hex_value(text[i + 1]) < 0) return std::nullopt;
    out += static_cast<char>(hex_value(text[i]) << 4 | hex_value(text[i + 1]));
  }
  return out;
}

std::string hex64(std::uint64_t value) {
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) out[static_cast<std::size_t>(i)] = digits[value & 15];
  return out;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, 10u, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

void append_name(std::string& path, std::string_view name) {
  if (!path.ends_with('/')) path += '/';
  path += name;
}

}  // namespace pwalk
