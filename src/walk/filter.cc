// SPDX-License-Identifier: MIT
#include "walk/filter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pwalk::walk {

namespace {

constexpr std::size_t bits = 64;

/// So many words, mostly without an allocation.
class SomeWords {
 public:
  explicit SomeWords(std::size_t count) {
    if (count > small_.size()) large_.resize(count);
  }
  Pattern::Word* data() noexcept { return large_.empty() ? small_.data() : large_.data(); }

 private:
  std::array<Pattern::Word, 8> small_;
  std::vector<Pattern::Word> large_;
};

bool in_class(std::string_view name, unsigned char byte, bool& known) noexcept {
  bool lower = byte >= 'a' && byte <= 'z';
  bool upper = byte >= 'A' && byte <= 'Z';
  bool digit = byte >= '0' && byte <= '9';
  bool graph = byte > ' ' && byte < 0x7f;
  known = true;
  if (name == "alpha") return lower || upper;
  if (name == "digit") return digit;
  if (name == "alnum") return lower || upper || digit;
  if (name == "upper") return upper;
  if (name == "lower") return lower;
  if (name == "space") return byte == ' ' || (byte >= '\t' && byte <= '\r');
  if (name == "blank") return byte == ' ' || byte == '\t';
  if (name == "punct") return graph && !lower && !upper && !digit;
  if (name == "print") return graph || byte == ' ';
  if (name == "graph") return graph;
  if (name == "cntrl") return byte < ' ' || byte == 0x7f;
  if (name == "xdigit") return digit || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
  known = false;
  return false;
}

}  // namespace

/// Reads a set whose `[` is before `at`, and leaves `at` behind its `]`; false where it has none, or names a
/// class that does not exist.
bool Pattern::parse_set(std::string_view text, std::size_t& at, std::vector<bool>& set) const {
  bool negated = at < text.size() && (text[at] == '!' || text[at] == '^');
  if (negated) ++at;
  for (bool first = true;; first = false) {
    if (at >= text.size()) return false;
    if (text[at] == ']' && !first) break;
    if (text[at] == '[' && at + 1 < text.size() && text[at + 1] == ':') {
      std::size_t end = text.find(":]", at + 2);
      if (end == std::string_view::npos) return false;
      bool known = false;
      for (unsigned byte = 0; byte < 256; ++byte)
        if (in_class(text.substr(at + 2, end - at - 2), static_cast<unsigned char>(byte), known))
          set[byte] = true;
      if (!known) return false;
      at = end + 2;
      continue;
    }
    // Equivalence classes and collating symbols are those of a locale.
    if (text[at] == '[' && at + 1 < text.size() && (text[at + 1] == '=' || text[at + 1] == '.') &&
        text.find(std::string{text[at + 1], ']'}, at + 2) != std::string_view::npos)
      return false;
    auto one = [&](unsigned char& byte) {
      if (text[at] == '\\') ++at;
      if (at >= text.size()) return false;
      byte = static_cast<unsigned char>(text[at++]);
      return true;
    };
    unsigned char from = 0;
    if (!one(from)) return false;
    unsigned char to = from;
    if (at + 1 < text.size() && text[at] == '-' && text[at + 1] != ']') {
      ++at;
      if (!one(to)) return false;
    }
    for (unsigned byte = from; byte <= to; ++byte) set[byte] = true;
  }
  ++at;
  if (negated) set.flip();
  set['/'] = false;
  return true;
}

std::string Pattern::compile(std::string_view text) {
  std::vector<std::pair<Kind, std::vector<bool>>> steps;
  if (text.empty()) return "it is empty";
  auto add = [&](Kind kind) -> std::vector<bool>& {
    return steps.emplace_back(kind, std::vector<bool>(256, false)).second;
  };
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at++];
    if (c == '*') {
      std::size_t begin = at - 1;
      while (at < text.size() && text[at] == '*') ++at;
      bool any = at - begin > 1;
      if (any && (begin == 0 || text[begin - 1] == '/') && at < text.size() && text[at] == '/') {
        // Twice in a row it says nothing more, and states may be skipped over once only.
        if (steps.size() >= 3 && steps[steps.size() - 3].first == Kind::optional) {
          ++at;
          continue;
        }
        add(Kind::optional);
      }
      add(any ? Kind::any_star : Kind::star);
    } else if (c == '?') {
      std::vector<bool>& set = add(Kind::bytes);
      set.assign(256, true);
      set['/'] = false;
    } else if (c == '[') {
      if (!parse_set(text, at, add(Kind::bytes))) return "its [ has no ], or a class in it is unknown";
    } else {
      if (c == '\\') {
        if (at == text.size()) return "nothing follows its last backslash";
        c = text[at++];
      }
      add(Kind::bytes)[static_cast<unsigned char>(c)] = true;
    }
  }
  steps_ = steps.size();
  words_ = steps_ / bits + 1;
  consumes_.assign(256 * words_, 0);
  star_.assign(words_, 0);
  any_star_.assign(words_, 0);
  optional_.assign(words_, 0);
  for (std::size_t i = 0; i < steps_; ++i) {
    Word bit = Word{1} << (i % bits);
    const auto& [kind, set] = steps[i];
    if (kind == Kind::optional) optional_[i / bits] |= bit;
    if (kind == Kind::star || kind == Kind::any_star) star_[i / bits] |= bit;
    if (kind == Kind::any_star) any_star_[i / bits] |= bit;
    for (unsigned byte = 0; byte < 256; ++byte)
      if (set[byte]) consumes_[byte * words_ + i / bits] |= bit;
  }
  return "";
}

bool Pattern::matches(std::string_view text) const noexcept {
  SomeWords states(words_);
  start(states.data());
  return advance(states.data(), text) && accepts(states.data());
}

/// What is reached without a byte. A left out `**/` may lead to a star, a star never to an optional step.
void Pattern::spread(Word* states) const noexcept {
  auto set = [&](std::size_t state) { states[state / bits] |= Word{1} << (state % bits); };
  for (std::size_t w = 0; w < words_; ++w)
    for (Word at = states[w] & optional_[w]; at != 0; at &= at - 1) {
      std::size_t state = w * bits + static_cast<std::size_t>(__builtin_ctzll(at));
      set(state + 1);
      set(state + 3);
    }
  Word carry = 0;
  for (std::size_t w = 0; w < words_; ++w) {
    Word stars = states[w] & star_[w];
    states[w] |= stars << 1 | carry;
    carry = stars >> (bits - 1);
    // The carry may arrive at a star that begins this word: neighbouring stars are one, so it is no star's.
  }
}

void Pattern::start(Word* states) const noexcept {
  std::fill_n(states, words_, Word{0});
  states[0] = 1;
  spread(states);
}

bool Pattern::advance(Word* states, std::string_view text) const noexcept {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    const Word* consumes = consumes_.data() + byte * words_;
    Word carry = 0;
    Word any = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      Word advanced = states[w] & consumes[w];
      Word stays = states[w] & (byte == '/' ? any_star_[w] : star_[w]);
      states[w] = advanced << 1 | carry | stays;
      carry = advanced >> (bits - 1);
      any |= states[w];
    }
    if (any == 0) return false;
    spread(states);
  }
  return true;
}

bool Pattern::accepts(const Word* states) const noexcept {
  return (states[steps_ / bits] >> (steps_ % bits) & 1) != 0;
}

std::string Filter::add(std::string_view pattern, NotEntered reason) {
  Rule rule{{}, reason, false, false};
  // A backslash before the last slash is of the slash, unless it is of another backslash before it.
  std::size_t backslashes = 0;
  while (backslashes + 1 < pattern.size() && pattern[pattern.size() - 2 - backslashes] == '\\') ++backslashes;
  if (pattern.size() > 1 && pattern.back() == '/' && backslashes % 2 == 0) {
    rule.directories_only = true;
    while (pattern.size() > 1 && pattern.back() == '/') pattern.remove_suffix(1);
  }
  rule.by_path = pattern.find('/') != std::string_view::npos;
  while (!pattern.empty() && pattern.front() == '/') pattern.remove_prefix(1);
  if (std::string wrong = rule.pattern.compile(pattern); !wrong.empty()) return wrong;
  if (rule.by_path) path_words_ += rule.pattern.words();
  rules_.push_back(std::move(rule));
  return "";
}

void Filter::start(Word* root) const noexcept {
  for (const Rule& rule : rules_) {
    if (!rule.by_path) continue;
    rule.pattern.start(root);
    root += rule.pattern.words();
  }
}

void Filter::enter(Word* directory, std::string_view name) const noexcept {
  for (const Rule& rule : rules_) {
    if (!rule.by_path) continue;
    if (rule.pattern.advance(directory, name)) rule.pattern.advance(directory, "/");
    directory += rule.pattern.words();
  }
}

NotEntered Filter::judge(std::string_view name, const Word* directory, bool is_directory) const {
  if (snapshot_directories_ && is_directory &&
      (name == ".snapshot" || name == ".snapshots" || name == ".zfs" || name == "~snapshot"))
    return NotEntered::snapshot_directory;
  for (const Rule& rule : rules_) {
    const Word* path = directory;
    if (rule.by_path) directory += rule.pattern.words();
    if (!is_directory && rule.directories_only) continue;
    if (!rule.by_path) {
      if (rule.pattern.matches(name)) return rule.reason;
      continue;
    }
    SomeWords states(rule.pattern.words());
    std::copy_n(path, rule.pattern.words(), states.data());
    if (rule.pattern.advance(states.data(), name) && rule.pattern.accepts(states.data())) return rule.reason;
  }
  return NotEntered::none;
}

}  // namespace pwalk::walk
