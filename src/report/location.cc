// SPDX-License-Identifier: MIT
#include "report/location.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/rules.h"

namespace pwalk::report {

namespace {

std::string quoted(const std::string& path) {
  std::string text = "'";  // in steps: g++ 12 sees an overlap in "'" + printable(path)
  text += printable(path);
  text += '\'';
  return text;
}

/// 0 if `directory` holds a manifest, otherwise the errno.
int find_manifest(const std::string& directory) {
  struct stat status;
  return ::stat((directory + "/" + format::manifest_name).c_str(), &status) == 0 ? 0 : errno;
}

/// A snapshot in a store, for the message that asks for one: `directory`/latest, or `directory`/NAME/latest
/// of the first NAME that has it. Nothing if this is no store.
std::optional<std::string> example_snapshot(const std::string& directory) {
  std::string in_name = directory + "/latest";
  if (find_manifest(in_name) == 0) return in_name;
  std::optional<std::string> first;
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return first;
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] == '.') continue;
    std::string in_store = directory + "/" + entry->d_name + "/latest";
    if ((!first || in_store < *first) && find_manifest(in_store) == 0) first = in_store;
  }
  ::closedir(stream);
  return first;
}

/// The snapshot at `path`. Its files have names of their own only: what goes wrong begins with which
/// snapshot it is.
std::shared_ptr<const snapshot::Snapshot> open_snapshot(const std::string& path) {
  try {
    return snapshot::Snapshot::open(path);
  } catch (const std::system_error& refused) {
    std::string what = refused.what();
    std::string reason = ": " + refused.code().message();
    if (what.ends_with(reason)) what.resize(what.size() - reason.size());
    throw std::system_error(refused.code(), "cannot open the snapshot " + quoted(path) + ": " + what);
  }
}

/// No prefix of `argument` is a snapshot: says what it is instead. `error` is the most telling errno met.
[[noreturn]] void not_found(const std::string& argument, int error) {
  struct stat status;
  if (::stat(argument.c_str(), &status) != 0) throw_errno("cannot find a snapshot at " + quoted(argument));
  if (!S_ISDIR(status.st_mode)) throw_errno(ENOTDIR, quoted(argument) + " is not a snapshot");
  if (error == EACCES) throw_errno(error, "cannot search " + quoted(argument));
  std::string directory = argument;
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (auto example = example_snapshot(directory))
    throw_errno(EISDIR, quoted(argument) + " is a store: name a snapshot in it, such as " + quoted(*example));
  throw_errno(ENOENT,
              quoted(argument) + " is not a snapshot: cannot find '" + format::manifest_name + "' in it");
}

/// Without empty components and `.`, as the entry's path would be printed.
std::string normalized(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    std::size_t slash = path.find('/');
    std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (!result.empty()) result += '/';
    result += component;
  }
  return result;
}

}  // namespace

std::string Location::scanned_path() const {
  std::string path = snapshot->manifest().root;
  if (!inner_path.empty()) append_name(path, inner_path);
  return path;
}

std::string trouble_text(const std::string& argument, const FormatError& error) {
  bool newer =
      error.rule() == snapshot::rule::manifest_version || error.rule() == snapshot::rule::manifest_features;
  return quoted(argument) + (newer ? " cannot be read: " : " is damaged: ") + error.what();
}

Location locate(const std::string& argument) {
  int error = ENOENT;
  // From the whole argument to its first component; without the slashes at an end, so that none is tried
  // twice.
  for (std::size_t length = argument.size(); length > 0;) {
    while (length > 1 && argument[length - 1] == '/') --length;
    std::string prefix = argument.substr(0, length);
    int result = length < PATH_MAX ? find_manifest(prefix) : ENAMETOOLONG;
    if (result == EACCES) error = EACCES;
    if (result == 0) {
      Location location;
      location.snapshot = open_snapshot(prefix);
      location.snapshot_path = prefix;
      std::string_view rest = std::string_view(argument).substr(length);
      auto entry = location.snapshot->resolve(rest);
      location.inner_path = normalized(rest);
      if (!entry)
        throw_errno(ENOENT, "cannot find " + quoted(location.inner_path) + " in snapshot " + quoted(prefix));
      location.entry = *entry;
      return location;
    }
    std::size_t slash = argument.rfind('/', length - 1);
    length = slash == std::string::npos ? 0 : slash == 0 && length > 1 ? 1 : slash;
  }
  not_found(argument, error);
}

namespace {

/// Directories of the subtree that could not be read, as far as that is known without a look at each. No rule
/// of the format says that each has an error record.
std::uint64_t unread_below(const snapshot::Snapshot& snapshot, const snapshot::Directory& start) {
  std::uint64_t unread = 0;
  for (std::uint16_t state : {format::state_failed, format::state_partial}) {
    if (start.is_root()) {
      auto counted = snapshot.manifest().unread.find(state);
      if (counted != snapshot.manifest().unread.end()) unread += counted->second;
    } else if (start.record.state == state) {
      unread = 1;
    }
  }
  return unread;
}

}  // namespace

std::string shortfall(const Location& location) {
  const snapshot::Snapshot& snapshot = *location.snapshot;
  if (!snapshot.manifest().complete) return "the scan ended before it had reached everything";
  bool link_unread = location.entry.is_symlink() && location.entry.target.empty();
  std::uint64_t errors = location.entry.has_stat() && !link_unread ? 0 : 1;
  if (location.entry.is_directory()) {
    snapshot::Directory directory = snapshot.directory_of(location.entry);
    errors = std::max(directory.record.errors, unread_below(snapshot, directory));
  }
  if (errors == 0) return "";
  return "the scan could not read everything (" + std::to_string(errors) +
         (errors == 1 ? " error)" : " errors)");
}

}  // namespace pwalk::report
