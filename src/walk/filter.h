// Patterns of what a walk leaves out. Each is compiled to a set of states that are all followed at once, so
// that matching takes time proportional to the name, whatever the pattern.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "walk/walker.h"

namespace pwalk::walk {

/// A shell pattern over bytes: `?` one byte but `/`, `*` any number of these, `**` any number of any bytes,
/// `**/` at the start of a component also no component at all, `[…]` one of a set (`!` or `^` first: none of
/// it; ranges; classes like `[:digit:]` of ASCII), `\` takes the next byte as it is.
class Pattern {
 public:
  /// Empty where `text` is a pattern, otherwise what is wrong with it.
  std::string compile(std::string_view text);
  bool matches(std::string_view text) const noexcept;

  using Word = std::uint64_t;
  // The same in pieces: `states` are words() of them.
  std::size_t words() const noexcept { return words_; }
  void start(Word* states) const noexcept;
  /// Goes on with `text`; false where nothing that follows can match.
  bool advance(Word* states, std::string_view text) const noexcept;
  bool accepts(const Word* states) const noexcept;

 private:
  enum class Kind : std::uint8_t { bytes, star, any_star, optional };
  bool parse_set(std::string_view text, std::size_t& at, std::vector<bool>& set) const;
  void spread(Word* states) const noexcept;

  // State i: the first i steps have matched. Bit i of word i / 64.
  std::size_t words_ = 0;
  std::size_t steps_ = 0;
  std::vector<Word> consumes_;  // 256 × words: by this byte state i becomes i + 1
  std::vector<Word> star_;      // steps that need not match anything and stay
  std::vector<Word> any_star_;  // of these, those that also pass over `/`
  std::vector<Word> optional_;  // a `**/` begins behind it, which may be left out
};

/// What is left out of a walk by name or path. Filled before the walk, read by all workers.
class Filter {
 public:
  /// Adds a pattern: without `/` (but a trailing one) it is matched against names, with one against paths
  /// below the root; a trailing `/` lets it match directories only. `reason` is what an excluded directory is
  /// recorded with. Empty, or what is wrong with the pattern.
  std::string add(std::string_view pattern, NotEntered reason);
  /// Directories in which file systems show their snapshots: .snapshot, .snapshots, .zfs, ~snapshot.
  void add_snapshot_directories() { snapshot_directories_ = true; }

  bool empty() const noexcept { return rules_.empty() && !snapshot_directories_; }
  /// Whether judge() looks at paths.
  bool needs_paths() const noexcept { return path_words_ != 0; }
  // How far the path of a directory has come in all rules for paths: path_words() words. A path that each
  // entry gave anew would make a deep tree cost the square of its depth.
  using Word = Pattern::Word;
  std::size_t path_words() const noexcept { return path_words_; }
  void start(Word* root) const noexcept;
  /// Makes of that of a directory that of its subdirectory `name`.
  void enter(Word* directory, std::string_view name) const noexcept;
  /// NotEntered::none, or why an entry of `directory` is left out; nullptr where needs_paths() is false.
  NotEntered judge(std::string_view name, const Word* directory, bool is_directory) const;

 private:
  struct Rule {
    Pattern pattern;
    NotEntered reason;
    bool by_path;
    bool directories_only;
  };
  std::vector<Rule> rules_;
  std::size_t path_words_ = 0;
  bool snapshot_directories_ = false;
};

}  // namespace pwalk::walk
