// Telling the three kinds of source apart, and the store's directories.
// SPDX-License-Identifier: MIT
#include "mount/source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "base/text.h"
#include "mount/node_id.h"
#include "mount/root_access.h"
#include "snapshot/format.h"
#include "snapshot/store.h"

namespace pwalk::mount {

using snapshot::Snapshot;
using snapshot::time_name;

namespace {

constexpr char latest_name[] = "latest";

bool is_hidden(const std::string& name) {
  return name.empty() || name.front() == '.' || name.find('/') != std::string::npos;
}

bool is_directory(int directory, const std::string& name) {
  struct stat status {};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/// Of the manifest of snapshot directory `time`; nothing where there is no such file.
std::optional<ManifestIdentity> identity_of(int directory, const std::string& time) {
  if (!is_directory(directory, time)) return std::nullopt;
  struct stat status {};
  if (::fstatat(directory, (time + "/" + format::manifest_name).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("cannot read the manifest of '" + printable(time) + "'");
  }
  return ManifestIdentity{status.st_dev, status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

bool has_snapshot(int directory) {
  for (const std::string& name : list_directory(directory)) {
    if (!is_hidden(name) && identity_of(directory, name)) return true;
  }
  return false;
}

bool has_file(int directory, const char* name) {
  return ::faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct stat stat_at(int directory, const std::string& name, int flags) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, flags) != 0)
    throw_errno("cannot read '" + printable(name) + "'");
  return status;
}

}  // namespace

Source::Source(const std::string& path, Log& log)
    : path_(path), log_(log), directory_(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)) {
  if (has_file(directory_.get(), format::manifest_name)) {
    open_only();
  } else {
    kind_ = kind_of_directory();
  }
}

SourceKind Source::kind_of_directory() const {
  std::vector<std::string> names = list_directory(directory_.get());
  auto is_entries_file = [](const std::string& name) { return name.ends_with(".entries"); };
  if (std::any_of(names.begin(), names.end(), is_entries_file))
    throw_errno(EINVAL, "'" + printable(path_) + "' is a partial snapshot: its scan did not end");
  // A store knows itself by its slots, even before its first snapshot is published.
  if (has_file(directory_.get(), ".next-slot")) return SourceKind::store;
  struct stat status {};
  if (::fstatat(directory_.get(), latest_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
    return SourceKind::name;
  if (has_snapshot(directory_.get())) return SourceKind::name;
  for (const std::string& name : names) {
    if (is_hidden(name) || !is_directory(directory_.get(), name)) continue;
    Fd below(::openat(directory_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below && has_snapshot(below.get())) return SourceKind::store;
  }
  throw_errno(EINVAL, "'" + printable(path_) + "' is neither a snapshot nor a store of snapshots");
}

void Source::open_only() {
  std::shared_ptr<const Snapshot> opened = Snapshot::open(directory_.get(), ".");
  if (!opened->root_is_directory())
    throw_errno(ENOTDIR, "the root of '" + printable(path_) + "', '" + printable(opened->manifest().root) +
                             "', is not a directory");
  tell_incomplete(*opened, path_);
  const snapshot::Manifest& manifest = opened->manifest();
  only_ = std::make_shared<OpenSnapshot>(OpenSnapshot{opened,
                                                      {},
                                                      {},
                                                      manifest.slot,
                                                      generation_of(manifest.uuid),
                                                      InodeNumbers(manifest.devices),
                                                      reachable_classes(*opened)});
}

void Source::tell_incomplete(const Snapshot& opened, const std::string& label) const {
  if (!opened.manifest().complete)
    log_.once("'" + printable(label) + "' is incomplete: its scan ended before it had seen everything");
}

std::string Source::label(const StorePlace& place) const {
  if (place.time.empty()) return path_;
  return path_ + "/" + (place.name.empty() ? "" : place.name + "/") + place.time;
}

std::string Source::label(std::uint32_t slot) const {
  SnapshotRef found = kind_ == SourceKind::snapshot ? only_ : open_.by_slot(slot);
  return found ? label(found->place) : path_;
}

SnapshotRef Source::by_slot(std::uint32_t slot) {
  if (kind_ == SourceKind::snapshot) return slot == only_->slot ? only_ : nullptr;
  if (SnapshotRef known = open_.by_slot(slot)) return known;
  // A handle from before this mount: open what the store has until the slot turns up.
  for (const std::string& name : names()) {
    for (const TimeOfName& at : times(name)) {
      try {
        snapshot(name, at.time);
      } catch (const std::system_error& error) {
        log_.once(error.what());
      }
      if (SnapshotRef known = open_.by_slot(slot)) return known;
    }
  }
  return nullptr;
}

bool Source::still_has(const SnapshotRef& opened) {
  if (kind_ == SourceKind::snapshot) return true;
  try {
    Fd directory = open_name(opened->place.name);
    if (identity_of(directory.get(), opened->place.time) == opened->identity) return true;
  } catch (const std::system_error& gone) {
    if (gone.code().value() != ENOENT) throw;
  }
  open_.drop(opened->place);
  return false;
}

Fd Source::open_name(const std::string& name) const {
  if (kind_ == SourceKind::name) return open_at(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (is_hidden(name)) throw_errno(ENOENT, "cannot open '" + printable(name) + "'");
  return open_at(directory_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

bool Source::has_name(const std::string& name) const {
  return !is_hidden(name) && is_directory(directory_.get(), name);
}

std::vector<std::string> Source::names() const {
  if (kind_ == SourceKind::name) return {""};
  std::vector<std::string> names = list_directory(directory_.get());
  std::erase_if(names, [this](const std::string& name) { return !has_name(name); });
  return names;
}

std::vector<TimeOfName> Source::times(const std::string& name) const {
  Fd directory = open_name(name);
  std::vector<TimeOfName> times;
  for (std::string& time : list_directory(directory.get())) {
    if (is_hidden(time)) continue;
    std::optional<ManifestIdentity> identity = identity_of(directory.get(), time);
    if (!identity) continue;
    SnapshotRef open = open_.find({name, time}, *identity);
    times.push_back({std::move(time), std::move(open)});
  }
  return times;
}

std::optional<std::string> Source::latest(const std::string& name) const {
  Fd directory = open_name(name);
  char target[NAME_MAX + 1];
  ssize_t length = ::readlinkat(directory.get(), latest_name, target, sizeof target);
  if (length <= 0 || length == sizeof target) return std::nullopt;
  std::string time(target, static_cast<std::size_t>(length));
  if (is_hidden(time)) return std::nullopt;
  return time;
}

SnapshotRef Source::snapshot(const std::string& name, const std::string& time) {
  StorePlace place{name, time};
  if (is_hidden(time)) return nullptr;
  Fd directory = open_name(name);
  std::optional<ManifestIdentity> identity = identity_of(directory.get(), time);
  if (!identity) {
    open_.drop(place);
    return nullptr;
  }
  if (SnapshotRef known = open_.find(place, *identity)) return known;
  std::shared_ptr<const Snapshot> opened;
  try {
    // A store's mount keeps nothing from being removed: it shows what the store has.
    opened = Snapshot::open(directory.get(), time, snapshot::Hold::while_opening);
  } catch (const FormatError& error) {
    // Said here, where its place in the store is known.
    throw_errno(EIO, "'" + printable(label(place)) + "' cannot be shown: " + error.what());
  }
  tell_incomplete(*opened, label(place));
  SnapshotRef added = open_.add(opened, place, *identity);
  if (added->slot != opened->manifest().slot)
    log_.once("'" + printable(label(place)) +
              "' has the slot of another snapshot of the store (was it copied?): " +
              "it is shown under a slot of its own until the mount ends");
  return added;
}

std::string Source::scan_name(const OpenSnapshot& snapshot) const {
  if (!snapshot.place.name.empty()) return snapshot.place.name;
  auto split = [](std::string_view path) {
    std::size_t slash = path.rfind('/');
    return std::pair(path.substr(0, slash == path.npos ? 0 : slash), path.substr(slash + 1));
  };
  auto [above, name] = split(path_);
  if (kind_ == SourceKind::snapshot && name.starts_with(time_name(snapshot.snapshot->manifest().start)))
    name = split(above).second;
  return std::string(name);
}

std::string Source::read_manifest(const OpenSnapshot& snapshot, std::uint64_t offset,
                                  std::size_t room) const {
  const StorePlace& place = snapshot.place;
  Fd directory =
      place.time.empty() ? open_at(directory_.get(), ".", O_RDONLY | O_DIRECTORY) : open_name(place.name);
  std::string path = place.time.empty() ? format::manifest_name : place.time + "/" + format::manifest_name;
  if (!place.time.empty() && identity_of(directory.get(), place.time) != snapshot.identity)
    throw_errno(ESTALE, "'" + printable(label(place)) + "' is not there any more");
  Fd file = open_at(directory.get(), path, O_RDONLY | O_NOFOLLOW);
  std::string bytes(room, '\0');
  ssize_t got = 0;
  do {
    got = ::pread(file.get(), bytes.data(), room, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw_errno("cannot read '" + printable(label(place)) + "'");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

void Source::drop_removed() {
  for (const StorePlace& place : open_.places()) {
    try {
      Fd directory = open_name(place.name);
      if (!identity_of(directory.get(), place.time)) open_.drop(place);
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) throw;
      open_.drop(place);  // its NAME is gone too
    }
  }
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
