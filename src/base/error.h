// The two kinds of exception that end a piece of work: std::system_error (the operating system refused)
// and FormatError (a snapshot breaks a rule of its format). An entry's errno is data, never an exception.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace pwalk {

/// Throws std::system_error for `error` (an errno value); `what` says what could not be done and to which
/// file.
[[noreturn]] inline void throw_errno(int error, std::string_view what) {
  throw std::system_error(error, std::generic_category(), std::string(what));
}

/// Throws std::system_error for the current errno.
[[noreturn]] inline void throw_errno(std::string_view what) {
  throw_errno(errno, what);
}

/// Whether an errno says that there is no such name: any other one says only that it cannot be read.
constexpr bool is_absence(int error) noexcept {
  return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/// A snapshot does not follow pwalk-snapshot(5). `file` is the file's name inside the snapshot, `place` the
/// record or byte in it (may be empty), `rule` the number of the rule in the page, `detail` what was found.
class FormatError : public std::runtime_error {
 public:
  FormatError(std::string_view file, std::string_view place, std::string_view rule, std::string_view detail)
      : std::runtime_error(text_of(file, place, rule, detail)), file_(file), place_(place), rule_(rule) {}

  const std::string& file() const noexcept { return file_; }
  const std::string& place() const noexcept { return place_; }
  const std::string& rule() const noexcept { return rule_; }

 private:
  static std::string text_of(std::string_view file, std::string_view place, std::string_view rule,
                             std::string_view detail) {
    std::string text(file);
    if (!place.empty()) text.append(", ").append(place);
    return text.append(": ").append(detail).append(" (rule ").append(rule).append(")");
  }

  std::string file_;
  std::string place_;
  std::string rule_;
};

}  // namespace pwalk
