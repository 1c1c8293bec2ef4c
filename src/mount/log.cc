// Messages, each damage once.
// SPDX-License-Identifier: MIT
#include "mount/log.h"

#include "base/text.h"

namespace pwalk::mount {

namespace {

constexpr std::size_t remembered_limit = 1000;  // nobody reads more, and the daemon's memory stays bounded

}  // namespace

bool Log::is_new(std::string key) {
  return said_.size() < remembered_limit && said_.insert(std::move(key)).second;
}

void Log::message(const std::string& text) {
  std::lock_guard lock(mutex_);
  sink_(text);
}

void Log::damage(const std::string& which, const FormatError& error) {
  std::lock_guard lock(mutex_);
  if (is_new(which + '\0' + error.file() + '\0' + error.rule()))
    sink_("'" + printable(which) + "' is damaged: " + error.what());
}

void Log::once(const std::string& text) {
  std::lock_guard lock(mutex_);
  if (is_new(text)) sink_(text);
}

}  // namespace pwalk::mount
