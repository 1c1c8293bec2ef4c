// SPDX-License-Identifier: MIT
#include "snapshot/shard_writer.h"

#include <cstring>

#include "base/hash.h"

namespace pwalk::snapshot {

namespace {

constexpr std::size_t table_slots_min = 1024;
constexpr std::size_t table_slots_max = std::size_t{1} << 19;
constexpr std::size_t probes_when_full = 8;

bool same(const format::Attributes& a, const format::Attributes& b) noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::size_t slot_of(const format::Attributes& attributes) noexcept {
  return static_cast<std::size_t>(hash64(&attributes, sizeof attributes));
}

}  // namespace

ShardWriter::ShardWriter(int directory, std::uint32_t number) : number_(number), table_(table_slots_min) {
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    arrays_[array] = std::make_unique<ArrayWriter>(directory, number, array);
}

std::uint32_t ShardWriter::intern(const format::Attributes& attributes) {
  return intern(attributes, hash64(&attributes, sizeof attributes));
}

/// Each lookup misses the cache twice, in the table and in the records, once there are many combinations (a
/// tenth of a scan's own work with 36,000 of them): the misses of a batch overlap.
void ShardWriter::write_pending() {
  std::array<std::uint64_t, batch> hashes;
  for (std::uint32_t i = 0; i < pending_; ++i) {
    hashes[i] = hash64(&pending_attributes_[i], sizeof(format::Attributes));
    __builtin_prefetch(&table_[hashes[i] & (table_.size() - 1)]);
  }
  const ArrayWriter& array = *arrays_[format::array_attributes];
  for (std::uint32_t i = 0; i < pending_; ++i)
    if (std::uint32_t index = table_[hashes[i] & (table_.size() - 1)]; index != 0)
      __builtin_prefetch(&array.at<format::Attributes>(index - 1));
  for (std::uint32_t i = 0; i < pending_; ++i)
    pending_entries_[i].attributes = intern(pending_attributes_[i], hashes[i]);
  arrays_[format::array_entries]->append_bytes(pending_entries_.data(), pending_ * sizeof(format::Entry));
  pending_ = 0;
}

std::uint32_t ShardWriter::intern(const format::Attributes& attributes, std::uint64_t hash) {
  if (has_last_ && same(last_, attributes)) return last_index_;
  last_ = attributes;
  has_last_ = true;
  ArrayWriter& array = *arrays_[format::array_attributes];
  std::size_t slot = hash & (table_.size() - 1);
  bool full = table_.size() == table_slots_max && remembered_ >= table_slots_max / 2;
  std::size_t limit = full ? probes_when_full : table_.size();
  for (std::size_t probe = 0; probe < limit && table_[slot] != 0; ++probe) {
    if (same(array.at<format::Attributes>(table_[slot] - 1), attributes))
      return last_index_ = table_[slot] - 1;
    slot = (slot + 1) & (table_.size() - 1);
  }
  last_index_ = static_cast<std::uint32_t>(array.records());
  array.append(attributes);
  if (table_[slot] == 0) ++remembered_;
  table_[slot] = last_index_ + 1;
  if (!full && remembered_ * 2 > table_.size() && table_.size() < table_slots_max) enlarge_table();
  return last_index_;
}

void ShardWriter::enlarge_table() {
  std::vector<std::uint32_t> old = std::move(table_);
  table_.assign(old.size() * 4 > table_slots_max ? table_slots_max : old.size() * 4, 0);
  for (std::uint32_t index : old) {
    if (index == 0) continue;
    const auto& attributes = arrays_[format::array_attributes]->at<format::Attributes>(index - 1);
    std::size_t slot = slot_of(attributes) & (table_.size() - 1);
    while (table_[slot] != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = index;
  }
}

Shard ShardWriter::finish(const Manifest& manifest) {
  write_pending();
  Shard shard;
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    if (arrays_[array]->records() > 0) shard.files.push_back(arrays_[array]->finish(manifest));
  return shard;
}

}  // namespace pwalk::snapshot
