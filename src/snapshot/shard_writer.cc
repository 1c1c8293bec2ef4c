// SPDX-License-Identifier: MIT
#include "snapshot/shard_writer.h"

#include <algorithm>
#include <cstring>

namespace pwalk::snapshot {

namespace {

constexpr std::size_t table_slots_min = 1024;
constexpr std::size_t table_slots_max = std::size_t{1} << 19;
constexpr std::size_t probes_when_full = 8;

using Words = std::array<std::uint64_t, sizeof(format::Attributes) / sizeof(std::uint64_t)>;

Words words_of(const format::Attributes& attributes) noexcept {
  Words words;
  std::memcpy(words.data(), &attributes, sizeof words);
  return words;
}

bool same(const format::Attributes& a, const format::Attributes& b) noexcept {
  Words left = words_of(a);
  Words right = words_of(b);
  return ((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) | (left[3] ^ right[3])) == 0;
}

/// For the table alone. The multipliers are the odd ones next to 2^64 / golden ratio and to 2^64 times the
/// fractional parts of the square roots of 2, 3 and 5; of each product the high half depends on all bits.
std::uint64_t hash_of(const format::Attributes& attributes) noexcept {
  Words words = words_of(attributes);
  std::uint64_t sum = words[0] * 0x9e3779b97f4a7c15 + words[1] * 0x6a09e667f3bcc909 +
                      words[2] * 0xbb67ae8584caa73b + words[3] * 0x3c6ef372fe94f82b;
  sum ^= sum >> 32;
  sum *= 0x9e3779b97f4a7c15;
  return sum ^ sum >> 32;
}

}  // namespace

ShardWriter::ShardWriter(int directory, std::uint32_t number) : number_(number), table_(table_slots_min) {
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    arrays_[array] = std::make_unique<ArrayWriter>(directory, number, array);
}

std::uint32_t ShardWriter::intern(const format::Attributes& attributes) {
  return intern(attributes, hash_of(attributes));
}

/// Each lookup misses the cache twice, in the table and in the records, once there are many combinations (a
/// tenth of a scan's own work with 36,000 of them): the misses of a batch overlap.
void ShardWriter::write_pending() {
  std::array<std::uint64_t, batch> hashes;
  const std::uint32_t* table = table_.data();
  std::size_t mask = table_.size() - 1;
  for (std::uint32_t i = 0; i < pending_; ++i) {
    hashes[i] = hash_of(pending_attributes_[i]);
    __builtin_prefetch(&table[hashes[i] & mask]);
  }
  const ArrayWriter& array = *arrays_[format::array_attributes];
  for (std::uint32_t i = 0; i < pending_; ++i)
    if (std::uint32_t index = table[hashes[i] & mask]; index != 0)
      __builtin_prefetch(&array.at<format::Attributes>(index - 1));
  for (std::uint32_t i = 0; i < pending_; ++i)
    pending_entries_[i].attributes = intern(pending_attributes_[i], hashes[i]);
  arrays_[format::array_entries]->append_bytes(pending_entries_.data(), pending_ * sizeof(format::Entry));
  pending_ = 0;
}

std::uint32_t ShardWriter::intern(const format::Attributes& attributes, std::uint64_t hash) {
  ArrayWriter& array = *arrays_[format::array_attributes];
  if (hash == last_hash_ && array.records() != 0 &&
      same(array.at<format::Attributes>(last_index_), attributes))
    return last_index_;
  last_hash_ = hash;
  std::uint32_t* table = table_.data();
  std::size_t mask = table_.size() - 1;
  std::size_t slot = hash & mask;
  bool full = mask == table_slots_max - 1 && remembered_ >= table_slots_max / 2;
  std::size_t limit = full ? probes_when_full : mask + 1;
  for (std::size_t probe = 0; probe < limit && table[slot] != 0; ++probe) {
    if (same(array.at<format::Attributes>(table[slot] - 1), attributes)) return last_index_ = table[slot] - 1;
    slot = (slot + 1) & mask;
  }
  last_index_ = static_cast<std::uint32_t>(array.records());
  array.append(attributes);
  if (table[slot] == 0) ++remembered_;
  table[slot] = last_index_ + 1;
  if (!full && remembered_ * 2 > table_.size() && table_.size() < table_slots_max) enlarge_table();
  return last_index_;
}

void ShardWriter::enlarge_table() {
  std::vector<std::uint32_t> old = std::move(table_);
  table_.assign(old.size() * 4 > table_slots_max ? table_slots_max : old.size() * 4, 0);
  for (std::uint32_t index : old) {
    if (index == 0) continue;
    const auto& attributes = arrays_[format::array_attributes]->at<format::Attributes>(index - 1);
    std::size_t slot = hash_of(attributes) & (table_.size() - 1);
    while (table_[slot] != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = index;
  }
}

void ShardWriter::finish_others(const Manifest& manifest, Shard& shard) {
  write_pending();
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    if (array != format::array_directories && arrays_[array]->records() > 0)
      shard.files.push_back(arrays_[array]->finish(manifest));
}

void ShardWriter::finish_directories(const Manifest& manifest, Shard& shard) {
  ArrayWriter& directories = *arrays_[format::array_directories];
  if (directories.records() == 0) return;
  for (std::uint64_t index = 0; index < directories.records(); ++index) {
    auto& record = directories.at<format::Directory>(index);
    record.reserved[0] = record.reserved[1] = 0;
  }
  auto place = std::find_if(shard.files.begin(), shard.files.end(),
                            [](const ArrayFile& file) { return file.array > format::array_directories; });
  shard.files.insert(place, directories.finish(manifest));
}

}  // namespace pwalk::snapshot
