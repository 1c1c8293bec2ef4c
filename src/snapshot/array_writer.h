// One array of a shard while it is written: records or bytes appended to a growing file, with the hash of
// each 64 KiB block taken while it is in the processor's cache (sequential arrays) or at the end (random
// ones).
//
// Thread safety: one thread appends; other threads may use records that they were handed.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/growing_file.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

class ArrayWriter {
 public:
  /// Array `array` (format::array_…) of shard `shard` in the partial snapshot's directory.
  ArrayWriter(int directory, std::uint32_t shard, std::uint32_t array);

  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t records() const noexcept { return bytes_ / record_bytes_; }

  /// Appends one record; its index is what records() was.
  template <class Record>
  void append(const Record& record) {
    file_.grow(bytes_ + sizeof record);
    std::memcpy(file_.at(bytes_), &record, sizeof record);
    advance(sizeof record);
  }
  /// Appends bytes that may straddle windows.
  void append_bytes(const void* bytes, std::uint64_t length);

  /// A record for reading and writing in place (random arrays).
  template <class Record>
  Record& at(std::uint64_t index) const noexcept {
    return *reinterpret_cast<Record*>(file_.at(index * sizeof(Record)));
  }

  /// Hashes what is not hashed yet, completes the file on the storage and describes it for the manifest.
  ArrayFile finish(const Manifest& manifest);

 private:
  void advance(std::uint64_t length) {
    bytes_ += length;
    if (sequential_ && bytes_ - hashed_bytes_ >= format::block_bytes) hash_closed_blocks();
  }
  void hash_closed_blocks();
  std::uint64_t hash_range(std::uint64_t begin, std::uint64_t end) const;

  std::uint32_t shard_;
  std::uint32_t array_;
  std::uint32_t record_bytes_;
  bool sequential_;
  GrowingFile file_;
  std::uint64_t bytes_ = 0;
  std::uint64_t hashed_bytes_ = 0;
  std::vector<std::uint64_t> hashes_;
};

}  // namespace pwalk::snapshot
