// Goes through a subtree of a snapshot depth first, children in name order, a directory before and after what
// is below it. It keeps no stack: a directory's record names its parent and its own place among the children,
// so the way back up is read from the snapshot, and memory is that of one path whatever the depth.
//
// Names may have any length, so a wrong snapshot could give all directories of a chain one long name. But
// each name has bytes of its own (rule N6), so what a cursor meets of them, and every path, is no longer than
// the snapshot's arrays of names together.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "snapshot/snapshot.h"

namespace pwalk::report {

/// What is left of a snapshot's arrays of names for entries that are looked at once each.
class NameBytes {
 public:
  explicit NameBytes(const snapshot::Snapshot& snapshot) noexcept;
  /// FormatError where the names that were taken are longer than the arrays.
  void take(const snapshot::Entry& entry);

 private:
  std::uint64_t left_ = 0;
};

class TreeCursor {
 public:
  enum class Visit {
    enter,  // a directory, before what is below it
    leave,  // the same directory, after it
    other,  // an entry that is not a directory
    end,    // there is nothing more
  };
  enum class Among {
    entries,
    directories,  // only directories are visited, and only their records are read; the start is visited
                  // anyway
  };

  /// `start_path` is the path of `start` as it shall be printed; those below get `/` and their name after it
  /// (no `/` where it ends in one). One that would have more than `path_bytes_max` bytes gets `…` for the
  /// first name that does not fit, and nothing more.
  TreeCursor(std::shared_ptr<const snapshot::Snapshot> snapshot, const snapshot::Entry& start,
             std::string start_path, Among among = Among::entries,
             std::size_t path_bytes_max = std::string::npos);

  /// The next visit. FormatError where the snapshot breaks a rule.
  Visit next();
  /// After enter: visits nothing below that directory; its leave comes next.
  void skip() noexcept { position_ = child_count(); }

  /// Of enter, leave and other; views into the path hold until the next next().
  const std::string& path() const noexcept { return path_; }
  /// Length of the start's path, a `/` that follows it included.
  std::size_t start_length() const noexcept { return start_length_ + (start_has_slash() ? 0 : 1); }
  /// Of a child of the directory that was entered last.
  std::string path_of_child(std::string_view name) const;
  /// Levels below the start, whose depth is 0.
  std::uint64_t depth() const noexcept { return depth_; }
  /// Of enter and other.
  const snapshot::Entry& entry() const noexcept { return entry_; }
  /// Of enter and leave.
  const snapshot::Directory& directory() const noexcept { return directory_; }

 private:
  bool start_has_slash() const noexcept { return start_length_ > 0 && path_[start_length_ - 1] == '/'; }
  std::uint32_t child_count() const noexcept {
    return among_ == Among::entries ? directory_.record.child_count : directory_.record.dir_count;
  }
  void take_child();
  void go_up();
  bool fits(std::string_view name) const noexcept;
  void add_name(std::string_view name);
  void drop_name();

  std::shared_ptr<const snapshot::Snapshot> snapshot_;
  Among among_;
  Visit last_ = Visit::end;
  bool started_ = false;
  snapshot::Entry entry_;
  snapshot::Directory directory_{};  // the one entered last and not left
  std::uint32_t position_ = 0;       // of its next child, or of its next subdirectory
  std::uint64_t depth_ = 0;          // of what was visited last
  NameBytes name_bytes_;
  std::size_t path_bytes_max_;
  std::uint64_t levels_cut_ = 0;  // names at the end of the path that `…` stands for
  std::size_t start_length_;
  std::string path_;
};

}  // namespace pwalk::report
