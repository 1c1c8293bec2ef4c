// SPDX-License-Identifier: MIT
#include "snapshot/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/in_use.h"
#include "snapshot/publish.h"
#include "snapshot/snapshot.h"
#include "snapshot/store_kind.h"

namespace pwalk::snapshot {

namespace {

constexpr std::uint64_t manifest_limit_bytes = std::uint64_t{1} << 30;
constexpr int name_tries = 100;    // × 10 ms: a removal holds it for a moment, a scan for hours
constexpr int slot_tries = 60000;  // × 10 ms: everybody holds it for a moment

/// mkdir that takes an existing directory for success; whether it is a new one. A new name is forced to the
/// storage: what a scan says that it has published must not be gone with the directory around it.
bool make_directory(int at, const std::string& name, mode_t mode, const std::string& path) {
  if (::mkdirat(at, name.c_str(), mode) != 0) {
    if (errno != EEXIST) throw_errno("cannot create '" + printable(path) + "'");
    return false;
  }
  try {
    sync_file(open_at(at, name + "/..", O_RDONLY | O_DIRECTORY).get(), path);
  } catch (const std::system_error& refused) {
    // Where names may be made but not listed, it cannot be forced either.
    if (refused.code().value() != EACCES) throw;
  }
  return true;
}

/// Creates a directory and those above it that are missing; returns the new ones.
std::vector<std::string> make_directories(const std::string& path) {
  std::vector<std::string> made;
  auto make = [&](const std::string& each, mode_t mode) {
    if (make_directory(AT_FDCWD, each, mode, each)) made.push_back(each);
  };
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    make(path.substr(0, slash), 0755);
  make(path, 0700);
  return made;
}

/// A mistake of the command line. Where nobody can tell what it is, it may become a store.
void refuse_other_kinds(int directory, const std::string& path) {
  DirectoryKind kind = DirectoryKind::other;
  try {
    kind = kind_of(directory);
  } catch (const std::system_error&) {
  }
  if (kind == DirectoryKind::snapshot || kind == DirectoryKind::partial || kind == DirectoryKind::name)
    throw_errno(EINVAL, "'" + printable(path) + "' " + text_of(kind) + ", and cannot be used as a store");
}

/// The lock of a store or of a NAME, waited for until it has been held by somebody else at `tries` looks, one
/// in 10 ms (EWOULDBLOCK). Throws Stopped soon after `stop` has become true.
Fd take_lock(int directory, int tries, const std::string& path, const std::atomic<bool>& stop) {
  Fd lock = open_at(directory, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  for (int attempt = 1; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK || attempt++ == tries) throw_errno("cannot lock '" + printable(path) + "'");
    end_if(stop);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return lock;
}

/// The names in a NAME directory that may be snapshots, oldest first.
std::vector<std::string> times_in(int directory) {
  std::vector<std::string> times = list_directory(directory);
  std::erase_if(times, [](const std::string& time) { return time[0] == '.' || time == latest_name; });
  std::sort(times.begin(), times.end(), time_name_before);
  return times;
}

/// The name that `latest` points to; empty where there is none, or where it leads elsewhere.
std::string latest_target(int directory) {
  char target[256];
  ssize_t length = ::readlinkat(directory, latest_name, target, sizeof target);
  std::string name = length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
  if (name.starts_with("./")) name.erase(0, 2);
  return name.find('/') == std::string::npos ? name : "";
}

/// Whether there is a `latest`, but no snapshot that it leads to: somebody renamed that.
bool leads_nowhere(int directory) {
  struct stat status;
  std::string manifest = std::string(latest_name) + "/" + format::manifest_name;
  return ::fstatat(directory, latest_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode) &&
         ::fstatat(directory, manifest.c_str(), &status, 0) != 0 && is_absence(errno);
}

std::uint64_t disk_bytes_of(int directory) {
  std::uint64_t blocks = 0;
  struct stat status;
  if (::fstat(directory, &status) == 0) blocks += static_cast<std::uint64_t>(status.st_blocks);
  for (const std::string& name : list_directory(directory))
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      blocks += static_cast<std::uint64_t>(status.st_blocks);
  return blocks * 512;
}

/// What is known of the snapshot `time`; nothing where there is none.
std::optional<StoredSnapshot> stored_snapshot(int directory, const std::string& time) {
  StoredSnapshot stored;
  stored.time = time;
  bool found = false;
  try {
    Fd opened = open_at(directory, time, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    std::string text = read_file(opened.get(), format::manifest_name, manifest_limit_bytes);
    found = true;
    stored.in_use = is_in_use(opened.get());
    stored.disk_bytes = disk_bytes_of(opened.get());
    stored.manifest = parse_manifest(text);
    Snapshot::open(opened.get(), *stored.manifest);  // whether there is more than a manifest
  } catch (const std::system_error& refused) {
    int error = refused.code().value();
    if (!found && is_absence(error)) return std::nullopt;
    stored.trouble = refused.what();
  } catch (const FormatError& damage) {
    stored.trouble = damage.what();
  }
  if (stored.trouble.empty()) return stored;
  stored.manifest.reset();
  // Removed meanwhile?
  std::string manifest = time + "/" + format::manifest_name;
  if (::faccessat(directory, manifest.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
    return std::nullopt;
  return stored;
}

Manifest read_manifest(int directory, const std::string& snapshot) {
  Fd opened = open_at(directory, snapshot, O_RDONLY | O_DIRECTORY);
  return parse_manifest(read_file(opened.get(), format::manifest_name, manifest_limit_bytes));
}

std::optional<Manifest> manifest_of(int directory, const std::string& snapshot) {
  try {
    return read_manifest(directory, snapshot);
  } catch (const std::system_error&) {
  } catch (const FormatError&) {
  }
  return std::nullopt;
}

/// Whether snapshot `a` began before `b`; of one second's, the names tell.
bool began_before(const Manifest& a, const std::string& a_time, const Manifest& b,
                  const std::string& b_time) {
  return a.start.seconds != b.start.seconds ? a.start.seconds < b.start.seconds
                                            : time_name_before(a_time, b_time);
}

bool can_be_opened(int directory, const std::string& time) {
  std::optional<StoredSnapshot> stored = stored_snapshot(directory, time);
  return stored && stored->manifest;
}

/// Slots of all snapshots of the store. Reads every manifest: only where the counter cannot tell. What cannot
/// be read now may have any: only what is damaged, or no snapshot, or closed to this user has none.
std::set<std::uint32_t> used_slots(int store) {
  std::set<std::uint32_t> used;
  auto unless_absent = [](auto read) {
    try {
      read();
    } catch (const FormatError&) {
    } catch (const std::system_error& error) {
      int number = error.code().value();
      if (!is_absence(number) && number != EACCES) throw;
    }
  };
  for (const std::string& name : list_directory(store)) {
    if (name[0] == '.') continue;
    unless_absent([&] {
      Fd directory = open_at(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      for (const std::string& time : times_in(directory.get()))
        unless_absent([&] { used.insert(read_manifest(directory.get(), time).slot); });
    });
  }
  return used;
}

void replace_file(int directory, const std::string& name, const std::string& contents) {
  std::string partial = name + ".new";
  if (::unlinkat(directory, partial.c_str(), 0) != 0 && errno != ENOENT)
    throw_errno("cannot replace '" + partial + "'");
  try {
    write_file_durably(directory, partial, contents);
    if (::renameat(directory, partial.c_str(), directory, name.c_str()) != 0)
      throw_errno("cannot replace '" + name + "'");
  } catch (...) {
    ::unlinkat(directory, partial.c_str(), 0);
    throw;
  }
  sync_file(directory, name);
}

std::optional<std::uint64_t> next_slot(int store) {
  try {
    std::string text = read_file(store, slot_name, 64);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return parse_unsigned(text);
  } catch (const std::system_error& missing) {
    if (missing.code().value() == ENOENT) return std::nullopt;
    throw;
  }
}

/// Of what mkfs makes in each file system, which may be the store, only root can look into.
bool is_lost_and_found(int store, const std::string& name) noexcept {
  return name == "lost+found" && ::faccessat(store, name.c_str(), R_OK | X_OK, AT_EACCESS) != 0 &&
         errno == EACCES;
}

}  // namespace

std::vector<std::string> store_names(const std::string& store_path) {
  Fd store = open_at(AT_FDCWD, store_path, O_RDONLY | O_DIRECTORY);
  std::vector<std::string> names = list_directory(store.get());
  std::erase_if(names, [&](const std::string& name) {
    struct stat status;
    return name[0] == '.' || ::fstatat(store.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           !S_ISDIR(status.st_mode) || is_lost_and_found(store.get(), name);
  });
  return names;
}

std::vector<StoredSnapshot> stored_snapshots(const std::string& store_path, const std::string& name,
                                             std::vector<StoredSnapshot> known) {
  Fd store = open_at(AT_FDCWD, store_path, O_RDONLY | O_DIRECTORY);
  Fd directory = open_at(store.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  std::string latest = latest_target(directory.get());
  std::vector<StoredSnapshot> snapshots;
  for (const std::string& time : times_in(directory.get())) {
    auto before = std::lower_bound(known.begin(), known.end(), time,
                                   [](const StoredSnapshot& stored, const std::string& one) {
                                     return time_name_before(stored.time, one);
                                   });
    bool is_known = before != known.end() && before->time == time;
    std::optional<StoredSnapshot> stored =
        is_known ? std::move(*before) : stored_snapshot(directory.get(), time);
    if (!stored) continue;
    stored->is_latest = time == latest;
    snapshots.push_back(std::move(*stored));
  }
  return snapshots;
}

bool is_in_store(const std::string& store_path, const std::string& name) {
  Fd store = open_at(AT_FDCWD, store_path, O_RDONLY | O_DIRECTORY);
  Fd directory = open_at(store.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  auto may_have = [&](const std::string& path) {
    return ::faccessat(directory.get(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 || !is_absence(errno);
  };
  std::vector<std::string> times = times_in(directory.get());
  return may_have(lock_name) || std::any_of(times.begin(), times.end(), [&](const std::string& time) {
           return may_have(time + "/" + format::manifest_name);
         });
}

StoreName::StoreName(const std::string& store_path, const std::string& name, Missing missing)
    : store_path_(store_path), path_(store_path + "/" + name) {
  struct stat status;
  if (missing == Missing::create && ::stat(store_path.c_str(), &status) != 0)
    made_ = make_directories(store_path);
  store_ = open_at(AT_FDCWD, store_path, O_RDONLY | O_DIRECTORY);
  refuse_other_kinds(store_.get(), store_path);
  if (missing == Missing::create) make_directory(store_.get(), name, 0700, path_);
  directory_ = open_at(store_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  lock_ = take_lock(directory_.get(), name_tries, path_, never_stopped);
  collect_partials(directory_.get(), Alone::known);
}

void StoreName::open_to(mode_t mode) {
  mode_t readers = mode & 0444;
  mode_t added = readers | readers >> 2;
  auto open = [added](int directory, const std::string& path) {
    struct stat status;
    if (::fstat(directory, &status) != 0) throw_errno("cannot read '" + printable(path) + "'");
    mode_t wanted = (status.st_mode & 07777) | added;
    if (wanted != (status.st_mode & 07777) && ::fchmod(directory, wanted) != 0)
      throw_errno("cannot change the mode of '" + printable(path) + "'");
  };
  for (const std::string& made : made_)
    open(open_at(AT_FDCWD, made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).get(), made);
  open(directory_.get(), path_);
}

std::optional<StoreName::Origin> StoreName::origin() const {
  std::vector<std::string> times = times_in(directory_.get());
  // The one that `latest` points to first: names that were given by hand are in no order.
  times.push_back(latest_target(directory_.get()));
  std::reverse(times.begin(), times.end());
  std::optional<Origin> newest;
  for (const std::string& time : times) {
    auto manifest = manifest_of(directory_.get(), time);
    if (!manifest) continue;
    // How many entries to expect, only a complete one says.
    if (manifest->complete) return Origin{manifest->host, manifest->root, manifest->totals.entries};
    if (!newest) newest = Origin{manifest->host, manifest->root, std::nullopt};
  }
  return newest;
}

std::uint32_t StoreName::take_slot(const std::atomic<bool>& stop) {
  Fd lock = take_lock(store_.get(), slot_tries, store_path_, stop);
  std::optional<std::uint64_t> next = next_slot(store_.get());
  if (!next || *next >= format::store_slots) {
    // The counter is lost or has gone round: look which slots are free.
    std::set<std::uint32_t> used = used_slots(store_.get());
    if (used.size() == format::store_slots) throw_errno(ENOSPC, "the store has no free slot");
    if (!next) next = used.empty() ? 0 : std::uint64_t{*used.rbegin()} + 1;
    while (used.contains(static_cast<std::uint32_t>(*next % format::store_slots))) ++*next;
  }
  replace_file(store_.get(), slot_name, std::to_string(*next + 1) + "\n");
  return static_cast<std::uint32_t>(*next % format::store_slots);
}

std::string StoreName::free_time_name(const std::string& wanted) const {
  std::string name = wanted;
  struct stat status;
  for (unsigned suffix = 2; ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
       ++suffix)
    name = wanted + "-" + std::to_string(suffix);
  return name;
}

void StoreName::update_latest(const std::string& time) {
  std::string target = latest_target(directory_.get());
  auto its = manifest_of(directory_.get(), time);
  auto of_target = manifest_of(directory_.get(), target);
  if (!its || !of_target || !began_before(*its, time, *of_target, target)) set_latest(time);
}

void StoreName::take_from_latest(const std::vector<std::string>& times) {
  auto goes = [&](const std::string& time) {
    return std::find(times.begin(), times.end(), time) != times.end();
  };
  if (!goes(latest_target(directory_.get())) && !leads_nowhere(directory_.get())) return;
  std::vector<std::pair<std::string, Manifest>> others;
  for (std::string& time : times_in(directory_.get())) {
    auto manifest = goes(time) ? std::nullopt : manifest_of(directory_.get(), time);
    if (manifest && manifest->complete) others.emplace_back(std::move(time), std::move(*manifest));
  }
  std::sort(others.begin(), others.end(),
            [](const auto& a, const auto& b) { return began_before(b.second, b.first, a.second, a.first); });
  for (const auto& [time, manifest] : others)
    if (can_be_opened(directory_.get(), time)) return set_latest(time);
  if (::unlinkat(directory_.get(), latest_name, 0) != 0 && errno != ENOENT)
    throw_errno("cannot remove '" + printable(path_) + "/latest'");
}

void StoreName::give_to_latest(const std::string& time) {
  auto manifest = manifest_of(directory_.get(), time);
  if (manifest && manifest->complete) update_latest(time);
}

void StoreName::set_latest(const std::string& time) {
  std::string partial = std::string(".latest.new");
  if (::unlinkat(directory_.get(), partial.c_str(), 0) != 0 && errno != ENOENT)
    throw_errno("cannot update '" + printable(path_) + "/latest'");
  if (::symlinkat(time.c_str(), directory_.get(), partial.c_str()) != 0 ||
      ::renameat(directory_.get(), partial.c_str(), directory_.get(), latest_name) != 0) {
    int error = errno;
    ::unlinkat(directory_.get(), partial.c_str(), 0);
    throw_errno(error, "cannot update '" + printable(path_) + "/latest'");
  }
  sync_file(directory_.get(), path_);
}

}  // namespace pwalk::snapshot
