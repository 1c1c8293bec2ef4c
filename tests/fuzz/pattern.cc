// Patterns of what a walk leaves out: any pattern against any name or path, compared with fnmatch(3) where
// both know the pattern's language.
// SPDX-License-Identifier: MIT
#include <fnmatch.h>

#include "fuzz/input.h"
#include "walk/filter.h"

namespace {

/// Without sets, escapes, two stars in a row and NULs, fnmatch(3) means the same.
bool is_plain(std::string_view pattern) {
  return pattern.find_first_of("[\\") == std::string_view::npos &&
         pattern.find("**") == std::string_view::npos && pattern.find('\0') == std::string_view::npos;
}

/// A pattern that matches `text` and nothing else.
std::string quoted(std::string_view text) {
  std::string pattern;
  for (char c : text) {
    pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  fuzz::Input input(bytes, length);
  bool is_directory = input.number<std::uint8_t>() % 2 == 0;
  std::string pattern(input.text());
  std::string path(input.rest());
  std::string name = path.substr(path.rfind('/') + 1);

  walk::Pattern compiled;
  if (compiled.compile(pattern).empty()) {
    bool matches = compiled.matches(path);
    compiled.matches(name);
    if (is_plain(pattern) && path.find('\0') == std::string::npos)
      fuzz::require(matches == (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_NOESCAPE) == 0));
  }
  if (!path.empty()) {
    walk::Pattern literal;
    fuzz::require(literal.compile(quoted(path)).empty() && literal.matches(path));
    fuzz::require(!literal.matches(path + "x") && !literal.matches(path.substr(1)));
  }
  walk::Filter filter;
  if (filter.add(pattern, walk::NotEntered::pattern).empty() && !name.empty())
    filter.judge(name, path, is_directory);
  return 0;
}
