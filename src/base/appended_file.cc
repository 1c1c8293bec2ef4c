// SPDX-License-Identifier: MIT
#include "base/appended_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cassert>

#include "base/error.h"
#include "base/file.h"

namespace pwalk {

namespace {

constexpr std::uint64_t write_back_bytes = std::uint64_t{1} << 20;  // begun in portions of this

}  // namespace

AppendedFile::AppendedFile(int directory, std::string name, std::uint64_t start_offset)
    : directory_(directory), name_(std::move(name)), start_offset_(start_offset) {}

void AppendedFile::make_buffer() {
  memory_.reset(new unsigned char[start_offset_ + unit_bytes]);
  std::memset(memory_.get(), 0, start_offset_);
  buffer_ = memory_.get() + start_offset_;
}

Fd AppendedFile::open() const {
  return open_patiently(directory_, name_, before_ != 0 ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL);
}

void AppendedFile::write_out() {
  assert(full());
  Fd file = open();
  write_exactly(file.get(), memory_.get(), unit_bytes, before_, name_);
  std::memmove(memory_.get(), memory_.get() + unit_bytes, start_offset_);
  before_ += unit_bytes;
  used_ = 0;
  if (before_ - write_back_ >= write_back_bytes) {
    start_write_back(file.get(), write_back_, before_ - write_back_);
    write_back_ = before_;
  }
}

void AppendedFile::complete(const std::string& head, const std::string& tail) {
  Fd file = open();
  if (memory_ != nullptr) write_exactly(file.get(), memory_.get(), start_offset_ + used_, before_, name_);
  write_exactly(file.get(), head.data(), head.size(), 0, name_);
  write_exactly(file.get(), tail.data(), tail.size(), start_offset_ + bytes(), name_);
  start_write_back(file.get(), 0, 0);
  if (::close(file.release()) != 0) throw_errno("cannot close '" + name_ + "'");
}

}  // namespace pwalk
