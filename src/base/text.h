// Text for people and for JSON out of names that may hold any byte, and numbers read from a command line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pwalk {

/// `bytes` fit for a terminal: C0, DEL, C1, invalid UTF-8, bidirectional controls, line and paragraph
/// separators and the backslash itself are written as `\n`, `\t`, `\\` or `\xHH`; everything else as it is.
std::string printable(std::string_view bytes);

/// Reversible text for JSON strings, fit for a terminal too: `%` and what printable() does not leave as it is
/// (but the backslash, which JSON escapes) become `%HH`.
std::string percent_encode(std::string_view bytes);

/// Undoes percent_encode; nothing where a `%` is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

/// Length in bytes of the valid UTF-8 sequence that starts at `position`, 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view bytes, std::size_t position) noexcept;

/// Lower-case hexadecimal digits, and back (nothing unless all of `text` is hexadecimal and of even length).
std::string to_hex(const void* bytes, std::size_t length);
std::optional<std::string> from_hex(std::string_view text);

/// Exactly 16 hexadecimal digits of `value`.
std::string hex64(std::uint64_t value);

/// An unsigned decimal number, the whole of `text`; nothing on any other character or overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept;

/// Name of an errno value, such as "EACCES"; its number in decimal where it has none.
std::string errno_name(int error);

/// Makes the path of a directory that of what is called `name` in it.
void append_name(std::string& path, std::string_view name);

}  // namespace pwalk
