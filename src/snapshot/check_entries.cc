// Entries for the full check, shard by shard in order: each one's attributes, name, target and wide
// record, what must be zero, that names and wide records are used completely; and the sums by owner
// and device. Before that the records that stand alone: errors and ACLs.
// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "snapshot/check_parts.h"
#include "snapshot/entry_reader.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot::check {

std::string record_text(std::uint64_t index) {
  return "record " + std::to_string(index);
}

Marks::Marks(const Snapshot& snapshot, std::uint32_t array) {
  words_.reserve(snapshot.shard_count());
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    words_.emplace_back((snapshot.shard(shard).records(array) + 63) / 64);
}

namespace {

/// Sums over the entries of one shard. By index of attributes, of those that an entry has: there may be many
/// that none has.
struct ShardSums {
  explicit ShardSums(std::size_t devices) : inodes(devices, {~std::uint64_t{0}, 0}) {}
  std::unordered_map<std::uint32_t, OwnerTotals> by_attributes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> inodes;
};

class EntryPass {
 public:
  EntryPass(Context& context, const ShardReader& shard)
      : context_(context),
        shard_(shard),
        sums_(context.snapshot.manifest().devices.size()),
        wide_owned_(shard.records(format::array_wide)) {}

  void run() {
    check_attributes();
    std::uint64_t entries = shard_.records(format::array_entries);
    for (std::uint64_t index = 0; index < entries && !context_.problems.full(); ++index) {
      try {
        check(static_cast<std::uint32_t>(index));
      } catch (const FormatError& error) {
        context_.problems.add(error);
        next_name_.reset();
        broken_ = true;
      }
    }
    check_used();
  }

  const ShardSums& sums() const noexcept { return sums_; }

 private:
  [[noreturn]] void broken(std::uint32_t index, const char* rule, const char* detail) const {
    throw FormatError(shard_.file_name(format::array_entries), record_text(index), rule, detail);
  }

  /// All of them, whether an entry has them or not (A2-A5).
  void check_attributes() {
    std::uint64_t records = shard_.records(format::array_attributes);
    for (std::uint64_t index = 0; index < records && !context_.problems.full(); ++index) {
      try {
        read_attributes(shard_, static_cast<std::uint32_t>(index), sums_.inodes.size());
      } catch (const FormatError& error) {
        context_.problems.add(error);
      }
    }
  }

  void check(std::uint32_t index) {
    auto record = shard_.record<format::Entry>(format::array_entries, index, rule::entry_index);
    // Where the entry before was broken, this one says where the names go on.
    std::uint64_t expected_name = next_name_.value_or(record.name);
    next_name_.reset();
    Entry entry = context_.snapshot.entry({shard_.number(), index});
    std::uint64_t after = record.name + entry.name.size() + 1;
    if (entry.is_symlink()) after += entry.target.size() + 1;
    next_name_ = after;
    if (record.name != expected_name)
      broken(index, rule::names_used, "its name does not follow the strings of the entry before");
    bool wide = (entry.flags & format::flag_wide) != 0;
    if (!entry.has_stat() || wide) check_zero(index, record, entry, wide);
    if (wide) check_wide(index, record);
    if (entry.has_stat()) count(record, entry);
  }

  /// The fields that an entry without a stat, or with a wide record, leaves empty (A5, E3).
  void check_zero(std::uint32_t index, const format::Entry& record, const Entry& entry, bool wide) const {
    const char* rule = wide ? rule::entry_wide : rule::attributes_no_stat;
    if (record.blocks_low != 0 || record.atime != 0 || record.mtime != 0 || record.ctime != 0 ||
        (wide ? record.inode : record.size) != 0 ||
        (!entry.is_directory() && record.blocks_high_or_directory != 0))
      broken(index, rule, "a field that is not used is not zero");
    if (record.btime != (wide ? 0 : format::time_absent))
      broken(index, rule,
             wide ? "its birth time is not zero" : "has a birth time although there was no stat");
  }

  void check_wide(std::uint32_t index, const format::Entry& record) {
    // Snapshot::entry() has checked that the wide record names this entry, so none can be owned twice.
    wide_owned_[record.size] = true;
    auto wide = shard_.record<format::Wide>(format::array_wide, record.size, rule::entry_wide);
    if ((wide.flags & format::wide_has_btime) == 0 &&
        (wide.btime_seconds != 0 || wide.btime_nanoseconds != 0))
      broken(index, rule::entry_wide, "its wide record has a birth time that it denies");
  }

  void count(const format::Entry& record, const Entry& entry) {
    // Neighbours mostly share theirs: no search for each entry.
    if (owner_ == nullptr || owner_of_ != record.attributes) {
      owner_ = &sums_.by_attributes[record.attributes];
      owner_of_ = record.attributes;
    }
    OwnerTotals& owner = *owner_;
    owner.entries += 1;
    if (!entry.is_directory()) owner.apparent_bytes += entry.apparent_bytes;
    owner.disk_bytes += entry.blocks * 512;
    auto& [smallest, largest] = sums_.inodes[entry.device_index];
    smallest = std::min(smallest, entry.inode);
    largest = std::max(largest, entry.inode);
  }

  /// No byte of the names and no wide record is left over.
  void check_used() {
    if (context_.problems.full()) return;
    std::uint64_t end = shard_.records(format::array_names);
    if (next_name_.value_or(end) != end)
      context_.problems.add(shard_.file_name(format::array_names), "byte " + std::to_string(*next_name_),
                            rule::names_used, "the rest belongs to no entry");
    // What a broken entry owns is not known.
    for (std::size_t index = 0; index < wide_owned_.size() && !broken_; ++index)
      if (!wide_owned_[index])
        context_.problems.add(shard_.file_name(format::array_wide), record_text(index), rule::entry_wide,
                              "belongs to no entry");
  }

  Context& context_;
  const ShardReader& shard_;
  ShardSums sums_;
  OwnerTotals* owner_ = nullptr;  // the sums of the entry before, by these attributes
  std::uint32_t owner_of_ = 0;
  std::vector<bool> wide_owned_;
  bool broken_ = false;                        // some entry is
  std::optional<std::uint64_t> next_name_{0};  // where the next entry's name starts; unknown after a problem
};

void add(OwnerTotals& to, const OwnerTotals& from) noexcept {
  to.entries += from.entries;
  to.apparent_bytes += from.apparent_bytes;
  to.disk_bytes += from.disk_bytes;
}

void merge(Sums& sums, const ShardReader& shard, const ShardSums& part) {
  for (const auto& [index, totals] : part.by_attributes) {
    auto attributes =
        shard.record<format::Attributes>(format::array_attributes, index, rule::attributes_index);
    add(sums.by_uid[attributes.uid], totals);
    add(sums.by_gid[attributes.gid], totals);
  }
  for (std::size_t device = 0; device < part.inodes.size(); ++device) {
    sums.inodes[device].first = std::min(sums.inodes[device].first, part.inodes[device].first);
    sums.inodes[device].second = std::max(sums.inodes[device].second, part.inodes[device].second);
  }
}

}  // namespace

/// Leaves the sums by owner (without the excess) and by device.
void check_entries(Context& context) {
  const Snapshot& snapshot = context.snapshot;
  context.sums.inodes.assign(snapshot.manifest().devices.size(), {~std::uint64_t{0}, 0});
  std::mutex sums_mutex;  // protects context.sums
  for_each_item(context.threads, snapshot.shard_count(), context.problems, [&] {
    return [&](std::uint64_t item) {
      const ShardReader& shard = snapshot.shard(static_cast<std::uint32_t>(item));
      EntryPass pass(context, shard);
      pass.run();
      std::lock_guard lock(sums_mutex);
      merge(context.sums, shard, pass.sums());
    };
  });
  for (auto& range : context.sums.inodes)
    if (range.first > range.second) range = {0, 0};
}

namespace {

/// An error record and the number of the entry that it names.
struct Reported {
  std::uint64_t entry;
  std::uint64_t index;
  std::uint32_t shard;
  std::uint16_t call;
};

/// The call of an error fits the entry that it names (R3).
bool fits(std::uint16_t call, const Entry& entry) noexcept {
  switch (call) {
    case format::call_openat:
    case format::call_getdents64:
    case format::call_fgetxattr:
      return entry.is_directory();
    case format::call_readlinkat:
      return entry.is_symlink() && entry.target.empty();
    default:
      return true;  // statx may fail for any
  }
}

/// Reads each entry once, however many records name it.
void check_fitting(Context& context, const std::vector<Reported>& reported) {
  std::optional<std::uint64_t> number;
  Entry entry;
  for (const Reported& each : reported) {
    if (context.problems.full()) return;
    if (number != each.entry) entry = context.snapshot.entry(*context.snapshot.place_of(each.entry));
    number = each.entry;
    if (!fits(each.call, entry))
      context.problems.add(context.snapshot.shard(each.shard).file_name(format::array_errors),
                           record_text(each.index), rule::error_fits, "the call does not fit the entry");
  }
}

}  // namespace

/// After check_entries(). Leaves the counts by call and errno, and the sorted numbers of the entries with
/// errors.
void check_errors(Context& context) {
  const Snapshot& snapshot = context.snapshot;
  std::vector<Reported> reported;
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    for (std::uint64_t index = 0; index < snapshot.error_count(shard) && !context.problems.full(); ++index) {
      try {
        format::Error error = snapshot.error(shard, index);
        context.sums.errors[{error.call, error.error}] += 1;
        reported.push_back({snapshot.number_of({error.entry_shard, error.entry}), index, shard, error.call});
      } catch (const FormatError& error) {
        context.problems.add(error);
      }
    }
  std::sort(reported.begin(), reported.end(),
            [](const Reported& a, const Reported& b) { return a.entry < b.entry; });
  for (const Reported& each : reported) context.sums.error_entries.push_back(each.entry);
  // Where entries are broken, one may be unreadable, or any number of them have one name of any length.
  if (!context.problems.structural()) check_fitting(context, reported);
}

namespace {

/// One bit for each unit: a record starts here.
std::vector<bool> acl_starts(const ShardReader& shard) {
  std::uint64_t units = shard.records(format::array_acls);
  std::vector<bool> starts(units);
  auto broken = [&](std::uint64_t unit, const char* detail) {
    return FormatError(shard.file_name(format::array_acls), record_text(unit), rule::acl_records, detail);
  };
  for (std::uint64_t unit = 0; unit < units;) {
    auto head = shard.record<format::Acl>(format::array_acls, unit, rule::acl_records);
    std::uint64_t length = std::uint64_t{head.access_bytes} + head.default_bytes;
    std::uint64_t end = unit + 1 + (length + format::acl_unit - 1) / format::acl_unit;
    if (head.access_bytes > format::acl_value_limit || head.default_bytes > format::acl_value_limit ||
        length == 0 || end > units)
      throw broken(unit, "has a length out of range");
    std::uint64_t padding = (end - unit - 1) * format::acl_unit - length;
    unsigned char tail[format::acl_unit] = {};
    shard.array(format::array_acls)->copy(end * format::acl_unit - padding, padding, tail);
    for (unsigned char byte : tail)
      if (byte != 0) throw broken(unit, "the bytes after its values are not zero");
    starts[unit] = true;
    unit = end;
  }
  return starts;
}

}  // namespace

/// ACL records fill their array. Leaves where they start, for check_tree().
void check_acls(Context& context) {
  context.acl_starts.resize(context.snapshot.shard_count());
  for_each_item(1, context.snapshot.shard_count(), context.problems, [&] {
    return [&](std::uint64_t item) {
      context.acl_starts[item] = acl_starts(context.snapshot.shard(static_cast<std::uint32_t>(item)));
    };
  });
}

}  // namespace pwalk::snapshot::check
