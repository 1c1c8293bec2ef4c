// What a directory record derives from the entries, defined once for the writer and the full check: the own
// block's canonical bytes, the fingerprint, the totals and the access bits.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

/// What the fingerprint and the totals need to know of one entry, besides its name. Without a stat everything
/// but type bits and inode is zero, and its times do not count among the newest.
struct EntryFacts {
  bool has_stat = true;
  std::uint16_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t nlink = 0;
  std::uint64_t rdev = 0;  // major << 32 | minor
  std::uint64_t inode = 0;
  std::uint64_t apparent_bytes = 0;
  std::uint64_t blocks = 0;
  Timestamp mtime;
  Timestamp ctime;
};

/// Collects the children of one directory, in name order, and hashes their canonical bytes:
/// for each child u32 name length, name, u32 mode, uid, gid, u64 rdev, inode, i64 mtime seconds, u32
/// nanoseconds, i64 ctime seconds, u32 nanoseconds; and unless it is a directory u32 nlink, u64 size, blocks,
/// u32 target length, target. All little-endian.
class BlockHasher {
 public:
  void start() noexcept {
    length_ = 0;
    streamed_ = false;
  }
  void add(std::string_view name, std::string_view target, const EntryFacts& child);
  Hash128 finish() noexcept;

 private:
  void stream() noexcept;

  std::vector<unsigned char> bytes_;  // grows only; zero-filling it anew for each directory cost 8 %
  std::size_t length_ = 0;
  Hash128Stream stream_;  // of a large directory: what came before those bytes
  bool streamed_ = false;
};

/// Sums one entry (its own inode metadata) into `totals`; directories count into directory_bytes.
void add_entry(Totals& totals, const EntryFacts& entry) noexcept;
/// Sums a child directory's subtree into `totals` (without the excess, which is not additive).
void add_subtree(Totals& totals, const Totals& child) noexcept;

/// The totals part of a record, and back.
Totals totals_of(const format::Directory& record) noexcept;
void store_totals(format::Directory& record, const Totals& totals) noexcept;

/// Mode and owner of a directory, as far as the access bits need them.
struct DirectoryOwner {
  std::uint16_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// Access bits of a directory from its own mode alone: the start of the fold over its subdirectories. State
/// failed, partial or not reached, an ACL of any kind or one that could not be read leave none.
std::uint16_t own_access(const DirectoryOwner& directory, const format::Directory& record) noexcept;
/// Folds one subdirectory's bits in: a class stays only where the subdirectory's subtree grants it to the
/// same group or owner, or to everyone.
std::uint16_t fold_access(std::uint16_t access, const DirectoryOwner& directory, std::uint16_t child_access,
                          const DirectoryOwner& child) noexcept;

/// Fingerprint of a subtree: XXH3-128 over "PWFP", u32 1 (the algorithm), the block hash, u32 state, u32
/// errno, and the fingerprints of the subdirectories in name order.
class FingerprintHasher {
 public:
  void start(const Hash128& block_hash, std::uint16_t state, std::uint16_t error);
  void add(const std::uint8_t (&child)[16]);
  Hash128 finish() const noexcept { return hash128(bytes_.data(), bytes_.size()); }

 private:
  std::vector<unsigned char> bytes_;
};

inline constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

/// An i64 count of nanoseconds as seconds and nanoseconds, and back (nothing where it does not fit).
Timestamp from_nanoseconds(std::int64_t nanoseconds) noexcept;
inline bool to_nanoseconds(Timestamp time, std::int64_t& nanoseconds) noexcept {
  std::int64_t whole = 0;
  if (__builtin_mul_overflow(time.seconds, nanoseconds_per_second, &whole) ||
      __builtin_add_overflow(whole, static_cast<std::int64_t>(time.nanoseconds), &nanoseconds))
    return false;
  return nanoseconds != format::time_absent;
}

}  // namespace pwalk::snapshot
