// SPDX-License-Identifier: MIT
#include "snapshot/derive.h"

#include <sys/stat.h>

#include <cstring>

#include "base/short_copy.h"

namespace pwalk::snapshot {

namespace {

/// Appends plain values to a buffer whose room was made before.
class Appender {
 public:
  explicit Appender(unsigned char* at) noexcept : at_(at) {}
  template <class Value>
  void value(Value value) noexcept {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void bytes(std::string_view text) noexcept {
    value(static_cast<std::uint32_t>(text.size()));
    copy_short(at_, text.data(), text.size());
    at_ += text.size();
  }
  unsigned char* at() const noexcept { return at_; }

 private:
  unsigned char* at_;
};

constexpr std::size_t stream_from = 16384;  // bytes: few directories have more, and each writer keeps so many
constexpr std::size_t fixed_bytes = 96;     // more than all fixed-width fields of one child

}  // namespace

void BlockHasher::stream() noexcept {
  if (!streamed_) stream_.start();
  streamed_ = true;
  stream_.add(bytes_.data(), length_);
  length_ = 0;
}

Hash128 BlockHasher::finish() noexcept {
  if (!streamed_) return hash128(bytes_.data(), length_);
  stream();
  return stream_.finish();
}

void BlockHasher::add(std::string_view name, std::string_view target, const EntryFacts& child) {
  if (length_ >= stream_from) stream();
  std::size_t room = length_ + fixed_bytes + name.size() + target.size();
  if (bytes_.size() < room) bytes_.resize(room + room / 2);
  Appender out(bytes_.data() + length_);
  out.bytes(name);
  out.value(static_cast<std::uint32_t>(child.mode));
  out.value(child.uid);
  out.value(child.gid);
  out.value(child.rdev);
  out.value(child.inode);
  out.value(child.mtime.seconds);
  out.value(child.mtime.nanoseconds);
  out.value(child.ctime.seconds);
  out.value(child.ctime.nanoseconds);
  if (!S_ISDIR(child.mode)) {
    out.value(child.nlink);
    out.value(child.apparent_bytes);
    out.value(child.blocks);
    out.bytes(target);
  }
  length_ = static_cast<std::size_t>(out.at() - bytes_.data());
}

void add_entry(Totals& totals, const EntryFacts& entry) noexcept {
  totals.entries += 1;
  if (S_ISDIR(entry.mode)) {
    totals.directories += 1;
    totals.directory_bytes += entry.apparent_bytes;
  } else {
    totals.files += S_ISREG(entry.mode) ? 1 : 0;
    totals.symlinks += S_ISLNK(entry.mode) ? 1 : 0;
    totals.apparent_bytes += entry.apparent_bytes;
  }
  totals.disk_bytes += entry.blocks * 512;
  if (!entry.has_stat) return;
  if (totals.newest_mtime < entry.mtime) totals.newest_mtime = entry.mtime;
  if (totals.newest_ctime < entry.ctime) totals.newest_ctime = entry.ctime;
}

void add_subtree(Totals& totals, const Totals& child) noexcept {
  totals.entries += child.entries;
  totals.files += child.files;
  totals.directories += child.directories;
  totals.symlinks += child.symlinks;
  totals.apparent_bytes += child.apparent_bytes;
  totals.directory_bytes += child.directory_bytes;
  totals.disk_bytes += child.disk_bytes;
  totals.errors += child.errors;
  if (totals.newest_mtime < child.newest_mtime) totals.newest_mtime = child.newest_mtime;
  if (totals.newest_ctime < child.newest_ctime) totals.newest_ctime = child.newest_ctime;
}

Totals totals_of(const format::Directory& record) noexcept {
  Totals totals;
  totals.entries = record.entries;
  totals.files = record.files;
  totals.directories = record.directories;
  totals.symlinks = record.symlinks;
  totals.apparent_bytes = record.apparent_bytes;
  totals.directory_bytes = record.directory_bytes;
  totals.disk_bytes = record.disk_bytes;
  totals.errors = record.errors;
  totals.excess_inodes = record.excess_inodes;
  totals.excess_apparent = record.excess_apparent;
  totals.excess_disk = record.excess_disk;
  totals.newest_mtime = {record.newest_mtime_seconds, record.newest_mtime_nanoseconds};
  totals.newest_ctime = {record.newest_ctime_seconds, record.newest_ctime_nanoseconds};
  return totals;
}

void store_totals(format::Directory& record, const Totals& totals) noexcept {
  record.entries = totals.entries;
  record.files = totals.files;
  record.directories = totals.directories;
  record.symlinks = totals.symlinks;
  record.apparent_bytes = totals.apparent_bytes;
  record.directory_bytes = totals.directory_bytes;
  record.disk_bytes = totals.disk_bytes;
  record.errors = totals.errors;
  record.excess_inodes = totals.excess_inodes;
  record.excess_apparent = totals.excess_apparent;
  record.excess_disk = totals.excess_disk;
  record.newest_mtime_seconds = totals.newest_mtime.seconds;
  record.newest_mtime_nanoseconds = totals.newest_mtime.nanoseconds;
  record.newest_ctime_seconds = totals.newest_ctime.seconds;
  record.newest_ctime_nanoseconds = totals.newest_ctime.nanoseconds;
}

std::uint16_t own_access(const DirectoryOwner& directory, const format::Directory& record) noexcept {
  if (record.state == format::state_failed || record.state == format::state_partial ||
      record.state == format::state_not_reached || record.acl != format::no_acl ||
      (record.flags & (format::directory_rich_acl | format::directory_acl_unread)) != 0)
    return 0;
  std::uint16_t access = 0;
  if ((directory.mode & 0555) == 0555) access |= format::access_everyone;
  if ((directory.mode & 0550) == 0550) access |= format::access_group;
  if ((directory.mode & 0500) == 0500) access |= format::access_owner;
  return access;
}

std::uint16_t fold_access(std::uint16_t access, const DirectoryOwner& directory, std::uint16_t child_access,
                          const DirectoryOwner& child) noexcept {
  if ((child_access & format::access_everyone) != 0) return access;
  std::uint16_t kept = 0;
  if ((child_access & format::access_group) != 0 && child.gid == directory.gid) kept |= format::access_group;
  if ((child_access & format::access_owner) != 0 && child.uid == directory.uid) kept |= format::access_owner;
  return access & kept;
}

void FingerprintHasher::start(const Hash128& block_hash, std::uint16_t state, std::uint16_t error) {
  static constexpr char algorithm[4] = {'P', 'W', 'F', 'P'};
  unsigned char head[4 + 4 + 16 + 4 + 4];
  std::memcpy(head, algorithm, 4);
  Appender out(head + 4);
  out.value(std::uint32_t{1});
  std::memcpy(head + 8, block_hash.data(), 16);
  Appender rest(head + 24);
  rest.value(static_cast<std::uint32_t>(state));
  rest.value(static_cast<std::uint32_t>(error));
  bytes_.assign(head, head + sizeof head);
}

void FingerprintHasher::add(const std::uint8_t (&child)[16]) {
  bytes_.insert(bytes_.end(), child, child + 16);
}

Timestamp from_nanoseconds(std::int64_t nanoseconds) noexcept {
  std::int64_t seconds = nanoseconds / nanoseconds_per_second;
  std::int64_t rest = nanoseconds % nanoseconds_per_second;
  if (rest < 0) {
    rest += nanoseconds_per_second;
    seconds -= 1;
  }
  return {seconds, static_cast<std::uint32_t>(rest)};
}

}  // namespace pwalk::snapshot
