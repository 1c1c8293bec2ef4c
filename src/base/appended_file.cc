// SPDX-License-Identifier: MIT
#include "base/appended_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace pwalk {

namespace {

constexpr std::uint64_t write_back_bytes = std::uint64_t{1} << 20;  // begun in portions of this

}  // namespace

AppendedFile::AppendedFile(int directory, std::string name, std::uint64_t start_offset)
    : directory_(directory), name_(std::move(name)), start_offset_(start_offset) {}

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
