// One array file, mapped: the only way to its bytes is a checked slice whose 64 KiB blocks have been verified
// against the hash table, which is itself verified block by block. One bit a block remembers.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "base/mapped_file.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

namespace pwalk::snapshot {

class ArrayReader {
 public:
  /// Opens `file` of `manifest` (rules F1–F6) in the snapshot directory.
  ArrayReader(int snapshot_directory, const Manifest& manifest, std::uint32_t shard, const ArrayFile& file);

  std::uint64_t records() const noexcept { return records_; }
  std::uint64_t record_area_bytes() const noexcept { return area_bytes_; }
  std::uint64_t blocks() const noexcept { return blocks_; }
  const std::string& file_name() const noexcept { return file_name_; }

  /// Copies `length` bytes of the record area from `offset` on. The range must lie within the area (the
  /// caller has checked its index and says so with the rule it would have broken).
  void copy(std::uint64_t offset, std::uint64_t length, void* out) const {
    std::memcpy(out, verified(offset, length), length);
    check_readable(offset, length);
  }

  template <class Record>
  Record record(std::uint64_t index) const {
    static_assert(std::is_trivially_copyable_v<Record>);
    Record out;
    copy(index * sizeof(Record), sizeof(Record), &out);
    return out;
  }

  /// Pointer to verified bytes [offset, offset + length), both within the area.
  const unsigned char* verified(std::uint64_t offset, std::uint64_t length) const {
    if (length > 0)
      for (std::uint64_t block = offset / format::block_bytes;
           block <= (offset + length - 1) / format::block_bytes; ++block)
        if (!is_verified(block)) require_block(block);
    return file_->bytes() + format::records_offset + offset;
  }

  /// For the full check: every block, the table, and the unused bytes. Each of them that is not right goes to
  /// `broken` (F7, F8, F9), until that answers false. What cannot be read is not asked for again.
  void verify_all(const std::function<bool(const FormatError&)>& broken) const;

  /// FormatError F9 if the storage failed under some of these bytes of the area, both within it.
  void check_readable(std::uint64_t offset, std::uint64_t length) const {
    if (file_->lost(format::records_offset + offset, length)) not_readable("");
  }
  /// The same for bytes that verified() has pointed to.
  void check_readable(const void* bytes, std::uint64_t length) const {
    auto at = static_cast<std::uint64_t>(static_cast<const unsigned char*>(bytes) - file_->bytes());
    if (file_->lost(at, length)) not_readable("");
  }

 private:
  bool is_verified(std::uint64_t bit) const noexcept {
    return (verified_[bit / 64].load(std::memory_order_relaxed) >> (bit % 64) & 1) != 0;
  }
  void remember(std::uint64_t bit) const noexcept {
    verified_[bit / 64].fetch_or(std::uint64_t{1} << (bit % 64), std::memory_order_relaxed);
  }
  [[noreturn]] void not_readable(const std::string& place) const;
  void require_zero(std::uint64_t begin, std::uint64_t end) const;
  void verify_bytes(std::uint64_t begin, std::uint64_t length, std::uint64_t hash_at,
                    const std::string& place) const;
  void verify_table_block(std::uint64_t table_block) const;
  void verify_block(std::uint64_t block) const;
  void require_block(std::uint64_t block) const;

  std::string file_name_;
  std::uint64_t records_ = 0;
  std::uint64_t area_bytes_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t table_ = 0;  // where it is in the file
  std::uint64_t table_blocks_ = 0;
  std::unique_ptr<MappedFile> file_;
  // Bits 0 … blocks − 1: the block was verified; then one bit for each block of the hash table. Calloc'ed so
  // that untouched pages cost nothing.
  struct Free {
    void operator()(void* memory) const noexcept;
  };
  std::unique_ptr<std::atomic<std::uint64_t>[], Free> verified_;
};

}  // namespace pwalk::snapshot
