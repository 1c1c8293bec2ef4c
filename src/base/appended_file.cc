// SPDX-License-Identifier: MIT
#include "base/appended_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace pwalk {

namespace {

constexpr std::uint64_t large_buffer_units = 4;                     // 256 KiB stay in a processor's cache
constexpr std::uint64_t large_file_bytes = std::uint64_t{1} << 20;  // from here on the large buffer
constexpr std::uint64_t write_back_bytes = std::uint64_t{1} << 20;  // begun in portions of this

}  // namespace

AppendedFile::AppendedFile(int directory, std::string name, std::uint64_t start_offset, Buffer buffer)
    : directory_(directory), name_(std::move(name)), start_offset_(start_offset), kind_(buffer) {}

/// The first buffer is small: there may be many files that stay so.
void AppendedFile::make_buffer() {
  capacity_ = unit_bytes;
  buffer_.reset(new unsigned char[capacity_]);
}

void AppendedFile::write_buffer(int descriptor) {
  write_exactly(descriptor, buffer_.get(), used_, start_offset_ + written_, name_);
  written_ += used_;
  used_ = 0;
}

void AppendedFile::write_out() {
  if (used_ == 0) return;
  Fd file = open_patiently(directory_, name_, created_ ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL);
  created_ = true;
  write_buffer(file.get());
  if (written_ - write_back_ >= write_back_bytes) {
    start_write_back(file.get(), start_offset_ + write_back_, written_ - write_back_);
    write_back_ = written_;
  }
  if (kind_ == Buffer::growing && written_ >= large_file_bytes && capacity_ == unit_bytes) {
    capacity_ = large_buffer_units * unit_bytes;
    buffer_.reset(new unsigned char[capacity_]);
  }
}

void AppendedFile::complete(const std::string& head, const std::string& tail) {
  Fd file = open_patiently(directory_, name_, created_ ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL);
  created_ = true;
  if (used_ > 0) write_buffer(file.get());
  write_exactly(file.get(), head.data(), head.size(), 0, name_);
  write_exactly(file.get(), tail.data(), tail.size(), start_offset_ + written_, name_);
  start_write_back(file.get(), 0, 0);
  if (::close(file.release()) != 0) throw_errno("cannot close '" + name_ + "'");
}

}  // namespace pwalk
