// A file that is only appended to, through one buffer. What is written is not touched again, so it needs no
// mapping: a full disk is an error of a write, pages come in large folios, and nothing stays resident.
//
// The file is opened for each write and closed again: descriptors do not follow the number of files.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace pwalk {

class AppendedFile {
 public:
  /// The buffer holds a multiple of this, and full() is only true at one: a unit can be looked at as a whole.
  static constexpr std::uint64_t unit_bytes = 65536;

  /// One unit; or, once the file is large, as much as stays in a processor's cache.
  enum class Buffer { small, growing };

  /// The file `name` in `directory` (a descriptor that outlives this object) is created at the first write.
  /// Its contents start at `start_offset`.
  AppendedFile(int directory, std::string name, std::uint64_t start_offset, Buffer buffer = Buffer::growing);

  std::uint64_t bytes() const noexcept { return written_ + used_; }

  /// Appends up to `length` bytes, as far as the buffer has room; returns how many. Once full() the buffer
  /// takes nothing until write_out().
  std::uint64_t append(const void* bytes, std::uint64_t length) {
    if (capacity_ == 0) make_buffer();
    std::uint64_t part = length < capacity_ - used_ ? length : capacity_ - used_;
    std::memcpy(buffer_.get() + used_, bytes, part);
    used_ += part;
    return part;
  }
  bool full() const noexcept { return used_ == capacity_ && used_ > 0; }
  /// Appends `text` and a zero, if the buffer is not full with them; false, and nothing appended, if it is.
  bool append_text(std::string_view text) noexcept {
    if (text.size() + 1 >= capacity_ - used_) return false;
    unsigned char* at = buffer_.get() + used_;
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at[text.size()] = '\0';
    used_ += text.size() + 1;
    return true;
  }
  /// What is in the buffer: the last buffered_bytes() of the file.
  const unsigned char* buffered() const noexcept { return buffer_.get(); }
  std::uint64_t buffered_bytes() const noexcept { return used_; }

  /// Writes the buffer and empties it. std::system_error: ENOSPC, EDQUOT, EFBIG, EIO …
  void write_out();

  /// Writes what is buffered, `head` at file offset 0 and `tail` behind all contents, and lets write-back of
  /// all of it begin: it is for force_file() to wait for that.
  void complete(const std::string& head, const std::string& tail);

  const std::string& name() const noexcept { return name_; }

 private:
  void make_buffer();
  void write_buffer(int descriptor);

  int directory_;
  std::string name_;
  std::uint64_t start_offset_;
  Buffer kind_;
  bool created_ = false;
  std::uint64_t capacity_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t write_back_ = 0;  // of the written bytes, those whose write-back was started
  std::unique_ptr<unsigned char[]> buffer_;
};

}  // namespace pwalk
