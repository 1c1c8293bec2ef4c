// Telling the three kinds of source apart, and the store's directories.
// SPDX-License-Identifier: MIT
#include "mount/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <exception>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "base/text.h"
#include "mount/node_id.h"
#include "mount/root_access.h"
#include "snapshot/format.h"
#include "snapshot/store_kind.h"
#include "snapshot/store_names.h"

namespace pwalk::mount {

using snapshot::DirectoryKind;
using snapshot::latest_name;
using snapshot::Snapshot;

namespace {

bool is_hidden(const std::string& name) {
  return name.empty() || name.front() == '.' || name.find('/') != std::string::npos;
}

/// The errno that answers a request: the storage's ESTALE would say that there is no such node.
int answered(int error) noexcept {
  return error == ESTALE ? EIO : error;
}

/// What failed, with its errno where that is not the one which is answered.
std::string text_of(const std::system_error& error) {
  std::string text = error.what();
  std::string end = ": " + error.code().message();
  if (answered(error.code().value()) == error.code().value() && text.ends_with(end))
    text.resize(text.size() - end.size());
  return text;
}

[[noreturn]] void throw_answered(const std::system_error& error) {
  throw_errno(answered(error.code().value()), text_of(error));
}

/// For a request, whose answer the errno may become.
Fd open_answered(int directory, const std::string& name, int flags) {
  try {
    return open_at(directory, name, flags);
  } catch (const std::system_error& error) {
    throw_answered(error);
  }
}

[[noreturn]] void throw_unread(const std::string& name) {
  throw_answered({errno, std::generic_category(), "cannot read '" + printable(name) + "'"});
}

bool is_directory(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return S_ISDIR(status.st_mode);
  if (is_absence(errno)) return false;
  throw_unread(name);
}

ManifestIdentity identity_of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

bool is_same_file(const ManifestIdentity& a, const ManifestIdentity& b) noexcept {
  return a.device == b.device && a.inode == b.inode;
}

/// Of the manifest of snapshot directory `time`; nothing where there is no such file.
std::optional<ManifestIdentity> identity_of(int directory, const std::string& time) {
  if (!is_directory(directory, time)) return std::nullopt;
  std::string path = time + "/" + format::manifest_name;
  struct stat status {};
  if (::fstatat(directory, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (is_absence(errno)) return std::nullopt;
    throw_unread(path);
  }
  return identity_of(status);
}

struct stat stat_at(int directory, const std::string& name, int flags) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, flags) != 0) throw_unread(name);
  return status;
}

}  // namespace

Source::Source(const std::string& path, Log& log)
    : path_(path), log_(log), directory_(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)) {
  switch (DirectoryKind kind = snapshot::kind_of(directory_.get())) {
    case DirectoryKind::snapshot:
      show_only(Snapshot::open(directory_.get(), "."));
      return;
    case DirectoryKind::name:
    case DirectoryKind::locked:
      kind_ = SourceKind::name;
      return;
    case DirectoryKind::store:
      kind_ = SourceKind::store;
      if (list_directory(directory_.get()).empty())
        log_.once("'" + printable(path_) + "' is empty: it is shown as a store, for the snapshots to come");
      return;
    default:
      throw_errno(EINVAL, "'" + printable(path_) + "' " + text_of(kind));
  }
}

Source::Source(const std::string& path, const std::shared_ptr<const Snapshot>& opened, Log& log)
    : path_(path), log_(log), directory_(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)) {
  show_only(opened);
}

void Source::show_only(const std::shared_ptr<const Snapshot>& opened) {
  if (!opened->root_is_directory())
    throw_errno(ENOTDIR, "the root of '" + printable(path_) + "', '" + printable(opened->manifest().root) +
                             "', is not a directory");
  tell_incomplete(*opened, path_);
  const snapshot::Manifest& manifest = opened->manifest();
  only_ = std::make_shared<OpenSnapshot>(
      OpenSnapshot{opened,
                   {},
                   identity_of(stat_at(directory_.get(), format::manifest_name, 0)),
                   manifest.slot,
                   generation_of(manifest.uuid),
                   InodeNumbers(manifest.devices),
                   reachable_classes(*opened)});
}

void Source::tell_incomplete(const Snapshot& opened, const std::string& label) const {
  if (!opened.manifest().complete)
    log_.once(
        "'" + printable(label) +
        "' is incomplete: its scan ended before it had reached everything, and its totals are lower bounds");
}

std::string Source::label(const StorePlace& place) const {
  if (place.time.empty()) return path_;
  std::string text = path_ + "/";
  if (!place.name.empty()) text += place.name + "/";
  return text + place.time;
}

std::string Source::label(std::uint32_t slot) const {
  SnapshotRef found = kind_ == SourceKind::snapshot ? only_ : open_.by_slot(slot);
  if (!found) return path_;
  return label(found->place);
}

SnapshotRef Source::by_slot(std::uint32_t slot) {
  if (kind_ == SourceKind::snapshot) return slot == only_->slot ? only_ : nullptr;
  if (SnapshotRef known = open_.by_slot(slot)) return known;
  if (std::optional<StorePlace> closed = open_.closed_place(slot)) {
    SnapshotRef again = snapshot(closed->name, closed->time);
    if (again && again->slot == slot) return again;
  }
  // A handle from before this mount: open what the store has until the slot turns up.
  std::exception_ptr unread;
  auto try_to = [&](auto open) {
    try {
      open();
    } catch (const std::system_error& error) {
      if (is_absence(error.code().value())) return;  // removed meanwhile
      log_.once(error.what());
      unread = std::current_exception();
    }
  };
  for (const std::string& name : names()) {
    std::vector<TimeOfName> at;
    try_to([&] { at = times(name); });
    for (const TimeOfName& one : at) {
      try_to([&] { snapshot(name, one.time); });
      if (SnapshotRef known = open_.by_slot(slot)) return known;
    }
  }
  // It may be the one that could not be opened: that it is gone would be for ever.
  if (unread) std::rethrow_exception(unread);
  return nullptr;
}

std::optional<ManifestIdentity> Source::identity(int directory, const StorePlace& place) const {
  try {
    return identity_of(directory, place.time);
  } catch (const std::system_error& error) {
    cannot_show(place, text_of(error), answered(error.code().value()));
  }
}

void Source::cannot_show(const StorePlace& place, const std::string& why, int error) const {
  std::string text = "'" + printable(label(place)) + "' cannot be shown: " + why;
  // Look-ups may make up any number of names that are too long. The text is that of what is thrown.
  if (error != ENAMETOOLONG) log_.once(text + ": " + std::generic_category().message(error));
  throw_errno(error, text);
}

bool Source::still_has(const SnapshotRef& opened) {
  if (kind_ == SourceKind::snapshot) return true;
  try {
    Fd directory = open_name(opened->place.name);
    if (identity(directory.get(), opened->place) == opened->identity) return true;
  } catch (const std::system_error& gone) {
    if (!is_absence(gone.code().value())) throw;
  }
  open_.drop(opened->place);
  return false;
}

Fd Source::open_name(const std::string& name) const {
  if (kind_ == SourceKind::name) return open_answered(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!is_hidden(name)) return open_answered(directory_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  throw_errno(ENOENT, "cannot open '" + printable(name) + "'");
}

std::vector<std::string> Source::list(int directory, const std::string& label) const {
  try {
    return list_directory(directory);
  } catch (const std::system_error& error) {
    throw_errno(answered(error.code().value()), "cannot list '" + printable(label) + "'");
  }
}

bool Source::has_name(const std::string& name) const {
  return !is_hidden(name) && is_directory(directory_.get(), name);
}

std::vector<std::string> Source::names() const {
  if (kind_ == SourceKind::name) return {""};
  std::vector<std::string> names = list(directory_.get(), path_);
  std::erase_if(names, [this](const std::string& name) {
    try {
      return !has_name(name);
    } catch (const std::system_error& error) {
      log_.once(error.what());
      return false;
    }
  });
  return names;
}

std::vector<TimeOfName> Source::times(const std::string& name) const {
  Fd directory = open_name(name);
  std::vector<TimeOfName> times;
  for (std::string& time : list(directory.get(), name.empty() ? path_ : path_ + "/" + name)) {
    if (is_hidden(time)) continue;
    SnapshotRef open;
    try {
      std::optional<ManifestIdentity> found = identity(directory.get(), {name, time});
      if (!found) continue;
      open = open_.find({name, time}, *found);
    } catch (const std::system_error&) {  // which is told
    }
    times.push_back({std::move(time), std::move(open)});
  }
  return times;
}

std::optional<std::string> Source::latest(const std::string& name) const {
  Fd directory = open_name(name);
  char target[NAME_MAX + 1];
  ssize_t length = ::readlinkat(directory.get(), latest_name, target, sizeof target);
  if (length < 0 && !is_absence(errno) && errno != EINVAL) throw_unread(latest_name);
  if (length <= 0 || length == sizeof target) return std::nullopt;
  std::string time(target, static_cast<std::size_t>(length));
  if (is_hidden(time)) return std::nullopt;
  return time;
}

/// A process has so many mappings (vm.max_map_count), and each file of an open snapshot is one.
std::shared_ptr<const Snapshot> Source::open_making_room(int directory, const std::string& time) {
  try {
    return Snapshot::open(directory, time, snapshot::Hold::while_opening);
  } catch (const std::system_error& refused) {
    if (refused.code().value() != ENOMEM) throw;
  }
  open_.close_unused();
  return Snapshot::open(directory, time, snapshot::Hold::while_opening);
}

SnapshotRef Source::snapshot(const std::string& name, const std::string& time) {
  StorePlace place{name, time};
  if (is_hidden(time)) return nullptr;
  Fd directory = open_name(name);
  std::optional<ManifestIdentity> found = identity(directory.get(), place);
  if (!found) {
    open_.drop(place);
    return nullptr;
  }
  if (SnapshotRef known = open_.find(place, *found)) return known;
  // Errors are said here, where its place in the store is known.
  try {
    // A store's mount keeps nothing from being removed: it shows what the store has.
    auto opened = open_making_room(directory.get(), time);
    free_slot_of_removed(opened->manifest().slot, place);
    SnapshotRef added = open_.add(opened, place, *found);
    tell_incomplete(*opened, label(place));
    if (added->slot != opened->manifest().slot)
      log_.once("'" + printable(label(place)) +
                "' has the slot of another snapshot of the store (was it copied?): " +
                "it is shown under a slot of its own until the mount ends");
    return added;
  } catch (const FormatError& error) {
    cannot_show(place, error.what(), EIO);
  } catch (const std::system_error& error) {
    int number = error.code().value();
    if (!is_absence(number)) cannot_show(place, text_of(error), answered(number));
    // Removed meanwhile, or a snapshot that lacks a file.
    if (identity(directory.get(), place) == found) cannot_show(place, error.what(), EIO);
    return nullptr;
  }
}

std::string Source::scan_name(const OpenSnapshot& snapshot) const {
  if (!snapshot.place.name.empty()) return snapshot.place.name;
  auto split = [](std::string_view path) {
    std::size_t slash = path.rfind('/');
    return std::pair(path.substr(0, slash == path.npos ? 0 : slash), path.substr(slash + 1));
  };
  auto [above, name] = split(path_);
  if (kind_ == SourceKind::snapshot && snapshot::is_time_name(name, snapshot.snapshot->manifest().start))
    name = split(above).second;
  return std::string(name);
}

std::string Source::read_manifest(const OpenSnapshot& snapshot, std::uint64_t offset,
                                  std::size_t room) const {
  const StorePlace& place = snapshot.place;
  Fd directory = place.time.empty() ? open_answered(directory_.get(), ".", O_RDONLY | O_DIRECTORY)
                                    : open_name(place.name);
  std::string path = format::manifest_name;
  if (!place.time.empty()) path.insert(0, place.time + "/");
  // What has its name now may be anything: a pipe must not keep this thread.
  Fd file(::openat(directory.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && !is_absence(errno)) throw_unread(label(place));
  struct stat status {};
  if (file && ::fstat(file.get(), &status) != 0) throw_unread(label(place));
  if (!S_ISREG(status.st_mode) || !is_same_file(identity_of(status), snapshot.identity))
    throw_errno(ESTALE, "'" + printable(label(place)) + "' is not there any more");
  std::string bytes(room, '\0');
  ssize_t got = 0;
  do {
    got = ::pread(file.get(), bytes.data(), room, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw_unread(label(place));
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

void Source::drop_if_removed(const StorePlace& place) {
  try {
    Fd directory = open_name(place.name);
    if (!identity(directory.get(), place)) open_.drop(place);
  } catch (const std::system_error& error) {
    if (is_absence(error.code().value())) {
      open_.drop(place);  // its NAME is gone too
    } else {
      log_.once(error.what());
    }
  }
}

void Source::drop_removed() {
  for (const StorePlace& place : open_.places()) drop_if_removed(place);
}

/// A snapshot that was renamed keeps its slot, and so its node ids, where it is found before it is missed.
void Source::free_slot_of_removed(std::uint32_t slot, const StorePlace& place) {
  try {
    SnapshotRef known = open_.by_slot(slot);
    if (known && known->place != place) still_has(known);
  } catch (const std::system_error& error) {
    log_.once(error.what());
  }
  std::optional<StorePlace> closed = open_.closed_place(slot);
  if (closed && *closed != place) drop_if_removed(*closed);
}

struct stat Source::own_stat() const {
  return stat_at(directory_.get(), ".", 0);
}

struct stat Source::name_stat(const std::string& name) const {
  Fd directory = open_name(name);
  return stat_at(directory.get(), ".", 0);
}

struct stat Source::latest_stat(const std::string& name) const {
  Fd directory = open_name(name);
  return stat_at(directory.get(), latest_name, AT_SYMLINK_NOFOLLOW);
}

}  // namespace pwalk::mount
