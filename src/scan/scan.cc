// SPDX-License-Identifier: MIT
#include "scan/scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/stop.h"
#include "base/text.h"
#include "scan/ancestors.h"
#include "scan/gentle.h"
#include "scan/sink.h"
#include "scan/ticker.h"
#include "snapshot/publish.h"
#include "snapshot/store.h"
#include "walk/walker.h"

namespace pwalk::scan {

namespace {

snapshot::Timestamp now(clockid_t clock) {
  struct timespec time;
  ::clock_gettime(clock, &time);
  return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)};
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) throw_errno("cannot get the host's name");
  return name;
}

/// The root as it was found: open for listing if it is a directory, for its status only otherwise.
struct Root {
  Fd descriptor;
  struct statx stat {};
  std::string path;  // absolute, symbolic links resolved
  bool is_directory() const noexcept { return S_ISDIR(stat.stx_mode); }
};

/// Of the open root. Who may not search the directories above it, or look up in one of them, cannot resolve a
/// relative path; then the kernel says where it is.
std::string absolute_path(const std::string& path, const Root& root) {
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  if (resolved) return resolved.get();
  int error = errno;
  char target[PATH_MAX];
  std::string link = "/proc/self/fd/" + std::to_string(root.descriptor.get());
  ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  std::string_view kept(target, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  // Of what is longer than a path may be, or was removed, there is no name.
  if (!kept.starts_with('/') || kept.size() == sizeof target || kept.ends_with(" (deleted)"))
    throw_errno(error, "cannot tell the absolute path of '" + printable(path) + "'");
  return std::string(kept);
}

Root open_root(const std::string& path) {
  Root root;
  // A symbolic link on the command line is followed; nothing but a directory is opened for reading.
  root.descriptor = open_at(AT_FDCWD, path, O_PATH);
  if (int error = walk::stat_entry(root.descriptor.get(), "", root.stat); error != 0)
    throw_errno(error, "cannot stat '" + printable(path) + "'");
  if (root.is_directory()) {
    try {
      // By its path again: `.` in it could only be opened by those who may search it.
      root.descriptor = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOATIME);
    } catch (const std::system_error& refused) {
      if (refused.code().value() != EPERM)
        throw_errno(refused.code().value(), "cannot read '" + printable(path) + "'");
      root.descriptor = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    }
    if (int error = walk::stat_entry(root.descriptor.get(), "", root.stat); error != 0)
      throw_errno(error, "cannot stat '" + printable(path) + "'");
  }
  root.path = absolute_path(path, root);
  return root;
}

snapshot::FileSystem file_system_of(int descriptor, const std::string& path) {
  struct statfs status;
  if (::fstatfs(descriptor, &status) != 0)
    throw_errno("cannot get the file system of '" + printable(path) + "'");
  snapshot::FileSystem file_system;
  file_system.magic = static_cast<std::uint32_t>(status.f_type);
  file_system.block_bytes = static_cast<std::uint64_t>(status.f_frsize);  // the unit of the numbers of blocks
  file_system.blocks = status.f_blocks;
  file_system.blocks_free = status.f_bfree;
  file_system.blocks_available = status.f_bavail;
  file_system.inodes = status.f_files;
  file_system.inodes_free = status.f_ffree;
  file_system.name_bytes_max = static_cast<std::uint64_t>(status.f_namelen);
  return file_system;
}

/// What goes wrong in `action` begins with what was to be done: which file of it failed says little.
template <class Action>
auto told_as(const std::string& what_failed, Action action) {
  try {
    return action();
  } catch (const std::system_error& refused) {
    std::string what = ": " + std::string(refused.what());
    std::string reason = ": " + refused.code().message();
    if (what.ends_with(reason)) what.resize(what.size() - reason.size());
    throw std::system_error(refused.code(), what_failed + what);
  }
}

/// Where the snapshot goes: a path of its own, or a TIME of a locked NAME.
struct Destination {
  std::unique_ptr<snapshot::StoreName> store_name;
  Fd parent;
  std::string parent_path;
  std::string name;
  std::uint32_t slot = 0;
  std::optional<std::uint64_t> last_entries;  // of the newest complete snapshot of that NAME

  std::string path() const {
    if (parent_path == ".") return name;
    return parent_path == "/" ? "/" + name : parent_path + "/" + name;
  }
};

Destination plain_destination(const std::string& output) {
  std::string path = output;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::size_t slash = path.rfind('/');
  Destination destination;
  destination.name = slash == std::string::npos ? path : path.substr(slash + 1);
  destination.parent_path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (destination.name.empty() || destination.name == "." || destination.name == "..")
    throw_errno(EINVAL, "cannot write a snapshot as '" + printable(output) + "'");
  if (destination.name.starts_with(snapshot::partial_prefix))
    throw_errno(EINVAL, "cannot write a snapshot as '" + printable(output) +
                            "': that is the name of one that is not finished, and would be removed");
  destination.parent = Fd(::open(destination.parent_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!destination.parent)
    throw_errno("cannot write a snapshot into '" + printable(destination.parent_path) + "'");
  struct stat status;
  bool exists =
      ::fstatat(destination.parent.get(), destination.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists || errno != ENOENT)
    throw_errno(exists ? EEXIST : errno, "cannot write a snapshot as '" + printable(output) + "'");
  told_as("cannot look for partial snapshots in '" + printable(destination.parent_path) + "'",
          [&] { snapshot::collect_partials(destination.parent.get(), snapshot::Alone::unknown); });
  return destination;
}

/// Fills `destination`; a refusal is returned as text.
std::string store_destination(const Request& request, const snapshot::Manifest& manifest,
                              const std::atomic<bool>& stop, Destination& destination) {
  std::string name = request.name.empty() ? snapshot::default_snapshot_name(manifest.root) : request.name;
  try {
    destination.store_name = std::make_unique<snapshot::StoreName>(request.store, name);
  } catch (const std::system_error& refused) {
    if (refused.code().value() != EWOULDBLOCK) throw;
    return "another scan or a removal is at work in '" + printable(request.store + "/" + name) +
           "': its lock is held; try again later";
  }
  auto origin = destination.store_name->origin();
  if (origin && (origin->host != manifest.host || origin->root != manifest.root))
    return "'" + printable(destination.store_name->path()) + "' holds snapshots of '" +
           printable(origin->root) + "' on host '" + printable(origin->host) + "', not of '" +
           printable(manifest.root) + "' on '" + printable(manifest.host) + "': choose another name with -n";
  if (origin) destination.last_entries = origin->entries;
  destination.slot = destination.store_name->take_slot(stop);
  destination.name = destination.store_name->free_time_name(snapshot::time_name(manifest.start));
  destination.parent_path = destination.store_name->path();
  destination.parent = open_at(destination.store_name->directory(), ".", O_RDONLY | O_DIRECTORY);
  return "";
}

snapshot::Manifest origin_of(const Request& request, const Root& root, walk::MountTable& mounts) {
  snapshot::Manifest manifest;
  manifest.program = "pwalk-scan " PWALK_VERSION;
  manifest.host = host_name();
  manifest.root = root.path;
  manifest.ancestors = ancestors_of(root.path, request.acls);
  manifest.start = now(CLOCK_REALTIME);
  manifest.options = request.options;
  manifest.options["one-file-system"] = request.one_file_system ? "yes" : "no";
  manifest.options["threads"] =
      request.threads_max > request.threads ? "auto" : std::to_string(request.threads);
  manifest.file_system = file_system_of(root.descriptor.get(), root.path);
  for (const walk::MountEntry& mount : mounts.around(root.path))
    manifest.mounts.push_back({mount.mount_id, mount.major, mount.minor, mount.root, mount.mount_point,
                               mount.type, mount.source, mount.options});
  return manifest;
}

/// The root as the walk would hand it over, had it a parent.
walk::Child root_child(const Root& root, std::string& target) {
  walk::Child child;
  child.stat = &root.stat;
  child.is_directory = root.is_directory();
  child.target = target;
  return child;
}

/// Walks the tree into the partial snapshot; false when stopped and nothing is to be published.
bool walk_into(const Request& request, Root& root, walk::MountTable& mounts,
               const snapshot::PartialSnapshot& partial, snapshot::SnapshotWriter& writer, Ticker& ticker,
               const std::atomic<bool>& stop, Result& result) {
  unsigned workers = root.is_directory() ? std::max(request.threads, request.threads_max) : 1;
  std::vector<std::unique_ptr<SnapshotSink>> sinks;
  std::vector<walk::Sink*> sink_pointers;
  std::vector<snapshot::WorkerWriter*> pens;
  for (unsigned i = 0; i < workers; ++i) {
    pens.push_back(&writer.add_worker());
    sinks.push_back(std::make_unique<SnapshotSink>(writer, *pens.back(), mounts));
    sink_pointers.push_back(sinks.back().get());
  }
  std::string target;
  walk::Child child = root_child(root, target);
  pens[0]->add_root(child, entry_notes(child, sinks[0]->device_index(root.stat)));
  if (!root.is_directory()) {
    ticker.skip_walk();
    return request.publish_when_stopped || !stop.load();  // nothing of it is missing
  }
  walk::Options options;
  options.workers = request.threads;
  options.workers_max = request.threads_max;
  options.one_file_system = request.one_file_system;
  options.rate = request.rate;
  options.stat_sync = request.stat_sync;
  options.patience_seconds = request.timeout_seconds;
  if (!request.filter.empty()) options.filter = &request.filter;
  options.exclude_caches = request.exclude_caches;
  options.acls = request.acls;
  if (request.depth_max) options.depth_max = *request.depth_max;
  options.output_device = partial.device();
  options.output_inode = partial.inode();
  walk::Walker walker(options, mounts, sink_pointers, stop);
  bool finished;
  {
    Ticker::Follow following(ticker, walker);
    finished = walker.run(std::move(root.descriptor), root.stat, token_of({0, 0}));
  }
  result.workers_changes = walker.workers_changes();
  if (finished || (stop.load() && !request.publish_when_stopped)) return finished;
  walker.settle();
  result.incomplete = true;
  return true;
}

/// The user may want to make room first, rather than learn of a full disk hours later.
void warn_of_space(const Request& request, const Destination& destination, Expected expected) {
  struct statfs status;
  if (!request.on_warning || ::fstatfs(destination.parent.get(), &status) != 0) return;
  std::uint64_t available = status.f_bavail * static_cast<std::uint64_t>(status.f_frsize);
  std::string warning = space_warning(expected, available, destination.parent_path);
  if (!warning.empty()) request.on_warning(warning);
}

/// Walks, writes and publishes; without a path in `result` where it was stopped before.
void publish(const Request& request, Root& root, walk::MountTable& mounts, Destination& destination,
             snapshot::Manifest manifest, std::chrono::steady_clock::time_point began,
             const std::atomic<bool>& stop, Result& result) {
  std::array<std::uint8_t, 16> uuid = snapshot::new_uuid();
  snapshot::PartialSnapshot partial(destination.parent.get(), destination.parent_path, uuid);
  snapshot::SnapshotWriter writer(partial.directory(), uuid);
  std::optional<std::uint64_t> expected = destination.last_entries;
  const snapshot::FileSystem& file_system = manifest.file_system;
  if (!expected && file_system.inodes > file_system.inodes_free)
    expected = file_system.inodes - file_system.inodes_free;
  warn_of_space(request, destination, {expected.value_or(0), !destination.last_entries});
  Ticker ticker(request, expected, began);
  result.stopped = !walk_into(request, root, mounts, partial, writer, ticker, stop, result);
  if (result.stopped) return;
  manifest.end = now(CLOCK_REALTIME);
  manifest.complete = !result.incomplete;
  const std::atomic<bool>& ending = request.publish_when_stopped ? never_stopped : stop;
  result.manifest = writer.finish(std::move(manifest), request.threads, ending);
  if (request.mode) partial.open_to(*request.mode);
  end_if(ending);
  std::string path = destination.path();
  partial.publish(destination.name);
  result.snapshot_path.swap(path);  // from here on nothing may fail: it is published
  if (!destination.store_name) return;
  // The snapshot is whole and has its name: hours of work are not thrown away for a link or a mode.
  auto try_to = [&result](auto follow) {
    try {
      follow();
    } catch (const std::exception&) {
      result.store_refused = std::current_exception();
    }
  };
  // What follows `latest` wants all of the tree.
  if (!result.incomplete) try_to([&] { destination.store_name->update_latest(destination.name); });
  if (request.mode) try_to([&] { destination.store_name->open_to(*request.mode); });
}

}  // namespace

Result run(const Request& request, const std::atomic<bool>& stop) {
  Result result;
  unsigned possible = walk::workers_possible();
  if (request.threads_max <= request.threads && request.threads > possible) {
    result.refusal =
        fmt::format("{} threads need more descriptors than this process may have (ulimit -n): at most -j {}",
                    request.threads, possible);
    return result;
  }
  auto began = std::chrono::steady_clock::now();
  Root root = open_root(request.root);
  walk::MountTable mounts;
  if (!mounts.is_known() && request.on_warning)
    request.on_warning(
        std::string("cannot read /proc/self/mountinfo: file systems of the kernel and mounts of "
                    "pwalk-mount are not recognized, and are walked like others") +
        (request.exclude_caches ? "; nor can tags of caches be read" : ""));
  snapshot::Manifest manifest = origin_of(request, root, mounts);
  if (request.on_root_opened) request.on_root_opened();

  Destination destination;
  try {
    if (request.output) {
      destination = plain_destination(*request.output);
    } else {
      result.refusal = told_as("cannot use the store '" + printable(request.store) + "'",
                               [&] { return store_destination(request, manifest, stop, destination); });
      if (!result.refusal.empty()) return result;
    }
    manifest.slot = destination.slot;
    told_as("cannot write the snapshot '" + printable(destination.path()) + "'",
            [&] { publish(request, root, mounts, destination, std::move(manifest), began, stop, result); });
  } catch (const Stopped&) {
    result.stopped = true;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

}  // namespace pwalk::scan
