// The records of a snapshot as they lie on the storage, format version 1. Plain data: what each field means
// and the numbered rules that hold are in pwalk-snapshot(5), the normative text. Little-endian, fixed width,
// no padding that is not a named field; reserved fields are zero.
// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace pwalk::format {

static_assert(std::endian::native == std::endian::little,
              "the format is mapped as it lies: little-endian only");

inline constexpr std::uint32_t version = 1;
inline constexpr char magic[8] = {'P', 'W', 'A', 'L', 'K', 'S', 'N', 'P'};
inline constexpr char manifest_name[] = "manifest.json";
inline constexpr char manifest_format[] = "pwalk-snapshot";

// Feature words: a reader refuses an unknown incompatible bit and ignores an unknown compatible one.
inline constexpr std::uint64_t known_incompatible = 0;

// ---- array files ----------------------------------------------------------------------------------------
// header (128 bytes) | zeros up to 4096 | records | zeros up to a multiple of 8 | one XXH3-64 for each
// started 64 KiB of the record area | one XXH3-64 for each started 64 KiB of those hashes.

inline constexpr std::uint64_t records_offset = 4096;
inline constexpr std::uint64_t block_bytes = 65536;

// FileHeader.array
inline constexpr std::uint32_t array_entries = 1;
inline constexpr std::uint32_t array_directories = 2;
inline constexpr std::uint32_t array_names = 3;
inline constexpr std::uint32_t array_attributes = 4;
inline constexpr std::uint32_t array_acls = 5;
inline constexpr std::uint32_t array_wide = 6;
inline constexpr std::uint32_t array_errors = 7;
inline constexpr std::uint32_t array_kinds = 8;  // one more than the largest

struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t array;
  std::uint32_t record_bytes;  // size of one record; 1 for names, 8 for ACLs (their unit)
  std::uint32_t shard;         // number of the shard in its part
  std::uint8_t uuid[16];       // the manifest's
  std::uint64_t incompatible;
  std::uint64_t compatible;
  std::uint64_t records;  // count of records (names: bytes; ACLs: units of 8 bytes)
  std::uint64_t reserved[8];
};
static_assert(sizeof(FileHeader) == 128);
static_assert(offsetof(FileHeader, uuid) == 24);
static_assert(offsetof(FileHeader, records) == 56);

// ---- entries --------------------------------------------------------------------------------------------

inline constexpr std::int64_t time_absent = std::numeric_limits<std::int64_t>::min();

struct Entry {
  std::uint64_t inode;
  std::uint64_t size;                      // st_size; of a wide entry: index of its wide record
  std::uint32_t blocks_low;                // st_blocks, units of 512 bytes
  std::uint32_t blocks_high_or_directory;  // directory: index of its directory record in the same shard
  std::int64_t atime;                      // nanoseconds since 1970-01-01T00:00:00Z
  std::int64_t mtime;
  std::int64_t ctime;
  std::int64_t btime;        // time_absent where the file system keeps none
  std::uint32_t name;        // byte offset in the shard's names
  std::uint32_t attributes;  // index in the shard's attributes
};
static_assert(sizeof(Entry) == 64 && alignof(Entry) == 8);
static_assert(offsetof(Entry, blocks_low) == 16 && offsetof(Entry, atime) == 24 &&
              offsetof(Entry, name) == 56);

// ---- attributes -----------------------------------------------------------------------------------------

// Attributes.flags
inline constexpr std::uint16_t flag_wide = 1;         // the entry's values are in a wide record
inline constexpr std::uint16_t flag_no_stat = 2;      // statx failed: name, inode and type only
inline constexpr std::uint16_t flag_dirent_type = 4;  // with no_stat: the type is getdents64's d_type
inline constexpr std::uint16_t known_attribute_flags = 7;

struct Attributes {
  std::uint16_t mode;  // type and permission bits, as st_mode
  std::uint16_t flags;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t nlink;
  std::uint32_t device_index;  // in the manifest's device table
  std::uint32_t blksize;
  std::uint64_t rdev;  // major << 32 | minor
};
static_assert(sizeof(Attributes) == 32);
static_assert(offsetof(Attributes, uid) == 4 && offsetof(Attributes, rdev) == 24);

// ---- wide entries ---------------------------------------------------------------------------------------

// Wide.flags
inline constexpr std::uint32_t wide_has_btime = 1;

struct Wide {
  std::uint64_t inode;
  std::uint64_t size;
  std::uint64_t blocks;
  std::int64_t atime_seconds;
  std::int64_t mtime_seconds;
  std::int64_t ctime_seconds;
  std::int64_t btime_seconds;
  std::uint32_t atime_nanoseconds;
  std::uint32_t mtime_nanoseconds;
  std::uint32_t ctime_nanoseconds;
  std::uint32_t btime_nanoseconds;
  std::uint32_t entry;  // index of the entry that it belongs to
  std::uint32_t flags;
};
static_assert(sizeof(Wide) == 80);

// ---- directories ----------------------------------------------------------------------------------------

// Directory.state
inline constexpr std::uint16_t state_read = 1;
inline constexpr std::uint16_t state_failed = 2;       // could not be listed: errno says why
inline constexpr std::uint16_t state_partial = 3;      // listed in part: errno says why
inline constexpr std::uint16_t state_not_reached = 4;  // the scan ended before it was listed
inline constexpr std::uint16_t state_vanished = 5;     // gone, or another object, when it was opened
inline constexpr std::uint16_t state_excluded_pattern = 16;
inline constexpr std::uint16_t state_excluded_file = 17;  // a pattern of an exclude file
inline constexpr std::uint16_t state_excluded_other_file_system = 18;
inline constexpr std::uint16_t state_excluded_kernel_file_system = 19;
inline constexpr std::uint16_t state_excluded_own_output = 20;
inline constexpr std::uint16_t state_excluded_pwalk_mount = 21;
inline constexpr std::uint16_t state_excluded_cache_directory = 22;
inline constexpr std::uint16_t state_excluded_snapshot_directory = 23;
inline constexpr std::uint16_t state_excluded_depth = 24;
inline constexpr std::uint16_t state_excluded_loop = 25;
inline constexpr std::uint16_t state_first_excluded = state_excluded_pattern;
inline constexpr std::uint16_t state_last_excluded = state_excluded_loop;

// Directory.access: who may list the whole subtree by mode bits alone
inline constexpr std::uint16_t access_everyone = 1;
inline constexpr std::uint16_t access_group = 2;
inline constexpr std::uint16_t access_owner = 4;
inline constexpr std::uint16_t known_access = 7;

// Directory.flags
inline constexpr std::uint16_t directory_mount_point = 1;  // root of a mount below the scan's root
inline constexpr std::uint16_t directory_rich_acl = 2;     // has an ACL that is not POSIX; not recorded
inline constexpr std::uint16_t directory_acl_unread = 4;   // its ACL could not be read, or nobody looked
inline constexpr std::uint16_t known_directory_flags = 7;

inline constexpr std::uint32_t no_acl = 0xffffffff;

struct Directory {
  std::uint32_t parent_shard;  // the parent's directory record; the root's is itself
  std::uint32_t parent_index;
  std::uint32_t entry;        // index of its entry, in this record's shard
  std::uint32_t depth;        // the root's is 0
  std::uint32_t child_shard;  // shard of its children, their directory records, its ACL
  std::uint32_t child_first;  // entries child_first … child_first + child_count − 1
  std::uint32_t child_count;
  std::uint32_t dir_first;  // directory records of its subdirectories, in name order
  std::uint32_t dir_count;
  std::uint32_t acl;  // unit index of its ACL record, or no_acl
  std::uint16_t state;
  std::uint16_t error;  // errno that goes with state
  std::uint16_t access;
  std::uint16_t flags;
  std::uint8_t fingerprint[16];
  // Totals of the subtree: everything below and the directory itself. Sums are modulo 2^64.
  std::uint64_t entries;
  std::uint64_t files;
  std::uint64_t directories;
  std::uint64_t symlinks;
  std::uint64_t apparent_bytes;   // st_size of everything but directories, each entry counted
  std::uint64_t directory_bytes;  // st_size of directories
  std::uint64_t disk_bytes;       // st_blocks × 512 of everything, each entry counted
  std::uint64_t errors;           // error records of entries in the subtree
  std::int64_t newest_mtime_seconds;
  std::int64_t newest_ctime_seconds;
  std::uint32_t newest_mtime_nanoseconds;
  std::uint32_t newest_ctime_nanoseconds;
  // What further entries of the same inode within the subtree add to the sums above.
  std::uint64_t excess_inodes;
  std::uint64_t excess_apparent;
  std::uint64_t excess_disk;
  std::uint64_t reserved[2];
};
static_assert(sizeof(Directory) == 192);
static_assert(offsetof(Directory, state) == 40 && offsetof(Directory, fingerprint) == 48);
static_assert(offsetof(Directory, entries) == 64 && offsetof(Directory, newest_mtime_seconds) == 128);
static_assert(offsetof(Directory, excess_inodes) == 152 && offsetof(Directory, reserved) == 176);

// ---- ACLs -----------------------------------------------------------------------------------------------

// Followed by `access_bytes` of the value of system.posix_acl_access, `default_bytes` of that of
// system.posix_acl_default, and zeros up to a multiple of 8. At least one of the two is there.
struct Acl {
  std::uint32_t access_bytes;
  std::uint32_t default_bytes;
};
static_assert(sizeof(Acl) == 8);
inline constexpr std::uint64_t acl_unit = 8;
inline constexpr std::uint32_t acl_value_limit = 65536;  // XATTR_SIZE_MAX

// ---- errors ---------------------------------------------------------------------------------------------

// Error.call
inline constexpr std::uint16_t call_openat = 1;
inline constexpr std::uint16_t call_getdents64 = 2;
inline constexpr std::uint16_t call_statx = 3;
inline constexpr std::uint16_t call_readlinkat = 4;
inline constexpr std::uint16_t call_fgetxattr = 5;  // and flistxattr
inline constexpr std::uint16_t last_call = call_fgetxattr;

struct Error {
  std::uint32_t entry_shard;  // the entry concerned
  std::uint32_t entry;
  std::uint16_t call;
  std::uint16_t error;  // errno, Linux numbers
  std::uint32_t reserved;
};
static_assert(sizeof(Error) == 16);

// ---- limits ---------------------------------------------------------------------------------------------

inline constexpr std::uint64_t names_limit = std::uint64_t{1} << 32;  // bytes of names in one shard
inline constexpr std::uint64_t records_limit = 0xffffffff;            // records in one array of a shard
inline constexpr unsigned entry_number_bits = 40;
inline constexpr std::uint32_t store_slots = 1u << 20;
inline constexpr std::size_t shards_limit = 65536;

}  // namespace pwalk::format
