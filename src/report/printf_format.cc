// SPDX-License-Identifier: MIT
#include "report/printf_format.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace pwalk::report {

namespace {

constexpr std::string_view directives = "yinsbkmMuUgGTACBpPfhdDl";
// Known even where statx failed, so that find(1) prints them without it.
constexpr std::string_view without_stat = "yipPfhd";
constexpr std::size_t width_limit = 4096;

[[noreturn]] void reject(std::string_view what, std::string_view part) {
  throw_errno(EINVAL, std::string(what) + " '" + printable(part) + "' in the format");
}

bool is_octal(char c) noexcept {
  return c >= '0' && c <= '7';
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

template <class Number>
void append_decimal(Number value, std::string& out) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_octal(unsigned value, std::string& out) {
  char digits[12];
  auto end = std::to_chars(digits, digits + sizeof digits, value, 8).ptr;
  out.append(digits, end);
}

char type_letter(std::uint16_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'f';
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFIFO:
      return 'p';
    case S_IFSOCK:
      return 's';
    default:
      return 'U';
  }
}

/// Ten characters as ls -l shows them.
void append_mode(std::uint16_t mode, std::string& out) {
  char letter = type_letter(mode);
  out += letter == 'f' ? '-' : letter == 'U' ? '?' : letter;
  auto triple = [&](int shift, bool special, char set, char set_without_execute) {
    unsigned bits = static_cast<unsigned>(mode) >> shift;
    out += (bits & 4) != 0 ? 'r' : '-';
    out += (bits & 2) != 0 ? 'w' : '-';
    bool execute = (bits & 1) != 0;
    out += special ? (execute ? set : set_without_execute) : execute ? 'x' : '-';
  };
  triple(6, (mode & S_ISUID) != 0, 's', 'S');
  triple(3, (mode & S_ISGID) != 0, 's', 'S');
  triple(0, (mode & S_ISVTX) != 0, 't', 'T');
}

/// Seconds, a point, nine digits of nanoseconds and the zero that find(1) puts after them. The seconds of a
/// time before 1970 are rounded down and the nanoseconds count up from there, as in a timespec.
void append_time(const snapshot::Timestamp& time, std::string& out) {
  append_decimal(time.seconds, out);
  char digits[12] = {'.', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
  std::uint32_t rest = time.nanoseconds;
  for (int i = 9; i >= 1; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  out.append(digits, 11);
}

/// The entry's own name: the root's is the last component of its path.
std::string_view base_name(const PrintfLine& line) {
  if (!line.entry.name.empty()) return line.entry.name;
  return line.path == "/" ? line.path : line.path.substr(line.path.rfind('/') + 1);
}

/// What is before the name: empty for `/` and for what lies directly in it.
std::string_view parent_path(std::string_view path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view(".") : path.substr(0, slash);
}

}  // namespace

PrintfFormat::PrintfFormat(std::string_view format, const snapshot::Manifest& manifest, bool for_terminal)
    : for_terminal_(for_terminal) {
  for (const auto& device : manifest.devices)
    device_numbers_.push_back(std::to_string(::makedev(device.major, device.minor)));
  for (std::size_t at = 0; at < format.size();) {
    if (format[at] == '%') {
      at = parse_directive(format, at);
    } else {
      if (items_.empty() || items_.back().directive != 0) items_.emplace_back();
      if (format[at] == '\\')
        at = parse_escape(format, at);
      else
        items_.back().text += format[at++];
    }
  }
}

/// Appends the byte that the escape at `at` stands for to the last item; returns where it ends.
std::size_t PrintfFormat::parse_escape(std::string_view format, std::size_t at) {
  constexpr std::string_view letters = "abfnrtv\\";
  constexpr std::string_view bytes = "\a\b\f\n\r\t\v\\";
  std::size_t end = at + 1;
  if (end == format.size()) reject("nothing after the escape", format.substr(at));
  if (!is_octal(format[end])) {
    std::size_t which = letters.find(format[end]);
    if (which == std::string_view::npos) reject("unknown escape", format.substr(at, 2));
    items_.back().text += bytes[which];
    return end + 1;
  }
  unsigned value = 0;
  for (; end < format.size() && end < at + 4 && is_octal(format[end]); ++end)
    value = value * 8 + static_cast<unsigned>(format[end] - '0');
  items_.back().text += static_cast<char>(static_cast<unsigned char>(value));
  return end;
}

/// Appends an item for the directive at `at`; returns where it ends.
std::size_t PrintfFormat::parse_directive(std::string_view format, std::size_t at) {
  if (format.substr(at, 2) == "%%") {
    if (items_.empty() || items_.back().directive != 0) items_.emplace_back();
    items_.back().text += '%';
    return at + 2;
  }
  Item item;
  std::size_t end = parse_width(format, at + 1, item);
  if (end == format.size()) reject("incomplete directive", format.substr(at));
  item.directive = format[end++];
  if (directives.find(item.directive) == std::string_view::npos)
    reject("unknown directive", format.substr(at, end - at));
  if (std::string_view("TACB").find(item.directive) != std::string_view::npos) {
    if (end == format.size() || format[end] != '@')
      reject("unknown time format (only @, seconds since 1970, is known)", format.substr(at, end + 1 - at));
    ++end;
  }
  if (without_stat.find(item.directive) == std::string_view::npos) needs_stat_ = true;
  items_.push_back(std::move(item));
  return end;
}

/// Reads `-`, `0`, ` `, `+`, `#`, a width and a precision, as of printf(3); returns where they end.
std::size_t PrintfFormat::parse_width(std::string_view format, std::size_t at, Item& item) {
  std::size_t end = at;
  auto number = [&](std::size_t& value) {
    for (value = 0; end < format.size() && is_digit(format[end]); ++end) {
      value = value * 10 + static_cast<std::size_t>(format[end] - '0');
      if (value > width_limit) reject("too large a width", format.substr(at, end + 1 - at));
    }
  };
  for (; end < format.size() && std::string_view("-+ #0").find(format[end]) != std::string_view::npos; ++end)
    if (format[end] == '-') item.left = true;
  number(item.width);
  if (end < format.size() && format[end] == '.') {
    ++end;
    number(item.precision);
  }
  item.text = format.substr(at, end - at);
  return end;
}

void PrintfFormat::append(const PrintfLine& line, std::string& out) {
  for (const Item& item : items_) {
    if (item.directive == 0)
      out += item.text;
    else if (item.text.empty())
      append_item(item, line, out);
    else
      append_padded(item, line, out);
  }
}

void PrintfFormat::append_name(std::string_view name, std::string& out) const {
  if (for_terminal_)
    out += printable(name);
  else
    out += name;
}

void PrintfFormat::append_item(const Item& item, const PrintfLine& line, std::string& out) {
  const snapshot::Entry& entry = line.entry;
  switch (item.directive) {
    case 'y':
      out += type_letter(entry.mode);
      break;
    case 'i':
      append_decimal(entry.inode, out);
      break;
    case 'n':
      append_decimal(entry.nlink, out);
      break;
    case 's':
      append_decimal(entry.apparent_bytes, out);
      break;
    case 'b':
      append_decimal(entry.blocks, out);
      break;
    case 'k':
      append_decimal(entry.blocks / 2 + entry.blocks % 2, out);
      break;
    case 'm':
      append_octal(entry.mode & 07777u, out);
      break;
    case 'M':
      append_mode(entry.mode, out);
      break;
    case 'u':
      out += owners_.user(entry.uid);
      break;
    case 'U':
      append_decimal(entry.uid, out);
      break;
    case 'g':
      out += owners_.group(entry.gid);
      break;
    case 'G':
      append_decimal(entry.gid, out);
      break;
    case 'T':
      append_time(entry.mtime, out);
      break;
    case 'A':
      append_time(entry.atime, out);
      break;
    case 'C':
      append_time(entry.ctime, out);
      break;
    case 'B':
      // Where there is none, find(1) prints seconds and nanoseconds of −1 each.
      if (entry.btime)
        append_time(*entry.btime, out);
      else
        out += "-1.-000000010";
      break;
    case 'p':
      append_name(line.path, out);
      break;
    case 'P':
      if (line.depth > 0) append_name(line.path.substr(line.start_length), out);
      break;
    case 'f':
      append_name(base_name(line), out);
      break;
    case 'h':
      append_name(parent_path(line.path), out);
      break;
    case 'd':
      append_decimal(line.depth, out);
      break;
    case 'D':
      if (entry.has_stat()) {
        out += device_numbers_[entry.device_index];
      } else {
        out += '0';
      }
      break;
    case 'l':
      append_name(entry.target, out);
      break;
    default:
      break;  // the parser lets no other through
  }
}

/// As printf(3) would with the item's flags: %d and %m as numbers, everything else as a string of bytes.
void PrintfFormat::append_padded(const Item& item, const PrintfLine& line, std::string& out) {
  if (item.directive == 'd' || item.directive == 'm') {
    bool octal = item.directive == 'm';
    std::string conversion = "%" + item.text + (octal ? "o" : "lld");
    char number[width_limit + 64];
    int length =
        octal ? std::snprintf(number, sizeof number, conversion.c_str(), line.entry.mode & 07777u)
              : std::snprintf(number, sizeof number, conversion.c_str(), static_cast<long long>(line.depth));
    out.append(number, static_cast<std::size_t>(length));
    return;
  }
  std::size_t start = out.size();
  append_item(item, line, out);
  if (out.size() - start > item.precision) {
    std::size_t end = start + item.precision;
    // A terminal gets no part of a character.
    while (for_terminal_ && end > start && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
  }
  std::size_t written = out.size() - start;
  if (written < item.width) out.insert(item.left ? out.size() : start, item.width - written, ' ');
}

}  // namespace pwalk::report
