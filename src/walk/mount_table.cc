// SPDX-License-Identifier: MIT
#include "walk/mount_table.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"

namespace pwalk::walk {

namespace {

/// mountinfo writes space, tab, newline, backslash and # as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  auto octal = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view next_field(std::string_view& line) {
  std::size_t space = line.find(' ');
  std::string_view field = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return field;
}

bool parse_line(std::string_view line, MountEntry& entry) {
  auto mount_id = parse_unsigned(next_field(line));
  next_field(line);  // parent
  std::string_view device = next_field(line);
  std::size_t colon = device.find(':');
  if (!mount_id || colon == std::string_view::npos) return false;
  auto major = parse_unsigned(device.substr(0, colon));
  auto minor = parse_unsigned(device.substr(colon + 1));
  if (!major || !minor) return false;
  entry.mount_id = *mount_id;
  entry.major = static_cast<std::uint32_t>(*major);
  entry.minor = static_cast<std::uint32_t>(*minor);
  entry.root = unescape(next_field(line));
  entry.mount_point = unescape(next_field(line));
  entry.options = unescape(next_field(line));
  while (!line.empty() && next_field(line) != "-") {  // optional fields
  }
  if (line.empty()) return false;
  entry.type = unescape(next_field(line));
  entry.source = unescape(next_field(line));
  entry.super_options = unescape(next_field(line));
  return true;
}

bool is_within(const std::string& path, const std::string& directory) {
  if (directory == "/" || path == directory) return true;
  return path.size() > directory.size() && path.compare(0, directory.size(), directory) == 0 &&
         path[directory.size()] == '/';
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  while (!text.empty()) {
    std::size_t newline = text.find('\n');
    MountEntry entry;
    if (parse_line(text.substr(0, newline), entry)) mounts.push_back(std::move(entry));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return mounts;
}

bool is_kernel_file_system(std::string_view type) noexcept {
  static constexpr std::array kernel_types = {
      "autofs",          "binder",     "binfmt_misc", "bpf",      "cgroup",  "cgroup2",
      "configfs",        "debugfs",    "devpts",      "efivarfs", "fusectl", "hugetlbfs",
      "mqueue",          "nfsd",       "nsfs",        "proc",     "pstore",  "resctrl",
      "rpc_pipefs",      "securityfs", "selinuxfs",   "smackfs",  "sysfs",   "tracefs",
      "fuse.gvfsd-fuse", "fuse.portal"};
  return std::find(kernel_types.begin(), kernel_types.end(), type) != kernel_types.end();
}

MountTable::MountTable() {
  load();
  known_ = !mounts_.empty();
}

void MountTable::load() {
  mounts_ = parse_mountinfo(read_kernel_file("/proc/self/mountinfo"));
}

std::optional<std::string> MountTable::look_up(std::uint64_t mount_id) const {
  for (const MountEntry& mount : mounts_)
    if (mount.mount_id == mount_id) return mount.type;
  return std::nullopt;
}

std::string MountTable::type_of_mount(std::uint64_t mount_id) {
  std::lock_guard lock(mutex_);
  if (auto type = look_up(mount_id)) return *type;
  load();
  return look_up(mount_id).value_or("");
}

std::string MountTable::type_of_device(std::uint32_t major, std::uint32_t minor) {
  std::lock_guard lock(mutex_);
  for (const MountEntry& mount : mounts_)
    if (mount.major == major && mount.minor == minor) return mount.type;
  return "";
}

std::vector<MountEntry> MountTable::around(const std::string& path) {
  std::lock_guard lock(mutex_);
  std::vector<MountEntry> found;
  const MountEntry* holder = nullptr;
  for (const MountEntry& mount : mounts_) {
    if (is_within(path, mount.mount_point) &&
        (holder == nullptr || mount.mount_point.size() >= holder->mount_point.size()))
      holder = &mount;
    if (is_within(mount.mount_point, path) && mount.mount_point != path) found.push_back(mount);
  }
  if (holder != nullptr) found.insert(found.begin(), *holder);
  return found;
}

}  // namespace pwalk::walk
