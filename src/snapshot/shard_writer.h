// The arrays of one shard while one worker writes them, and the table that makes attributes distinct.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "snapshot/array_writer.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

class ShardWriter {
 public:
  ShardWriter(int directory, std::uint32_t number);

  std::uint32_t number() const noexcept { return number_; }
  ArrayWriter& array(std::uint32_t array) noexcept { return *arrays_[array]; }
  const ArrayWriter& array(std::uint32_t array) const noexcept { return *arrays_[array]; }
  /// Throws where something of it is lost already.
  void require_whole() const {
    for (const std::unique_ptr<ArrayWriter>& array : arrays_)
      if (array) array->require_whole();
  }
  std::uint64_t records(std::uint32_t array) const noexcept { return arrays_[array]->records(); }
  format::Directory& directory(std::uint32_t index) const noexcept {
    return arrays_[format::array_directories]->at<format::Directory>(index);
  }

  /// Entries so far.
  std::uint32_t entries() const noexcept {
    return static_cast<std::uint32_t>(records(format::array_entries)) + pending_;
  }
  /// Where the next entry and its attributes are to be put together, and then appended. The entry's index of
  /// attributes is filled in later.
  format::Entry& next_entry() noexcept { return pending_entries_[pending_]; }
  format::Attributes& next_attributes() noexcept { return pending_attributes_[pending_]; }
  void append_next() {
    if (++pending_ == batch) write_pending();
  }

  /// Index of a record equal to `attributes`, appended if it is new. Up to 2^18 combinations are remembered;
  /// beyond that an old one may be written once more.
  std::uint32_t intern(const format::Attributes& attributes);

  /// Writes out all arrays that have records, without forcing them to the storage, and describes them in
  /// `shard`: first all but the directory records, which others may still be changing, then these.
  void finish_others(const Manifest& manifest, Shard& shard);
  void finish_directories(const Manifest& manifest, Shard& shard);

 private:
  // Entries wait until there are this many: then the memory that interning needs is fetched for all at once.
  static constexpr std::uint32_t batch = 64;

  void enlarge_table();
  void write_pending();
  std::uint32_t intern(const format::Attributes& attributes, std::uint64_t hash);

  std::uint32_t number_;
  std::array<std::unique_ptr<ArrayWriter>, format::array_kinds> arrays_;
  // Open addressing over indices + 1 into the attributes; 0 is free. A power of two, at most half full.
  std::vector<std::uint32_t> table_;
  std::uint64_t remembered_ = 0;
  std::uint64_t last_hash_ = 0;
  std::uint32_t last_index_ = 0;
  std::uint32_t pending_ = 0;
  std::array<format::Entry, batch> pending_entries_;
  std::array<format::Attributes, batch> pending_attributes_;
};

}  // namespace pwalk::snapshot
