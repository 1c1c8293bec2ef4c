// Patterns against names and paths, among them those that make backtracking matchers stand still.
// SPDX-License-Identifier: MIT

#include "walk/filter.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <map>
#include <random>
#include <vector>

namespace pwalk::walk {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  Pattern compiled;
  std::string wrong = compiled.compile(pattern);
  EXPECT_EQ(wrong, "") << pattern;
  return compiled.matches(text);
}

TEST(Pattern, MatchesTheWholeName) {
  EXPECT_TRUE(matches("core", "core"));
  EXPECT_FALSE(matches("core", "core."));
  EXPECT_FALSE(matches("core", "score"));
  EXPECT_FALSE(matches("core", ""));
  EXPECT_TRUE(matches("*.o", "a.o"));
  EXPECT_TRUE(matches("*.o", ".o"));
  EXPECT_FALSE(matches("*.o", "a.oo"));
  EXPECT_TRUE(matches("a?c", "a\nc"));
  EXPECT_FALSE(matches("a?c", "a/c"));
  EXPECT_FALSE(matches("a*c", "a/c"));
  EXPECT_TRUE(matches("*", "\xff\xfe"));
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "a"));
}

TEST(Pattern, Sets) {
  EXPECT_TRUE(matches("[a-c]x", "bx"));
  EXPECT_FALSE(matches("[a-c]x", "dx"));
  EXPECT_TRUE(matches("[!a-c]x", "dx"));
  EXPECT_FALSE(matches("[^a-c]x", "ax"));
  EXPECT_FALSE(matches("[!a]", "/")) << "a set never matches a slash";
  EXPECT_TRUE(matches("[]]", "]"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("[[:digit:]x]", "7"));
  EXPECT_TRUE(matches("[[:digit:]x]", "x"));
  EXPECT_FALSE(matches("[[:digit:]x]", "y"));
  EXPECT_TRUE(matches("[\\]]", "]"));
}

TEST(Pattern, ClassesAreThoseOfTheCLocale) {
  const std::map<std::string, int (*)(int)> classes = {
      {"alpha", std::isalpha}, {"digit", std::isdigit}, {"alnum", std::isalnum}, {"upper", std::isupper},
      {"lower", std::islower}, {"space", std::isspace}, {"blank", std::isblank}, {"punct", std::ispunct},
      {"print", std::isprint}, {"graph", std::isgraph}, {"cntrl", std::iscntrl}, {"xdigit", std::isxdigit}};
  for (const auto& [name, is] : classes) {
    Pattern in, out;
    ASSERT_EQ(in.compile("[[:" + name + ":]]"), "");
    ASSERT_EQ(out.compile("[![:" + name + ":]]"), "");
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(1, static_cast<char>(byte));
      bool expected = byte < 128 && is(byte) != 0;
      EXPECT_EQ(in.matches(text), expected && byte != '/') << name << " " << byte;
      EXPECT_EQ(out.matches(text), !expected && byte != '/') << name << " " << byte;
    }
  }
}

TEST(Pattern, SetsAtTheirEdges) {
  EXPECT_TRUE(matches("[a-]", "a"));
  EXPECT_FALSE(matches("[a-]", "b")) << "a minus at the end is one";
  EXPECT_TRUE(matches("[-a]", "-"));
  EXPECT_TRUE(matches("[!]a]", "b"));
  EXPECT_FALSE(matches("[!]a]", "]"));
  EXPECT_FALSE(matches("[]a]", "b"));
  EXPECT_TRUE(matches("[[]", "["));
  EXPECT_TRUE(matches("[[a]", "a")) << "a bracket that opens no class";
  EXPECT_TRUE(matches("[[=]", "=")) << "nor does this one";
  EXPECT_TRUE(matches("[\\a-c]", "b"));
  EXPECT_TRUE(matches("[a-\\c]", "b"));
  EXPECT_FALSE(matches("[a\\-c]", "b")) << "an escaped minus makes no range";
  EXPECT_TRUE(matches("[a\\-c]", "-"));
  EXPECT_FALSE(matches("[c-a]", "b"));
  for (std::string_view wrong : {"[a-", "[a-\\", "[!", "[^", "[!]", "[]", "[[:alpha:]", "[[:alpha]]",
                                 "[[::]]", "x[", "[[=a=]]", "[[.a.]]"}) {
    Pattern pattern;
    EXPECT_NE(pattern.compile(wrong), "") << wrong;
  }
}

TEST(Pattern, StarsAtTheirEdges) {
  EXPECT_TRUE(matches("a**/z", "ab/z"));
  EXPECT_FALSE(matches("a**/z", "az")) << "only behind a slash may it be left out";
  EXPECT_TRUE(matches("a**", "a/b"));
  EXPECT_TRUE(matches("**", "a/b"));
  EXPECT_TRUE(matches("**", ""));
  EXPECT_TRUE(matches("***/z", "z"));
  EXPECT_TRUE(matches("a/**/**/**/z", "a/z"));
  EXPECT_TRUE(matches("a/**/**/z", "a/b/z"));
  EXPECT_FALSE(matches("a/**/**/z", "a/bz"));
  EXPECT_TRUE(matches("**/b/**/z", "b/z"));
  EXPECT_TRUE(matches("**/b/**/z", "a/b/c/z"));
  EXPECT_FALSE(matches("**/b/**/z", "a/c/z"));
  EXPECT_FALSE(matches("a/**x", "a/b/c"));
  EXPECT_TRUE(matches("a/**x", "a/b/x"));
  EXPECT_FALSE(matches("a/**x", "ax"));
  EXPECT_FALSE(matches("**/", "a")) << "a slash is one";
}

TEST(Pattern, TwoStarsCrossSlashes) {
  EXPECT_TRUE(matches("a/**", "a/b/c"));
  EXPECT_FALSE(matches("a/*", "a/b/c"));
  EXPECT_TRUE(matches("a/**/z", "a/b/c/z"));
  EXPECT_TRUE(matches("a/**/z", "a/z"));
  EXPECT_FALSE(matches("a/**/z", "a/bz")) << "components are left out whole";
  EXPECT_FALSE(matches("a/**/z", "az"));
  EXPECT_TRUE(matches("**/z", "z"));
  EXPECT_TRUE(matches("**/z", "a/b/z"));
  EXPECT_FALSE(matches("**/z", "a/bz"));
  EXPECT_TRUE(matches("**/**/z", "z"));
  EXPECT_TRUE(matches("**/*.o", "x.o"));
  EXPECT_TRUE(matches("**/*.o", "a/b/x.o"));
  EXPECT_TRUE(matches("a**z", "a/b/z"));
}

TEST(Pattern, LongerThanAWord) {
  for (std::size_t length : {62u, 63u, 64u, 65u, 127u, 128u, 129u, 700u}) {
    std::string text(length, 'x');
    EXPECT_TRUE(matches(text, text)) << length;
    EXPECT_FALSE(matches(text, text + "x")) << length;
    EXPECT_TRUE(matches(text + "*y", text + "aby")) << length;
    EXPECT_TRUE(matches("a/" + text + "/**/y", "a/" + text + "/y")) << length;
  }
}

TEST(Pattern, WhatIsWrong) {
  for (std::string_view wrong : {"", "[a", "[", "[[:digit:", "[[:none:]]", "a\\", "[a\\"}) {
    Pattern pattern;
    EXPECT_NE(pattern.compile(wrong), "") << wrong;
  }
}

TEST(Pattern, TakesLinearTime) {
  std::string pattern, text(250, 'a');
  for (int i = 0; i < 60; ++i) pattern += "*a";
  pattern += "*b";
  auto began = std::chrono::steady_clock::now();
  Pattern compiled;
  ASSERT_EQ(compiled.compile(pattern), "");
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(compiled.matches(text));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(Pattern, AgreesWithTheCLibrary) {
  std::mt19937 random(7);
  const std::string pattern_bytes = "ab*?[]!-/\\";
  const std::string text_bytes = "ab/]-";
  unsigned compared = 0;
  unsigned matched = 0;
  for (int i = 0; i < 300000; ++i) {
    std::string pattern, text;
    for (auto n = random() % 8 + 1; n > 0; --n) pattern += pattern_bytes[random() % pattern_bytes.size()];
    for (auto n = random() % 7; n > 0; --n) text += text_bytes[random() % text_bytes.size()];
    // The library takes an unclosed set literally, a slash in a set as its end, and knows no two stars; a
    // slash after a backslash is none to its star.
    if (pattern.find("**") != std::string::npos || pattern.find('[') != std::string::npos ||
        pattern.find("\\/") != std::string::npos)
      continue;
    Pattern compiled;
    if (!compiled.compile(pattern).empty()) continue;
    bool expected = ::fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0;
    ASSERT_EQ(compiled.matches(text), expected) << pattern << " on " << text;
    ++compared;
    matched += expected ? 1 : 0;
  }
  EXPECT_GT(compared, 50000u);
  EXPECT_GT(matched, 1000u);
}

/// Of `name`, whose path below the root is `path`.
NotEntered judge(const Filter& filter, std::string_view name, std::string_view path, bool is_directory) {
  std::vector<Filter::Word> directory(filter.path_words(), 77);
  filter.start(directory.data());
  for (std::size_t slash; (slash = path.find('/')) != path.npos; path.remove_prefix(slash + 1))
    filter.enter(directory.data(), path.substr(0, slash));
  return filter.judge(name, directory.data(), is_directory);
}

TEST(Filter, PathsInPiecesAreWhatTheyAreWhole) {
  std::mt19937 random(11);
  const std::string pattern_bytes = "ab*?/";
  const std::string name_bytes = "ab";
  unsigned matched = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string pattern = i % 7 == 0 ? std::string(80, 'a') + "*/" : "";
    for (auto n = random() % 8 + 1; n > 0; --n) pattern += pattern_bytes[random() % pattern_bytes.size()];
    pattern += "/a";
    std::string path = i % 14 == 0 ? std::string(80 + random() % 2, 'a') + "/" : "";
    for (auto n = random() % 5; n > 0; --n) {
      for (auto m = random() % 3 + 1; m > 0; --m) path += name_bytes[random() % name_bytes.size()];
      path += '/';
    }
    path += 'a';
    Pattern whole;
    Filter filter;
    std::string_view anchored = pattern;
    while (anchored.starts_with('/')) anchored.remove_prefix(1);
    ASSERT_EQ(filter.add("b/c", NotEntered::pattern_file), "");
    ASSERT_EQ(filter.add(pattern, NotEntered::pattern), "");
    ASSERT_EQ(whole.compile(anchored), "");
    bool expected = whole.matches(path);
    ASSERT_EQ(judge(filter, "a", path, false), expected ? NotEntered::pattern : NotEntered::none)
        << pattern << " on " << path;
    matched += expected ? 1 : 0;
  }
  EXPECT_GT(matched, 1000u);
}

TEST(Filter, NamesPathsAndDirectories) {
  Filter filter;
  EXPECT_TRUE(filter.empty());
  EXPECT_EQ(filter.add("*.o", NotEntered::pattern), "");
  EXPECT_FALSE(filter.needs_paths());
  EXPECT_EQ(filter.add("build/", NotEntered::pattern_file), "");
  EXPECT_EQ(filter.add("/top", NotEntered::pattern), "");
  EXPECT_EQ(filter.add("a/b", NotEntered::pattern), "");
  EXPECT_TRUE(filter.needs_paths());
  EXPECT_NE(filter.add("/", NotEntered::pattern), "");
  EXPECT_FALSE(filter.empty());
  EXPECT_EQ(judge(filter, "x.o", "deep/x.o", false), NotEntered::pattern);
  EXPECT_EQ(judge(filter, "build", "deep/build", true), NotEntered::pattern_file);
  EXPECT_EQ(judge(filter, "build", "deep/build", false), NotEntered::none);
  EXPECT_EQ(judge(filter, "top", "top", false), NotEntered::pattern);
  EXPECT_EQ(judge(filter, "top", "deep/top", false), NotEntered::none);
  EXPECT_EQ(judge(filter, "b", "a/b", true), NotEntered::pattern);
  EXPECT_EQ(judge(filter, "b", "x/a/b", true), NotEntered::none);
  EXPECT_EQ(judge(filter, ".zfs", ".zfs", true), NotEntered::none);
  filter.add_snapshot_directories();
  for (const char* name : {".zfs", ".snapshot", ".snapshots", "~snapshot"}) {
    EXPECT_EQ(judge(filter, name, "x", true), NotEntered::snapshot_directory);
    EXPECT_EQ(judge(filter, name, "x", false), NotEntered::none);
  }
}

TEST(Filter, SlashesAtTheEnds) {
  struct Case {
    const char *pattern, *name, *path;
    bool is_directory, matches;
  };
  for (const Case& c :
       {Case{"w\\\\/", "w\\", "x/w\\", true, true}, Case{"w\\\\/", "w\\", "w\\", false, false},
        Case{"a/", "a", "x/a", true, true}, Case{"a//", "a", "x/a", true, true},
        Case{"a/", "a", "a", false, false}, Case{"//a", "a", "a", false, true},
        Case{"/a/", "a", "a", true, true}, Case{"/a/", "a", "x/a", true, false},
        Case{"x", "x", "x", true, true}, Case{"a/b/", "b", "a/b", true, true},
        Case{"a/b/", "b", "a/b", false, false}, Case{"b\\\\", "b\\", "b\\", false, true}}) {
    Filter filter;
    ASSERT_EQ(filter.add(c.pattern, NotEntered::pattern), "") << c.pattern;
    EXPECT_EQ(judge(filter, c.name, c.path, c.is_directory),
              c.matches ? NotEntered::pattern : NotEntered::none)
        << c.pattern << " " << c.path;
  }
  Filter filter;
  EXPECT_EQ(filter.add("a\\/", NotEntered::pattern), "")
      << "an escaped slash is one, not a mark of directories";
  EXPECT_TRUE(filter.needs_paths());
  EXPECT_EQ(judge(filter, "a", "a", true), NotEntered::none);
}

TEST(Filter, OfSeveralRulesTheFirstCounts) {
  Filter filter;
  EXPECT_TRUE(filter.empty());
  ASSERT_EQ(filter.add("a/b", NotEntered::pattern_file), "");
  ASSERT_EQ(filter.add("b", NotEntered::pattern), "");
  EXPECT_TRUE(filter.needs_paths()) << "the second does not";
  EXPECT_EQ(judge(filter, "b", "a/b", false), NotEntered::pattern_file);
  EXPECT_EQ(judge(filter, "b", "c/b", false), NotEntered::pattern);
  EXPECT_EQ(judge(filter, "c", "a/c", false), NotEntered::none);
}

}  // namespace
}  // namespace pwalk::walk
