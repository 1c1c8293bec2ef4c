// A file that is only appended to, through one buffer. What is written is not touched again, so it needs no
// mapping: a full disk is an error of a write, pages come in large folios, and nothing stays resident.
// Only what lies before the contents is written last.
//
// The buffer's contents begin at start_offset in the file, but each write begins at a multiple of the
// buffer's size, so that it makes one folio instead of five: the last start_offset bytes wait for the next
// write, in front of the buffer.
//
// The file is opened for each write and closed again: descriptors do not follow the number of files.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/short_copy.h"

namespace pwalk {

class AppendedFile {
 public:
  /// The buffer's size: a unit can be looked at as a whole before it is written. A larger one gains nothing.
  static constexpr std::uint64_t unit_bytes = 65536;

  /// The file `name` in `directory` (a descriptor that outlives this object) is created at the first write.
  /// Its contents start at `start_offset`, at most unit_bytes.
  AppendedFile(int directory, std::string name, std::uint64_t start_offset);

  std::uint64_t bytes() const noexcept { return before_ + used_; }

  /// Appends up to `length` bytes, as far as the buffer has room; returns how many. Once full() the buffer
  /// takes nothing until write_out().
  std::uint64_t append(const void* bytes, std::uint64_t length) {
    if (memory_ == nullptr) make_buffer();
    std::uint64_t part = length < unit_bytes - used_ ? length : unit_bytes - used_;
    std::memcpy(buffer_ + used_, bytes, part);
    used_ += part;
    return part;
  }
  bool full() const noexcept { return used_ == unit_bytes; }
  /// Appends `text` and a zero, if the buffer is there and not full with them; false, and nothing appended,
  /// if not.
  bool append_text(std::string_view text) noexcept {
    if (buffer_ == nullptr || text.size() + 1 >= unit_bytes - used_) return false;
    unsigned char* at = buffer_ + used_;
    copy_short(at, text.data(), text.size());
    at[text.size()] = '\0';
    used_ += text.size() + 1;
    return true;
  }
  /// What is in the buffer: the last buffered_bytes() of the file.
  const unsigned char* buffered() const noexcept { return buffer_; }
  std::uint64_t buffered_bytes() const noexcept { return used_; }

  /// Takes what the buffer, which is full, holds; all but the last start_offset bytes are written at once.
  /// std::system_error: ENOSPC, EDQUOT, EFBIG, EIO …
  void write_out();

  /// Writes what is buffered, `head` at file offset 0 and `tail` behind all contents, and lets write-back of
  /// all of it begin: it is for force_file() to wait for that.
  void complete(const std::string& head, const std::string& tail);

  const std::string& name() const noexcept { return name_; }

 private:
  void make_buffer();
  Fd open() const;

  int directory_;
  std::string name_;
  std::uint64_t start_offset_;
  std::uint64_t used_ = 0;    // bytes of the buffer
  std::uint64_t before_ = 0;  // bytes of contents before it: as many bytes of the file are written
  std::uint64_t write_back_ = unit_bytes;  // where write-back starts next: what complete() writes again waits
  std::unique_ptr<unsigned char[]> memory_;  // start_offset bytes that wait, behind them the buffer
  unsigned char* buffer_ = nullptr;
};

}  // namespace pwalk
