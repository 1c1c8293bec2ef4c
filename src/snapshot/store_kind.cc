// SPDX-License-Identifier: MIT
#include "snapshot/store_kind.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/store_names.h"

namespace pwalk::snapshot {

namespace {

/// The type bits of what has that name; nothing where there is no such name.
std::optional<mode_t> type_of(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status.st_mode & S_IFMT;
  if (is_absence(errno)) return std::nullopt;
  throw_errno("cannot read '" + printable(name) + "'");
}

/// Asks questions of which one that is answered with yes is enough: what could not be read counts where none
/// is.
class Questions {
 public:
  template <class Question>
  bool is_so(Question question) {
    try {
      return question();
    } catch (const std::system_error& error) {
      // What is closed to this user is nothing to him.
      if (error.code().value() != EACCES) unread_ = std::current_exception();
      return false;
    }
  }
  void end() const {
    if (unread_) std::rethrow_exception(unread_);
  }

 private:
  std::exception_ptr unread_;
};

bool is_hidden(const std::string& name) {
  return name[0] == '.';
}

bool is_snapshot(int directory, const std::string& name) {
  return type_of(directory, name) == S_IFDIR &&
         type_of(directory, name + "/" + format::manifest_name) == S_IFREG;
}

bool has_snapshot(int directory, const std::vector<std::string>& names) {
  Questions questions;
  for (const std::string& name : names)
    if (!is_hidden(name) && questions.is_so([&] { return is_snapshot(directory, name); })) return true;
  questions.end();
  return false;
}

/// Whether `name` is a directory with a snapshot in it. One that is closed to this user is none.
bool is_name_with_snapshot(int directory, const std::string& name) {
  if (is_hidden(name) || type_of(directory, name) != S_IFDIR) return false;
  Fd below(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return below && has_snapshot(below.get(), list_directory(below.get()));
}

}  // namespace

DirectoryKind kind_of(int directory) {
  if (type_of(directory, format::manifest_name) == S_IFREG) return DirectoryKind::snapshot;
  // A store knows itself by its slots, even before its first snapshot is published.
  if (type_of(directory, slot_name) == S_IFREG) return DirectoryKind::store;
  std::vector<std::string> names = list_directory(directory);
  std::erase(names, "lost+found");  // which a new file system has
  if (std::all_of(names.begin(), names.end(), is_hidden))
    return type_of(directory, lock_name) ? DirectoryKind::locked : DirectoryKind::store;
  auto is_entries_file = [&](const std::string& name) {
    return name.ends_with(".entries") && type_of(directory, name) == S_IFREG;
  };
  if (std::any_of(names.begin(), names.end(), is_entries_file)) return DirectoryKind::partial;
  if (type_of(directory, latest_name) == S_IFLNK) return DirectoryKind::name;
  Questions questions;
  if (questions.is_so([&] { return has_snapshot(directory, names); })) return DirectoryKind::name;
  for (const std::string& name : names)
    if (questions.is_so([&] { return is_name_with_snapshot(directory, name); })) return DirectoryKind::store;
  questions.end();
  return DirectoryKind::other;
}

std::string text_of(DirectoryKind kind) {
  switch (kind) {
    case DirectoryKind::snapshot:
      return "is a snapshot";
    case DirectoryKind::partial:
      return "is a partial snapshot: its scan did not end";
    case DirectoryKind::name:
      return "is one NAME of a store";
    case DirectoryKind::locked:
    case DirectoryKind::store:
      return "is a store";
    case DirectoryKind::other:
      break;
  }
  return "is neither a snapshot nor a store of snapshots";
}

}  // namespace pwalk::snapshot
