// The exclude patterns of pwalk-scan's command line. Included by its main only.
// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "scan/scan.h"

namespace pwalk {

/// Adds the patterns to the request's filter; empty, or what is wrong.
inline std::string add_filters(scan::Request& request, const std::vector<std::string>& patterns,
                               const std::string& file) {
  for (const std::string& pattern : patterns) {
    if (std::string wrong = request.filter.add(pattern, walk::NotEntered::pattern); !wrong.empty())
      return "--exclude '" + printable(pattern) + "' is not a pattern: " + wrong;
    std::string& all = request.options["exclude"];
    all += (all.empty() ? "" : "\n") + pattern;
  }
  if (file.empty()) return "";
  request.options["exclude-from"] = file;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(nullptr, &std::fclose);
  std::FILE* lines = stdin;
  if (file != "-") {
    opened.reset(std::fopen(file.c_str(), "re"));
    lines = opened.get();
  }
  char* line = nullptr;
  std::size_t room = 0;
  std::string wrong =
      lines == nullptr ? "cannot read '" + printable(file) + "': " + std::strerror(errno) : "";
  for (std::size_t number = 1; wrong.empty(); ++number) {
    ssize_t length = ::getline(&line, &room, lines);
    if (length < 0) break;
    std::string_view pattern(line, static_cast<std::size_t>(length));
    if (pattern.ends_with('\n')) pattern.remove_suffix(1);
    if (pattern.empty() || pattern.front() == '#') continue;
    wrong = request.filter.add(pattern, walk::NotEntered::pattern_file);
    if (!wrong.empty())
      wrong = fmt::format("-X '{}', line {}, '{}' is not a pattern: {}", printable(file), number,
                          printable(pattern), wrong);
  }
  // A directory opens, and fails only when it is read.
  if (wrong.empty() && std::ferror(lines) != 0)
    wrong = "cannot read '" + printable(file) + "': " + std::strerror(errno);
  std::free(line);
  return wrong;
}

}  // namespace pwalk
