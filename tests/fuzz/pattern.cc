// Patterns of what a walk leaves out: any pattern against any name or path, compared with fnmatch(3) where
// both know the pattern's language.
// SPDX-License-Identifier: MIT
#include <fnmatch.h>

#include <vector>

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
  if (filter.add(pattern, walk::NotEntered::pattern).empty() && !name.empty()) {
    std::vector<walk::Filter::Word> directory(filter.path_words());
    filter.start(directory.data());
    std::string_view rest = path;
    for (std::size_t slash; (slash = rest.find('/')) != rest.npos; rest.remove_prefix(slash + 1))
      filter.enter(directory.data(), rest.substr(0, slash));
    bool left_out = filter.judge(name, directory.data(), is_directory) != walk::NotEntered::none;
    // What marks directories, and what a leading slash anchors, is the filter's.
    if (filter.needs_paths() && pattern.front() != '/' && pattern.back() != '/')
      fuzz::require(left_out == compiled.matches(path));
  }
  return 0;
}
