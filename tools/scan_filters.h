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

#include "base/text.h"
#include "program.h"
#include "scan/scan.h"

namespace pwalk {

/// Rules that come from the paths of other programs: nothing is wrong with one, but it may not be what was
/// meant.
inline void warn_of_whole_path(const scan::Request& request, std::string_view pattern) {
  const std::string& root = request.root;
  if (root.size() < 2 || root.front() != '/' || !pattern.starts_with(root)) return;
  pattern.remove_prefix(root.size());
  if (pattern.empty() || (pattern.front() != '/' && root.back() != '/')) return;
  print_message("pwalk-scan",
                fmt::format("the pattern '{}{}' is of paths below ROOT, where '{}{}' would be '{}{}'",
                            printable(root), printable(pattern), printable(root), printable(pattern),
                            pattern.front() == '/' ? "" : "/", printable(pattern)));
}

/// Adds one pattern of the command line to the request's filter; empty, or what is wrong.
inline std::string add_pattern(scan::Request& request, const std::string& pattern) {
  if (std::string wrong = request.filter.add(pattern, walk::NotEntered::pattern); !wrong.empty())
    return "--exclude '" + printable(pattern) + "' is not a pattern: " + wrong;
  warn_of_whole_path(request, pattern);
  std::string& all = request.options["exclude"];
  all += (all.empty() ? "" : "\n") + pattern;
  return "";
}

/// Adds those of a file; empty, or what is wrong.
inline std::string add_patterns_of(scan::Request& request, const std::string& file) {
  if (file.empty()) return "-X needs the name of a file";
  std::string& all = request.options["exclude-from"];
  all += (all.empty() ? "" : "\n") + file;
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
    if (wrong.empty())
      warn_of_whole_path(request, pattern);
    else
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
