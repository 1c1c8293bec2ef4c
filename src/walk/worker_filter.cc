// What the user asked to be left out of the walk.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "walk/filter.h"
#include "walk/worker.h"

namespace pwalk::walk {

namespace {

constexpr std::string_view cache_tag_name = "CACHEDIR.TAG";
constexpr std::size_t above_bytes_max = 2 << 20;
// The tag's first bytes: https://bford.info/cachedir/
constexpr std::string_view cache_tag_signature = "Signature: 8a477f597d28d172789f06886806bc55";

}  // namespace

NotEntered Worker::judge(const Child& child) {
  return shared_.options.filter->judge(child.name, path_words_.data(), child.is_directory);
}

/// Of the path of the directory of `task`, for the names in it, what the filter has to know. Mostly the
/// directory is near the one that was read before: what both lie in is known, or a deep tree would cost the
/// square of its depth.
void Worker::find_path(Task task) {
  const Filter& filter = *shared_.options.filter;
  if (!filter.needs_paths()) return;
  struct Step {
    Token directory;
    const char* name;
  };
  std::vector<Step> steps;  // from the directory upwards
  std::size_t words = filter.path_words();
  Token directory = token_;
  while (task.node != nullptr) {
    steps.push_back({directory, task.node->name_of(task.position)});
    directory = task.node->token;
    if (!path_words_.empty() && directory == path_of_) break;
    std::size_t depth = task.node->depth;
    if (depth < above_.size() && above_[depth] == directory) {
      above_.resize(depth + 1);
      path_words_.assign(above_words_.data() + depth * words, above_words_.data() + (depth + 1) * words);
      break;
    }
    task = {task.node->parent, task.node->position};
  }
  if (task.node == nullptr) {  // the root's
    above_.clear();
    path_words_.resize(words);
    filter.start(path_words_.data());
    keep_path(directory);
  }
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    filter.enter(path_words_.data(), step->name);
    keep_path(step->directory);
  }
  path_of_ = token_;
}

/// `directory`, which path_words_ are of, is the next of above_, as far as these may have room: who comes
/// from further below begins at the last one.
void Worker::keep_path(Token directory) {
  std::size_t words = path_words_.size();
  if (above_.size() >= std::max<std::size_t>(1, above_bytes_max / (words * sizeof path_words_[0]))) return;
  above_words_.resize(above_.size() * words);
  above_words_.insert(above_words_.end(), path_words_.begin(), path_words_.end());
  above_.push_back(directory);
}

/// Whether the directory says of itself that it holds nothing but a cache. The tag is only opened for reading
/// if it is a regular file: opening anything else could wait or do something. By its name something else may
/// have come into its place, so it is opened by what was looked at.
bool Worker::is_cache(int descriptor) {
  const ListedNames& names = listing_.names();
  auto listed = std::find_if(names.begin(), names.end(),
                             [](const Listed64& name) { return name.name() == cache_tag_name; });
  if (listed == names.end()) return false;
  Fd tag(open_with_patience(descriptor, listed->dirent->d_name, O_PATH | O_NOFOLLOW));
  struct statx stat;
  if (!tag || look_at(tag.get(), "", stat) != 0 || !S_ISREG(stat.stx_mode) ||
      stat.stx_size < cache_tag_signature.size())
    return false;
  std::string again = "/proc/self/fd/" + std::to_string(tag.get());
  Fd file(open_with_patience(AT_FDCWD, again.c_str(), O_RDONLY | O_NONBLOCK | O_NOATIME));
  char begin[cache_tag_signature.size()];
  return file &&
         seat_.call([&] { return ::read(file.get(), begin, sizeof begin); }) ==
             static_cast<ssize_t>(sizeof begin) &&
         std::string_view(begin, sizeof begin) == cache_tag_signature;
}

}  // namespace pwalk::walk
