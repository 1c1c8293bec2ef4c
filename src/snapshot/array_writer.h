// One array of a shard while it is written: records or bytes appended to a growing file, with the hash of
// each 64 KiB block. Entries and names are only appended, through a buffer, and hashed while they are in the
// processor's cache; the other arrays are mapped, read and changed in place, and hashed at the end.
//
// Thread safety: one thread appends; other threads may use records that they were handed.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/appended_file.h"
#include "base/growing_file.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

class ArrayWriter {
 public:
  /// Array `array` (format::array_…) of shard `shard` in the partial snapshot's directory.
  ArrayWriter(int directory, std::uint32_t shard, std::uint32_t array);

  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t records() const noexcept { return records_; }

  /// Appends one record; its index is what records() was.
  template <class Record>
  void append(const Record& record) {
    if (appended_) return append_bytes(&record, sizeof record);
    mapped_->grow(bytes_ + sizeof record);
    std::memcpy(mapped_->at(bytes_), &record, sizeof record);
    bytes_ += sizeof record;
    ++records_;
  }
  /// Appends any number of bytes: of whole records.
  void append_bytes(const void* bytes, std::uint64_t length) {
    records_ += record_bytes_ == 1 ? length : length / record_bytes_;
    if (!appended_) return append_mapped(bytes, length);
    bytes_ += length;
    const auto* from = static_cast<const unsigned char*>(bytes);
    while (length > 0) {
      std::uint64_t taken = appended_->append(from, length);
      if (appended_->full()) write_out();
      from += taken;
      length -= taken;
    }
  }
  /// Appends a text and a zero, to names.
  void append_text(std::string_view text) {
    if (appended_->append_text(text)) {
      bytes_ += text.size() + 1;
      records_ += text.size() + 1;
      return;
    }
    append_bytes(text.data(), text.size());
    append_bytes("", 1);
  }

  /// Throws where something that was written in place is lost already.
  void require_whole() const {
    if (mapped_) mapped_->require_whole();
  }

  /// A record for reading and writing in place (mapped arrays).
  template <class Record>
  Record& at(std::uint64_t index) const noexcept {
    return *reinterpret_cast<Record*>(mapped_->at(index * sizeof(Record)));
  }

  /// Hashes what is not hashed yet, completes the file and describes it for the manifest. It is not forced to
  /// the storage.
  ArrayFile finish(const Manifest& manifest);

 private:
  void append_mapped(const void* bytes, std::uint64_t length);
  void write_out();
  void hash_buffered();
  void hash_mapped();
  std::uint64_t hash_range(std::uint64_t begin, std::uint64_t end) const;

  std::uint32_t shard_;
  std::uint32_t array_;
  std::uint32_t record_bytes_;
  std::unique_ptr<AppendedFile> appended_;  // one of the two
  std::unique_ptr<GrowingFile> mapped_;
  std::uint64_t bytes_ = 0;
  std::uint64_t records_ = 0;  // divided out at each look it showed in the profile
  std::vector<std::uint64_t> hashes_;
};

}  // namespace pwalk::snapshot
