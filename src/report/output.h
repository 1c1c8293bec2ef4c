// What a program prints as its result: gathered in a buffer and handed to write(2) in large pieces, each
// checked, because a full disk under a redirected stdout must not look like success.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

namespace pwalk::report {

class Output {
 public:
  /// Writes to `descriptor`, which stays the caller's; `what` names it in error messages.
  explicit Output(int descriptor, std::string what = "standard output");
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Text not yet written; append to it, then call end_line().
  std::string& text() noexcept { return text_; }
  /// Writes what has gathered once it is 64 KiB or more. std::system_error where that fails.
  void end_line() {
    if (text_.size() >= piece_bytes) flush();
  }
  /// Writes all that has gathered. Not done by the destructor, which could not tell of an error.
  void flush();

 private:
  static constexpr std::size_t piece_bytes = 65536;
  // A path may have megabytes: a buffer that has grown beyond this is given back.
  static constexpr std::size_t keep_bytes = std::size_t{1} << 20;

  int descriptor_;
  std::string what_;
  std::string text_;
};

}  // namespace pwalk::report
