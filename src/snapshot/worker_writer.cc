// One worker's pen: the block of a directory, the records of its subdirectories, and their sums.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "snapshot/writer.h"

namespace pwalk::snapshot {

namespace {

Timestamp time_of(const struct statx_timestamp& time) noexcept {
  return {time.tv_sec, time.tv_nsec};
}

/// While the walk runs, a directory record carries its owner and mode in the reserved words, for the access
/// bits of its parent; the words are zeroed before the record is hashed.
void keep_owner(format::Directory& record, std::uint16_t mode, std::uint32_t uid,
                std::uint32_t gid) noexcept {
  record.reserved[0] = std::uint64_t{uid} << 32 | gid;
  record.reserved[1] = mode;
}

DirectoryOwner kept_owner(const format::Directory& record) noexcept {
  return {static_cast<std::uint16_t>(record.reserved[1]),
          static_cast<std::uint32_t>(record.reserved[0] >> 32),
          static_cast<std::uint32_t>(record.reserved[0])};
}

bool is_directory(const FoundEntry& found) noexcept {
  return S_ISDIR(found.stat != nullptr ? found.stat->stx_mode : found.dirent_type);
}

void take_facts(const FoundEntry& found, EntryFacts& facts) noexcept {
  if (found.stat == nullptr) {
    facts = EntryFacts{};
    facts.has_stat = false;
    facts.mode = found.dirent_type;
    facts.inode = found.dirent_inode;
    return;
  }
  const struct statx& stat = *found.stat;
  facts.has_stat = true;
  facts.mode = stat.stx_mode;
  facts.uid = stat.stx_uid;
  facts.gid = stat.stx_gid;
  facts.nlink = stat.stx_nlink;
  facts.rdev = std::uint64_t{stat.stx_rdev_major} << 32 | stat.stx_rdev_minor;
  facts.inode = stat.stx_ino;
  facts.apparent_bytes = stat.stx_size;
  facts.blocks = stat.stx_blocks;
  facts.mtime = time_of(stat.stx_mtime);
  facts.ctime = time_of(stat.stx_ctime);
}

/// The four times of `entry` from the stat; false where one does not fit.
bool fill_times(const struct statx& stat, format::Entry& entry) noexcept {
  bool has_btime = (stat.stx_mask & STATX_BTIME) != 0;
  // Any time from 1970 on to 2^33 seconds later, in 2242, fits: then one look is enough for all of them.
  constexpr unsigned plain_bits = 33;
  static_assert(((std::uint64_t{1} << plain_bits) + 8) * nanoseconds_per_second < std::uint64_t{1} << 63);
  std::int64_t all = stat.stx_atime.tv_sec | stat.stx_mtime.tv_sec | stat.stx_ctime.tv_sec;
  if (has_btime) all |= stat.stx_btime.tv_sec;
  if ((static_cast<std::uint64_t>(all) >> plain_bits) == 0) {
    auto plain = [](const struct statx_timestamp& time) noexcept {
      return time.tv_sec * nanoseconds_per_second + time.tv_nsec;
    };
    entry.btime = has_btime ? plain(stat.stx_btime) : format::time_absent;
    entry.atime = plain(stat.stx_atime);
    entry.mtime = plain(stat.stx_mtime);
    entry.ctime = plain(stat.stx_ctime);
    return true;
  }
  entry.btime = format::time_absent;
  return (!has_btime || to_nanoseconds(time_of(stat.stx_btime), entry.btime)) &&
         to_nanoseconds(time_of(stat.stx_atime), entry.atime) &&
         to_nanoseconds(time_of(stat.stx_mtime), entry.mtime) &&
         to_nanoseconds(time_of(stat.stx_ctime), entry.ctime);
}

/// Fills the numbers of `entry` from the stat; false where they do not fit and need a wide record.
bool fill_numbers(const struct statx& stat, bool is_directory, format::Entry& entry) noexcept {
  entry.inode = stat.stx_ino;
  entry.size = stat.stx_size;
  entry.blocks_low = static_cast<std::uint32_t>(stat.stx_blocks);
  auto blocks_high = static_cast<std::uint32_t>(stat.stx_blocks >> 32);
  if (is_directory && blocks_high != 0) return false;
  if (!is_directory) entry.blocks_high_or_directory = blocks_high;
  return fill_times(stat, entry);
}

format::Wide wide_of(const struct statx& stat, std::uint32_t entry) noexcept {
  format::Wide wide = {};
  wide.inode = stat.stx_ino;
  wide.size = stat.stx_size;
  wide.blocks = stat.stx_blocks;
  wide.atime_seconds = stat.stx_atime.tv_sec;
  wide.mtime_seconds = stat.stx_mtime.tv_sec;
  wide.ctime_seconds = stat.stx_ctime.tv_sec;
  wide.atime_nanoseconds = stat.stx_atime.tv_nsec;
  wide.mtime_nanoseconds = stat.stx_mtime.tv_nsec;
  wide.ctime_nanoseconds = stat.stx_ctime.tv_nsec;
  if ((stat.stx_mask & STATX_BTIME) != 0) {
    wide.btime_seconds = stat.stx_btime.tv_sec;
    wide.btime_nanoseconds = stat.stx_btime.tv_nsec;
    wide.flags = format::wide_has_btime;
  }
  wide.entry = entry;
  return wide;
}

}  // namespace

WorkerWriter::WorkerWriter(SnapshotWriter& writer)
    : writer_(writer), names_bytes_max_(writer.limits_.names_bytes) {}

void WorkerWriter::new_shard() {
  shard_ = &writer_.new_shard();
}

void WorkerWriter::add_root(const FoundEntry& root, const EntryNotes& notes) {
  new_shard();
  take_facts(root, facts_);
  writer_.root_is_directory_ = is_directory(root);
  std::uint32_t entry = append_entry(root, notes.device_index, 0);
  note_stat(*root.stat, notes.device_index, {0, 0});
  if (is_directory(root))
    allot(root, notes, {0, 0}, 0, entry);
  else
    add_entry(writer_.root_totals_, facts_);
  if (root.target_error != 0) {
    note_error({shard_->number(), entry}, format::call_readlinkat, root.target_error);
    writer_.root_totals_.errors += 1;
  }
}

bool WorkerWriter::begin(Place directory, std::uint64_t entries, std::uint64_t names_bytes,
                         std::uint64_t targets_bytes) {
  const WriterLimits& limits = writer_.limits_;
  if (entries > limits.records || names_bytes > limits.names_bytes) return false;
  // Beyond half of the limit a new shard is begun, so that every directory has the other half at least.
  std::uint64_t used = shard_ != nullptr ? shard_->records(format::array_names) : 0;
  if (shard_ == nullptr || (used > 0 && (used > limits.names_bytes / 2 ||
                                         used + names_bytes + targets_bytes > limits.names_bytes ||
                                         shard_->entries() + entries > limits.records ||
                                         shard_->records(format::array_acls) > limits.records / 2)))
    new_shard();
  directory_ = directory;
  depth_ = writer_.record(directory).depth;
  own_ = Totals{};
  child_first_ = shard_->entries();
  dir_first_ = static_cast<std::uint32_t>(shard_->records(format::array_directories));
  block_hasher_.start();
  return true;
}

std::uint32_t WorkerWriter::append_entry(const FoundEntry& found, std::uint32_t device_index,
                                         std::uint32_t directory_index) {
  format::Entry& entry = shard_->next_entry();
  format::Attributes& attributes = shard_->next_attributes();
  auto index = shard_->entries();
  bool directory = is_directory(found);
  if (found.stat == nullptr) {
    entry = {};
    entry.btime = format::time_absent;
    entry.inode = found.dirent_inode;
    attributes = {};
    attributes.mode = found.dirent_type;
    attributes.flags = format::flag_no_stat | (found.dirent_type != 0 ? format::flag_dirent_type : 0);
  } else {
    const struct statx& stat = *found.stat;
    attributes = {stat.stx_mode,    0,          stat.stx_uid, stat.stx_gid, stat.stx_nlink, device_index,
                  stat.stx_blksize, facts_.rdev};
    if (!fill_numbers(stat, directory, entry)) {
      entry = {};
      entry.size = shard_->records(format::array_wide);
      shard_->array(format::array_wide).append(wide_of(stat, index));
      attributes.flags = format::flag_wide;
    }
  }
  if (directory) entry.blocks_high_or_directory = directory_index;
  entry.name = static_cast<std::uint32_t>(shard_->records(format::array_names));
  ArrayWriter& names = shard_->array(format::array_names);
  names.append_text(found.name);
  if (S_ISLNK(attributes.mode)) names.append_text(found.target);
  shard_->append_next();
  return index;
}

Place WorkerWriter::allot(const FoundEntry& found, const EntryNotes& notes, Place parent, std::uint32_t depth,
                          std::uint32_t entry) {
  format::Directory record = {};
  record.parent_shard = parent.shard;
  record.parent_index = parent.index;
  record.entry = entry;
  record.depth = depth;
  record.child_shard = shard_->number();
  record.acl = format::no_acl;
  record.state = notes.unread_state != 0 ? notes.unread_state : format::state_not_reached;
  record.flags = notes.directory_flags;
  keep_owner(record, facts_.mode, facts_.uid, facts_.gid);
  Totals totals;
  add_entry(totals, facts_);
  if (found.stat == nullptr) {
    record.state = format::state_failed;
    record.error = static_cast<std::uint16_t>(found.stat_error);
    totals.errors = 1;
  }
  store_totals(record, totals);
  static const Hash128 empty_block = hash128("", 0);
  std::memcpy(record.fingerprint, empty_block.data(), sizeof record.fingerprint);
  Place place{shard_->number(), static_cast<std::uint32_t>(shard_->records(format::array_directories))};
  shard_->array(format::array_directories).append(record);
  if (record.state != format::state_not_reached) {
    ++unread_[record.state];
    finish(place);
  }
  return place;
}

/// Once for each entry of a scan, so those of its parts that are in this file are no calls.
[[gnu::flatten]] Place WorkerWriter::add(const FoundEntry& child, const EntryNotes& notes) {
  take_facts(child, facts_);
  block_hasher_.add(child.name, child.target, facts_);
  auto next_directory = static_cast<std::uint32_t>(shard_->records(format::array_directories));
  std::uint32_t entry = append_entry(child, notes.device_index, next_directory);
  Place entry_place{shard_->number(), entry};
  if (child.stat != nullptr)
    note_stat(*child.stat, notes.device_index, directory_);
  else
    note_error(entry_place, format::call_statx, child.stat_error);
  if (is_directory(child)) return allot(child, notes, directory_, depth_ + 1, entry);
  add_entry(own_, facts_);
  if (child.stat == nullptr) own_.errors += 1;
  if (child.target_error != 0) {
    note_error(entry_place, format::call_readlinkat, child.target_error);
    own_.errors += 1;
  }
  return {};
}

void WorkerWriter::note_stat(const struct statx& stat, std::uint32_t device_index, Place directory) {
  if (device_index >= inode_ranges_.size()) inode_ranges_.resize(device_index + 1);
  InodeRange& range = inode_ranges_[device_index];
  range.min = std::min<std::uint64_t>(range.min, stat.stx_ino);
  range.max = std::max<std::uint64_t>(range.max, stat.stx_ino);

  bool is_directory = S_ISDIR(stat.stx_mode);
  owners_.add(stat.stx_uid, stat.stx_gid, is_directory ? 0 : stat.stx_size, stat.stx_blocks * 512);

  if (stat.stx_nlink > 1 && !is_directory && writer_.root_is_directory_)
    notes_->add({device_index, directory.shard, stat.stx_ino, directory.index, stat.stx_uid, stat.stx_gid, 0,
                 stat.stx_size, stat.stx_blocks * 512});
}

void WorkerWriter::note_error(Place entry, std::uint16_t call, int error) {
  format::Error record = {};
  record.entry_shard = entry.shard;
  record.entry = entry.index;
  record.call = call;
  record.error = static_cast<std::uint16_t>(error);
  if (shard_ == nullptr) new_shard();
  shard_->array(format::array_errors).append(record);
  ++errors_[{call, error}];
}

void WorkerWriter::record_outcome(Place directory, const ListingOutcome& outcome) {
  format::Directory& record = writer_.record(directory);
  Place entry{directory.shard, record.entry};
  record.state = outcome.state;
  record.error = static_cast<std::uint16_t>(outcome.error);
  if (outcome.state != format::state_read) ++unread_[outcome.state];
  if (outcome.call != 0) {
    note_error(entry, outcome.call, outcome.error);
    record.errors += 1;
  }
  if (outcome.rich_acl) record.flags |= format::directory_rich_acl;
  if (outcome.acl_skipped) record.flags |= format::directory_acl_unread;
  if (outcome.acl_error != 0) {
    record.flags |= format::directory_acl_unread;
    note_error(entry, format::call_fgetxattr, outcome.acl_error);
    record.errors += 1;
  }
}

void WorkerWriter::end(const ListingOutcome& outcome) {
  format::Directory& record = writer_.record(directory_);
  record.child_shard = shard_->number();
  record.child_count = shard_->entries() - child_first_;
  record.dir_count = static_cast<std::uint32_t>(shard_->records(format::array_directories)) - dir_first_;
  record.child_first = record.child_count == 0 ? 0 : child_first_;
  record.dir_first = record.dir_count == 0 ? 0 : dir_first_;
  Totals totals = totals_of(record);
  add_subtree(totals, own_);
  store_totals(record, totals);
  Hash128 block = block_hasher_.finish();
  std::memcpy(record.fingerprint, block.data(), sizeof record.fingerprint);
  record_outcome(directory_, outcome);
  if (outcome.access_acl.empty() && outcome.default_acl.empty()) return;
  ArrayWriter& acls = shard_->array(format::array_acls);
  record.acl = static_cast<std::uint32_t>(acls.records());
  format::Acl head = {static_cast<std::uint32_t>(outcome.access_acl.size()),
                      static_cast<std::uint32_t>(outcome.default_acl.size())};
  std::string value(reinterpret_cast<const char*>(&head), sizeof head);
  value += outcome.access_acl;
  value += outcome.default_acl;
  value.resize((value.size() + format::acl_unit - 1) / format::acl_unit * format::acl_unit);
  acls.append_bytes(value.data(), value.size());
}

void WorkerWriter::not_listed(Place directory, const ListingOutcome& outcome) {
  record_outcome(directory, outcome);
}

void WorkerWriter::finish(Place directory) {
  format::Directory& record = writer_.record(directory);
  DirectoryOwner owner = kept_owner(record);
  std::uint16_t access = own_access(owner, record);
  Hash128 block;
  std::memcpy(block.data(), record.fingerprint, block.size());
  fingerprint_hasher_.start(block, record.state, record.error);
  if (record.dir_count > 0) {
    Totals totals = totals_of(record);
    const ShardWriter& shard = writer_.shard(record.child_shard);
    for (std::uint32_t i = 0; i < record.dir_count; ++i) {
      const format::Directory& child = shard.directory(record.dir_first + i);
      add_subtree(totals, totals_of(child));
      access = fold_access(access, owner, child.access, kept_owner(child));
      fingerprint_hasher_.add(child.fingerprint);
    }
    store_totals(record, totals);
  }
  record.access = access;
  Hash128 fingerprint = fingerprint_hasher_.finish();
  std::memcpy(record.fingerprint, fingerprint.data(), sizeof record.fingerprint);
}

}  // namespace pwalk::snapshot
