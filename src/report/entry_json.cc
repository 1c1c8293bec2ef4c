// SPDX-License-Identifier: MIT
#include "report/entry_json.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>
#include <system_error>

#include "base/text.h"
#include "report/json_parts.h"
#include "report/scanned_path.h"

namespace pwalk::report {

namespace {

const char* type_name(std::uint16_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    case S_IFCHR:
      return "character_device";
    case S_IFBLK:
      return "block_device";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    default:
      return "unknown";
  }
}

Json error_json(int error) {
  if (error == 0) return nullptr;
  return Json{
      {"errno", error}, {"name", errno_name(error)}, {"message", std::generic_category().message(error)}};
}

/// What failed of an entry; null where there is no index.
void add_errors(const snapshot::Entry& entry, const ErrorIndex* index, Json& json) {
  if (index == nullptr) {
    json["errors"] = nullptr;
    return;
  }
  std::span<const format::Error> errors = index->of(entry.place);
  Json list = Json::array();
  for (const format::Error& error : errors.first(std::min(errors.size(), entry_errors_max))) {
    Json one = Json::object();
    one["call"] = snapshot::call_name(error.call);
    one.update(error_json(error.error));
    list.push_back(one);
  }
  json["errors"] = list;
  if (errors.size() > list.size()) json["errors_left_out"] = errors.size() - list.size();
}

void add_stat(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
              Json& json) {
  const snapshot::Device& device = snapshot.manifest().devices[entry.device_index];
  Json on = device_json(device.major, device.minor);
  on["type"] = percent_encode(device.type);
  json.update({{"device", on},
               {"mode", entry.mode},
               {"permissions", fmt::format("{:04o}", entry.mode & 07777)},
               {"nlink", entry.nlink},
               {"uid", entry.uid},
               {"user", encoded_or_null(owner.user)},
               {"gid", entry.gid},
               {"group", encoded_or_null(owner.group)},
               {"apparent_bytes", entry.apparent_bytes},
               {"blocks", entry.blocks},
               {"disk_bytes", entry.blocks * 512},
               {"blksize", entry.blksize}});
  if (S_ISCHR(entry.mode) || S_ISBLK(entry.mode))
    json["rdev"] = device_json(entry.rdev_major, entry.rdev_minor);
  json.update({{"atime", time_json(entry.atime)},
               {"mtime", time_json(entry.mtime)},
               {"ctime", time_json(entry.ctime)},
               {"btime", time_json(entry.btime.value_or(snapshot::no_time))}});
}

Json directory_json(const snapshot::Directory& directory) {
  const format::Directory& record = directory.record;
  return Json{{"state", snapshot::state_name(record.state)},
              {"error", error_json(record.error)},
              {"depth", record.depth},
              {"mount_point", (record.flags & format::directory_mount_point) != 0},
              {"posix_acl", record.acl != format::no_acl},
              {"other_acl", (record.flags & format::directory_rich_acl) != 0},
              {"acl_unread", (record.flags & format::directory_acl_unread) != 0}};
}

/// Of a name or target, which in a snapshot may have any length: null beyond what a path may have.
Json encoded_unless_long(std::string_view bytes) {
  if (bytes.size() > path_bytes_max) return nullptr;
  return percent_encode(bytes);
}

Json fields(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
            const KeptErrorIndex& errors) {
  Json json{{"name", encoded_unless_long(entry.name)},
            {"type", type_name(entry.mode)},
            {"inode", entry.inode},
            {"has_stat", entry.has_stat()}};
  if (entry.has_stat()) add_stat(snapshot, entry, owner, json);
  bool failed = !entry.has_stat();
  if (entry.is_symlink()) {
    failed |= entry.target.empty();
    json["target"] = entry.target.empty() ? Json() : encoded_unless_long(entry.target);
  }
  if (entry.is_directory()) {
    snapshot::Directory directory = snapshot.directory_of(entry);
    json["directory"] = directory_json(directory);
    failed |= directory.record.error != 0 || (directory.record.flags & format::directory_acl_unread) != 0;
  }
  if (failed) {
    add_errors(entry, errors.of(snapshot), json);
  } else {
    json["errors"] = Json::array();
  }
  return json;
}

struct OwnTotals {
  std::uint64_t entries = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t symlinks = 0;
  std::uint64_t others = 0;
  std::uint64_t apparent_bytes = 0;
  std::uint64_t disk_bytes = 0;
};

/// The subtree without the subdirectories' and without the directory itself: the children's records are not
/// read, only those of the subdirectories.
OwnTotals own_totals(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry,
                     const snapshot::Directory& directory) {
  snapshot::Totals rest = directory.totals();
  rest.disk_bytes -= entry.blocks * 512;
  for (std::uint32_t position = 0; position < directory.record.dir_count; ++position) {
    snapshot::Totals below = snapshot.subdirectory(directory, position).totals();
    rest.files -= below.files;
    rest.symlinks -= below.symlinks;
    rest.apparent_bytes -= below.apparent_bytes;
    rest.disk_bytes -= below.disk_bytes;
  }
  std::uint64_t children = directory.record.child_count;
  std::uint64_t directories = directory.record.dir_count;
  return {children,
          rest.files,
          directories,
          rest.symlinks,
          children - directories - rest.files - rest.symlinks,
          rest.apparent_bytes,
          rest.disk_bytes};
}

constexpr OwnTotals widest_own{widest_number, widest_number, widest_number, widest_number,
                               widest_number, widest_number, widest_number};

std::string own_text(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
                     const KeptErrorIndex& errors, const OwnTotals& own) {
  Json json = Json::object();
  json["path"] = encoded_or_null(scanned_path(snapshot, snapshot.directory_of(entry)));
  json.update(fields(snapshot, entry, owner, errors));
  json["own"] =
      Json{{"entries", own.entries},      {"files", own.files},   {"directories", own.directories},
           {"symlinks", own.symlinks},    {"others", own.others}, {"apparent_bytes", own.apparent_bytes},
           {"disk_bytes", own.disk_bytes}};
  return json_text(json);
}

}  // namespace

std::string entry_json(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
                       const KeptErrorIndex& errors) {
  return json_text(fields(snapshot, entry, owner, errors));
}

std::string own_json(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry, const Owner& owner,
                     const KeptErrorIndex& errors) {
  OwnTotals own = own_totals(snapshot, entry, snapshot.directory_of(entry));
  return padded(own_text(snapshot, entry, owner, errors, own),
                own_json_bytes(snapshot, entry, owner, errors));
}

std::size_t own_json_bytes(const snapshot::Snapshot& snapshot, const snapshot::Entry& entry,
                           const Owner& owner, const KeptErrorIndex& errors) {
  return own_text(snapshot, entry, owner, errors, widest_own).size();
}

}  // namespace pwalk::report
