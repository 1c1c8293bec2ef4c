// find(1)'s -printf: a format is parsed once into items, and each entry of a snapshot is then written through
// them, byte for byte what GNU find 4.9 prints for the live tree.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/owner_names.h"
#include "snapshot/snapshot.h"

namespace pwalk::report {

/// One entry to be written.
struct PrintfLine {
  const snapshot::Entry& entry;
  std::string_view path;     // whole path, of the start and of what is below it
  std::size_t start_length;  // bytes of `path` that are the start's, a `/` behind it included
  std::uint64_t depth;       // levels below the start
};

class PrintfFormat {
 public:
  /// Parses `format`. std::system_error EINVAL, naming the place, for a directive, an escape or a width that
  /// is not known. With `for_terminal`, names and targets are written as printable() shows them.
  PrintfFormat(std::string_view format, const snapshot::Manifest& manifest, bool for_terminal);

  /// Whether it asks for more than is known of an entry whose statx failed: name, inode number and type.
  bool needs_stat() const noexcept { return needs_stat_; }
  /// Appends what the format makes of an entry.
  void append(const PrintfLine& line, std::string& out);

 private:
  /// A run of literal text, or a directive: its letter, which for times is that of A, B, C or T.
  struct Item {
    char directive = 0;  // 0: literal
    std::string text;    // of a literal; of a directive with flags, width or precision: the latter, "-8.3"
    bool left = false;   // the flag `-`
    std::size_t width = 0;
    std::size_t precision = std::string::npos;
  };

  std::size_t parse_escape(std::string_view format, std::size_t at);
  std::size_t parse_directive(std::string_view format, std::size_t at);
  std::size_t parse_width(std::string_view format, std::size_t at, Item& item);
  void append_item(const Item& item, const PrintfLine& line, std::string& out);
  void append_padded(const Item& item, const PrintfLine& line, std::string& out);
  void append_name(std::string_view name, std::string& out) const;

  std::vector<Item> items_;
  std::vector<std::string> device_numbers_;  // st_dev in decimal by device index
  bool for_terminal_;
  bool needs_stat_ = false;
  OwnerNames owners_;
};

}  // namespace pwalk::report
