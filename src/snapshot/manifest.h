// The manifest: the file that, written last, makes a directory a snapshot. A plain structure, its JSON text,
// and the strict way back. Names and paths in it are percent-encoded in the text (see percent_encode), raw
// bytes here.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pwalk::snapshot {

/// Seconds since 1970-01-01T00:00:00Z, of any sign, and nanoseconds 0…999,999,999.
struct Timestamp {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  auto operator<=>(const Timestamp&) const = default;
};

/// Stands for "no time known": earlier than any that a file system gives.
inline constexpr Timestamp no_time{std::numeric_limits<std::int64_t>::min(), 0};

/// Totals of a subtree as a directory record holds them. All sums modulo 2^64.
struct Totals {
  std::uint64_t entries = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t symlinks = 0;
  std::uint64_t apparent_bytes = 0;
  std::uint64_t directory_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t errors = 0;
  std::uint64_t excess_inodes = 0;
  std::uint64_t excess_apparent = 0;
  std::uint64_t excess_disk = 0;
  Timestamp newest_mtime = no_time;  // entries without a stat do not count
  Timestamp newest_ctime = no_time;
  bool operator==(const Totals&) const = default;

  std::uint64_t others() const noexcept { return entries - files - directories - symlinks; }
};

/// Sums over all entries of one owner (or group); the excess is what further entries of one inode add.
struct OwnerTotals {
  std::uint64_t entries = 0;
  std::uint64_t apparent_bytes = 0;  // directories not counted
  std::uint64_t disk_bytes = 0;
  std::uint64_t excess_inodes = 0;
  std::uint64_t excess_apparent = 0;
  std::uint64_t excess_disk = 0;
  bool operator==(const OwnerTotals&) const = default;
};

struct Device {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string type;             // as in the mount table, empty where not known
  std::uint64_t inode_min = 0;  // over all entries that have a stat; 0 and 0 if none
  std::uint64_t inode_max = 0;
};

struct Mount {
  std::uint64_t mount_id = 0;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string root;  // of the mount within its file system
  std::string mount_point;
  std::string type;
  std::string source;
  std::string options;
};

/// statfs of the root, in units of `block_bytes`.
struct FileSystem {
  std::uint64_t magic = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t blocks_free = 0;
  std::uint64_t blocks_available = 0;
  std::uint64_t inodes = 0;
  std::uint64_t inodes_free = 0;
  std::uint64_t name_bytes_max = 0;
};

/// One array file of a shard.
struct ArrayFile {
  std::uint32_t array = 0;  // format::array_…
  std::string file_name;
  std::uint64_t file_bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t hash = 0;  // XXH3-64 of the 128 header bytes and the hashes of the hash table's blocks
};

struct Shard {
  std::uint64_t first_entry = 0;  // entry number of its entry 0
  std::vector<ArrayFile> files;   // in order of `array`; an array without records has no file
};

struct Part {
  std::uint32_t first_shard = 0;
  std::uint32_t shards = 0;
};

struct ErrorCount {
  std::uint16_t call = 0;   // format::call_…
  std::uint16_t error = 0;  // errno
  std::uint64_t errors = 0;
};

/// A directory above the root.
struct Ancestor {
  std::uint16_t mode = 0;  // permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool acl = false;  // it has an ACL, or may have one
  bool operator==(const Ancestor&) const = default;
};

struct Manifest {
  std::array<std::uint8_t, 16> uuid{};
  std::uint64_t incompatible = 0;
  std::uint64_t compatible = 0;
  bool complete = true;
  std::string program;  // name and version of the writer
  std::string host;
  std::string root;                                // absolute path of the root
  std::optional<std::vector<Ancestor>> ancestors;  // from `/` to the root's parent, where recorded
  std::uint32_t slot = 0;                          // of the store it was made for, below 2^20
  Timestamp start;
  Timestamp end;
  std::map<std::string, std::string> options;  // the scan's, by long name
  FileSystem file_system;
  std::vector<Mount> mounts;
  std::vector<Device> devices;
  Totals totals;
  std::map<std::uint32_t, OwnerTotals> by_uid;
  std::map<std::uint32_t, OwnerTotals> by_gid;
  std::vector<ErrorCount> errors;                 // sorted by call, errno
  std::uint64_t vanished_entries = 0;             // gone between getdents64 and statx, so not recorded
  std::uint64_t excluded_entries = 0;             // no directories, left out by patterns, so not recorded
  std::uint64_t duplicate_names = 0;              // listed twice by a changing directory, recorded once
  std::map<std::uint16_t, std::uint64_t> unread;  // directories by state, other than state_read
  std::vector<Part> parts;
  std::vector<Shard> shards;
};

/// The manifest's text, its hash included.
std::string to_text(const Manifest& manifest);

/// The end of a manifest whose text before it is `body`: always of the same length (rule M1).
std::string manifest_tail(std::string_view body);

/// Parses and checks rules M1–M5; FormatError otherwise.
Manifest parse_manifest(std::string_view text);

/// Name of an array ("entries"), of a directory state ("excluded_loop"), of a call ("openat"); empty if none.
std::string_view array_name(std::uint32_t array) noexcept;
std::string_view state_name(std::uint16_t state) noexcept;
std::string_view call_name(std::uint16_t call) noexcept;

/// File name of an array of a shard: "00000000.entries".
std::string array_file_name(std::uint32_t shard, std::uint32_t array);

/// Bytes of an array file with so many bytes of records.
std::uint64_t array_file_bytes(std::uint64_t record_bytes_total) noexcept;

/// Size of one record of an array (names 1, ACLs 8); 0 for an unknown array.
std::uint32_t array_record_bytes(std::uint32_t array) noexcept;

/// uuid in its canonical text form of 36 characters.
std::string uuid_text(const std::array<std::uint8_t, 16>& uuid);

}  // namespace pwalk::snapshot
