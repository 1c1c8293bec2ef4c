// SPDX-License-Identifier: MIT
#include "report/error_index.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pwalk::report {

namespace {

using snapshot::Place;

Place place_of(const format::Error& error) noexcept {
  return {error.entry_shard, error.entry};
}

std::uint64_t records_of(const snapshot::Snapshot& snapshot) noexcept {
  std::uint64_t records = 0;
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    records += snapshot.error_count(shard);
  return records;
}

}  // namespace

ErrorIndex::ErrorIndex(const snapshot::Snapshot& snapshot) {
  errors_.reserve(records_of(snapshot));
  for (std::uint32_t shard = 0; shard < snapshot.shard_count(); ++shard)
    for (std::uint64_t i = 0; i < snapshot.error_count(shard); ++i)
      errors_.push_back(snapshot.error(shard, i));
  std::sort(errors_.begin(), errors_.end(), [](const format::Error& a, const format::Error& b) {
    return std::pair(place_of(a), a.call) < std::pair(place_of(b), b.call);
  });
}

std::span<const format::Error> ErrorIndex::of(Place entry) const noexcept {
  return of(entry, 1);
}

std::span<const format::Error> ErrorIndex::of(Place first, std::uint32_t count) const noexcept {
  auto begin = std::partition_point(errors_.begin(), errors_.end(),
                                    [&](const format::Error& error) { return place_of(error) < first; });
  auto end = std::partition_point(begin, errors_.end(), [&](const format::Error& error) {
    return error.entry_shard == first.shard && error.entry - first.index < count;
  });
  return {begin, end};
}

const ErrorIndex* KeptErrorIndex::of(const snapshot::Snapshot& snapshot, std::uint64_t most) const {
  if (records_of(snapshot) > most) return nullptr;
  std::lock_guard lock(mutex_);
  if (damage_) std::rethrow_exception(damage_);
  try {
    if (!index_) index_.emplace(snapshot);
  } catch (const FormatError&) {
    damage_ = std::current_exception();
    throw;
  }
  return &*index_;
}

}  // namespace pwalk::report
