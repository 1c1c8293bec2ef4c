// Where the mount's messages go, and the memory that says each damage once.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "base/error.h"

namespace pwalk::mount {

/// Takes one message, without program name and newline. Called from any thread, one call at a time.
using MessageSink = std::function<void(const std::string&)>;

class Log {
 public:
  explicit Log(MessageSink sink) : sink_(std::move(sink)) {}

  void message(const std::string& text);
  /// A snapshot (`which`, as the user knows it) breaks a rule: said once for each of its files and rule.
  void damage(const std::string& which, const FormatError& error);
  /// Any other trouble: said once for each text, up to a thousand.
  void once(const std::string& text);

 private:
  bool is_new(std::string key);

  std::mutex mutex_;  // guards all below
  MessageSink sink_;
  std::set<std::string> said_;
};

}  // namespace pwalk::mount
