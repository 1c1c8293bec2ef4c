// Takes a snapshot apart so that a test can change a record, and makes lengths, hashes and the
// manifest right again: what then answers is the rule that the change breaks, not a checksum.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "snapshot/format.h"
#include "snapshot/manifest.h"
#include "snapshot/snapshot.h"

namespace pwalk::test {

class SnapshotEditor {
 public:
  /// One array: its header and the bytes of its records.
  struct Array {
    format::FileHeader header{};
    std::string records;
  };

  /// Reads all files of the snapshot at `path` without checking anything but the manifest.
  explicit SnapshotEditor(std::string path);

  snapshot::Manifest& manifest() noexcept { return manifest_; }
  /// The array, added if the shard has none.
  Array& array(std::uint32_t shard, std::uint32_t array);
  std::uint64_t records(std::uint32_t shard, std::uint32_t array);

  template <class Record>
  Record get(std::uint32_t shard, std::uint32_t array, std::uint64_t index) {
    Record record;
    std::memcpy(&record, this->array(shard, array).records.data() + index * sizeof record, sizeof record);
    return record;
  }
  template <class Record>
  void put(std::uint32_t shard, std::uint32_t array, std::uint64_t index, const Record& record) {
    std::string& bytes = this->array(shard, array).records;
    if (bytes.size() < (index + 1) * sizeof record) bytes.resize((index + 1) * sizeof record);
    std::memcpy(bytes.data() + index * sizeof record, &record, sizeof record);
  }
  /// Lets `change` work on a copy of a record and puts it back.
  template <class Record, class Change>
  void change(std::uint32_t shard, std::uint32_t array, std::uint64_t index, Change change) {
    auto record = get<Record>(shard, array, index);
    change(record);
    put(shard, array, index, record);
  }

  /// Shortcuts for what tests change most.
  template <class Change>
  void change_entry(std::string_view name, Change change) {
    snapshot::Place place = entry(name);
    this->change<format::Entry>(place.shard, format::array_entries, place.index, change);
  }
  template <class Change>
  void change_directory(std::string_view name, Change change) {
    snapshot::Place place = directory(name);
    this->change<format::Directory>(place.shard, format::array_directories, place.index, change);
  }
  /// Gives the entry attributes of its own: a changed copy of those that it has.
  template <class Change>
  void change_attributes(std::string_view name, Change change) {
    snapshot::Place place = entry(name);
    auto record = get<format::Entry>(place.shard, format::array_entries, place.index);
    auto attributes = get<format::Attributes>(place.shard, format::array_attributes, record.attributes);
    change(attributes);
    record.attributes = static_cast<std::uint32_t>(records(place.shard, format::array_attributes));
    put(place.shard, format::array_attributes, record.attributes, attributes);
    put(place.shard, format::array_entries, place.index, record);
  }

  /// First entry of that name ("" is the root); std::out_of_range if there is none.
  snapshot::Place entry(std::string_view name);
  /// Directory record of the first entry of that name.
  snapshot::Place directory(std::string_view name);

  /// The files of the arrays by name, with lengths, counts and hashes made right, in the manifest too. An
  /// array left without records has no file.
  std::map<std::string, std::string> array_files();
  /// The same and the manifest's.
  std::map<std::string, std::string> files();
  /// Writes everything back, with lengths, counts, hashes and the manifest's hash made right. An array left
  /// without records loses its file.
  void save();

 private:
  std::string path_;
  snapshot::Manifest manifest_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Array> arrays_;  // by shard and array
};

/// Whole files, for damage that stays damage.
std::string read_bytes(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);

}  // namespace pwalk::test
