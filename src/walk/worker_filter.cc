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
// The tag's first bytes: https://bford.info/cachedir/
constexpr std::string_view cache_tag_signature = "Signature: 8a477f597d28d172789f06886806bc55";

}  // namespace

NotEntered Worker::judge(const Child& child) {
  const Filter& filter = *shared_.options.filter;
  if (!filter.needs_paths()) return filter.judge(child.name, {}, child.is_directory);
  std::size_t length = path_.size();
  path_ += child.name;
  NotEntered reason = filter.judge(child.name, path_, child.is_directory);
  path_.resize(length);
  return reason;
}

/// The path of the directory of `task`, for the names in it. Mostly it is near the one that was read before:
/// as far as both lie below the same directory, the path stays, or a deep tree would cost the square of its
/// depth.
void Worker::find_path(Task task) {
  if (!shared_.options.filter->needs_paths()) return;
  struct Step {
    Token directory;
    const char* name;
  };
  std::vector<Step> steps;  // from the directory upwards
  Token directory = token_;
  while (task.node != nullptr) {
    steps.push_back({directory, task.node->name_of(task.position)});
    directory = task.node->token;
    std::size_t depth = task.node->depth;
    if (depth < path_steps_.size() && path_steps_[depth].directory == directory) {
      path_steps_.resize(depth + 1);
      break;
    }
    task = {task.node->parent, task.node->position};
  }
  if (task.node == nullptr) path_steps_.assign(1, {directory, 0});  // the root's
  path_.resize(path_steps_.back().bytes);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    (path_ += step->name) += '/';
    path_steps_.push_back({step->directory, static_cast<std::uint32_t>(path_.size())});
  }
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
