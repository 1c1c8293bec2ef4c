// The mounts of this process's namespace (/proc/self/mountinfo), so that what lies behind a mount point is
// known before it is opened: opening an autofs trigger or a dead network mount can hang.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pwalk::walk {

struct MountEntry {
  std::uint64_t mount_id = 0;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string root;         // of the mount within its file system
  std::string mount_point;  // absolute path
  std::string type;         // "ext4", "fuse.pwalk-mount" …
  std::string source;
  std::string options;        // of the mount
  std::string super_options;  // of its file system
};

/// Parses the text of mountinfo (proc(5)); lines that do not parse are left out.
std::vector<MountEntry> parse_mountinfo(std::string_view text);

/// File systems that show the kernel's state, and mount triggers: never entered by a walk from above.
bool is_kernel_file_system(std::string_view type) noexcept;

class MountTable {
 public:
  /// Reads the table; an unreadable one is an empty one.
  MountTable();

  /// Type of the mount with this id, of statx's stx_mnt_id. Reads the table again if it is not there.
  std::string type_of_mount(std::uint64_t mount_id);
  /// Type of any mount of this device; empty if there is none (a btrfs subvolume, say).
  std::string type_of_device(std::uint32_t major, std::uint32_t minor);
  /// Whether the table could be read when it was made.
  bool is_known() const noexcept { return known_; }
  /// The mounts at or below `path`, and the one that `path` is in.
  std::vector<MountEntry> around(const std::string& path);

 private:
  void load();
  std::optional<std::string> look_up(std::uint64_t mount_id) const;

  bool known_;
  std::mutex mutex_;  // mounts_
  std::vector<MountEntry> mounts_;
};

}  // namespace pwalk::walk
