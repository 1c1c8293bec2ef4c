// SPDX-License-Identifier: MIT
#include "report/tree_cursor.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::report {

namespace {

constexpr std::string_view cut = "…";

}  // namespace

NameBytes::NameBytes(const snapshot::Snapshot& snapshot) noexcept {
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    left_ += snapshot.shard(shard).records(format::array_names);
}

void NameBytes::take(const snapshot::Entry& entry) {
  std::uint64_t bytes = entry.name.size() + 1;  // the NUL
  if (entry.is_symlink()) bytes += entry.target.size() + 1;
  if (bytes > left_)
    throw FormatError(snapshot::array_file_name(entry.place.shard, format::array_names),
                      "entry " + std::to_string(entry.place.index), snapshot::rule::names_used,
                      "shares its name with another entry");
  left_ -= bytes;
}

TreeCursor::TreeCursor(std::shared_ptr<const snapshot::Snapshot> snapshot, const snapshot::Entry& start,
                       std::string start_path, Among among, std::size_t path_bytes_max)
    : snapshot_(std::move(snapshot)),
      among_(among),
      entry_(start),
      name_bytes_(*snapshot_),
      path_bytes_max_(path_bytes_max),
      start_length_(start_path.size()),
      path_(std::move(start_path)) {}

TreeCursor::Visit TreeCursor::next() {
  if (!started_) {
    started_ = true;
    if (!entry_.is_directory()) return last_ = Visit::other;
    directory_ = snapshot_->directory_of(entry_);
    return last_ = Visit::enter;
  }
  // The last visit's name leaves the path; after that directory_ is where the next child is looked for.
  if (last_ == Visit::end || (depth_ == 0 && last_ != Visit::enter)) return last_ = Visit::end;
  if (last_ == Visit::leave) go_up();
  if (last_ == Visit::other) drop_name();
  if (position_ == child_count()) return last_ = Visit::leave;
  take_child();
  name_bytes_.take(entry_);
  add_name(entry_.name);
  snapshot_->check_readable(entry_);
  return last_ = entry_.is_directory() ? Visit::enter : Visit::other;
}

/// Reads the child at position_; if it is a directory it becomes directory_.
void TreeCursor::take_child() {
  if (among_ == Among::directories) {
    directory_ = snapshot_->subdirectory(directory_, position_);
    entry_ = snapshot_->entry(directory_.entry());
    if (!entry_.is_directory() || entry_.directory_index != directory_.place.index)
      throw FormatError(snapshot::array_file_name(directory_.place.shard, format::array_directories),
                        "record " + std::to_string(directory_.place.index), snapshot::rule::entry_directory,
                        "does not belong to entry " + std::to_string(directory_.record.entry));
    position_ = 0;
    return;
  }
  entry_ = snapshot_->child(directory_, position_);
  ++position_;
  if (entry_.is_directory()) {
    directory_ = snapshot_->directory_of(entry_);
    position_ = 0;
  }
}

/// From a directory that was left to its parent, behind it.
void TreeCursor::go_up() {
  snapshot::Directory parent = snapshot_->parent_of(directory_);
  position_ = among_ == Among::entries ? directory_.record.entry - parent.record.child_first
                                       : directory_.place.index - parent.record.dir_first;
  ++position_;
  directory_ = parent;
  drop_name();
}

std::string TreeCursor::path_of_child(std::string_view name) const {
  if (levels_cut_ > 0) return path_;
  std::string path = path_;
  append_name(path, fits(name) ? name : cut);
  return path;
}

bool TreeCursor::fits(std::string_view name) const noexcept {
  return path_.size() < path_bytes_max_ && name.size() < path_bytes_max_ - path_.size();
}

void TreeCursor::add_name(std::string_view name) {
  ++depth_;
  if (levels_cut_ > 0 || !fits(name)) ++levels_cut_;
  if (levels_cut_ > 1) return;
  append_name(path_, levels_cut_ == 1 ? cut : name);
}

void TreeCursor::drop_name() {
  --depth_;
  if (levels_cut_ > 0 && --levels_cut_ > 0) return;
  path_.resize(depth_ == 0 ? start_length_ : path_.rfind('/'));
}

}  // namespace pwalk::report
