// The arrays of one shard, each where the manifest has it.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <memory>
#include <string>

#include "snapshot/array_reader.h"
#include "snapshot/format.h"

namespace pwalk::snapshot {

class ShardReader {
 public:
  ShardReader(int snapshot_directory, const Manifest& manifest, std::uint32_t shard);

  std::uint32_t number() const noexcept { return number_; }
  std::uint64_t first_entry() const noexcept { return first_entry_; }
  /// The array, or nullptr where the shard has no record of it.
  const ArrayReader* array(std::uint32_t array) const noexcept { return arrays_[array].get(); }
  std::uint64_t records(std::uint32_t array) const noexcept {
    return arrays_[array] ? arrays_[array]->records() : 0;
  }
  /// A record by index; FormatError with `rule` where there is no such record.
  template <class Record>
  Record record(std::uint32_t array, std::uint64_t index, const char* rule) const {
    if (index >= records(array)) out_of_range(array, index, rule);
    return arrays_[array]->template record<Record>(index);
  }
  /// The string that starts at `offset` of the names, up to its NUL (rule N1).
  std::string_view string_at(std::uint64_t offset) const;
  /// FormatError F9 where the storage has failed under such a string since: what was read of it may be zeros.
  void check_readable(std::string_view text) const {
    arrays_[format::array_names]->check_readable(text.data(), text.size() + 1);
  }

  /// Name for messages: "00000003.entries".
  std::string file_name(std::uint32_t array) const { return array_file_name(number_, array); }

 private:
  [[noreturn]] void out_of_range(std::uint32_t array, std::uint64_t index, const char* rule) const;

  std::uint32_t number_;
  std::uint64_t first_entry_;
  std::array<std::unique_ptr<ArrayReader>, format::array_kinds> arrays_;
};

}  // namespace pwalk::snapshot
