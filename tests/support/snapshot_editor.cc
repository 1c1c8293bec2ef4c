// SPDX-License-Identifier: MIT
#include "support/snapshot_editor.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "base/hash.h"

namespace pwalk::test {

namespace {

void append_word(std::string& bytes, std::uint64_t word) {
  bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
}

/// Hashes of the started 64 KiB blocks of `bytes`.
std::string block_hashes(const std::string& bytes) {
  std::string hashes;
  for (std::size_t begin = 0; begin < bytes.size(); begin += format::block_bytes) {
    std::size_t length = std::min<std::size_t>(format::block_bytes, bytes.size() - begin);
    append_word(hashes, hash64(bytes.data() + begin, length));
  }
  return hashes;
}

/// The whole file of an array, put together from the page's words rather than by the writer.
std::string file_of(const SnapshotEditor::Array& array, std::uint64_t& file_hash) {
  std::string header(reinterpret_cast<const char*>(&array.header), sizeof array.header);
  std::string hashes = block_hashes(array.records);
  std::string table_hashes = block_hashes(hashes);
  std::string proof = header + table_hashes;
  file_hash = hash64(proof.data(), proof.size());
  std::string file = header;
  file.resize(format::records_offset);
  file += array.records;
  file.resize((file.size() + 7) / 8 * 8);
  return file + hashes + table_hashes;
}

}  // namespace

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

SnapshotEditor::SnapshotEditor(std::string path)
    : path_(std::move(path)),
      manifest_(snapshot::parse_manifest(read_bytes(path_ + "/" + format::manifest_name))) {
  for (std::uint32_t shard = 0; shard < manifest_.shards.size(); ++shard)
    for (const snapshot::ArrayFile& file : manifest_.shards[shard].files) {
      std::string bytes = read_bytes(path_ + "/" + file.file_name);
      Array& array = arrays_[{shard, file.array}];
      std::memcpy(&array.header, bytes.data(), sizeof array.header);
      array.records = bytes.substr(format::records_offset, file.records * array.header.record_bytes);
    }
}

SnapshotEditor::Array& SnapshotEditor::array(std::uint32_t shard, std::uint32_t array) {
  auto [found, added] = arrays_.try_emplace({shard, array});
  if (added) {
    format::FileHeader& header = found->second.header;
    header = arrays_.begin()->second.header;
    header.array = array;
    header.shard = shard;
    header.record_bytes = snapshot::array_record_bytes(array);
  }
  return found->second;
}

std::uint64_t SnapshotEditor::records(std::uint32_t shard, std::uint32_t array) {
  const Array& found = this->array(shard, array);
  return found.records.size() / snapshot::array_record_bytes(array);
}

snapshot::Place SnapshotEditor::entry(std::string_view name) {
  for (std::uint32_t shard = 0; shard < manifest_.shards.size(); ++shard)
    for (std::uint64_t index = 0; index < records(shard, format::array_entries); ++index) {
      auto record = get<format::Entry>(shard, format::array_entries, index);
      const std::string& names = array(shard, format::array_names).records;
      if (record.name < names.size() && names.data() + record.name == name)
        return {shard, static_cast<std::uint32_t>(index)};
    }
  throw std::out_of_range("no entry " + std::string(name));
}

snapshot::Place SnapshotEditor::directory(std::string_view name) {
  snapshot::Place place = entry(name);
  auto record = get<format::Entry>(place.shard, format::array_entries, place.index);
  return {place.shard, record.blocks_high_or_directory};
}

std::map<std::string, std::string> SnapshotEditor::array_files() {
  std::map<std::string, std::string> files;
  std::uint64_t first_entry = 0;
  for (std::uint32_t shard = 0; shard < manifest_.shards.size(); ++shard) {
    manifest_.shards[shard].first_entry = first_entry;
    manifest_.shards[shard].files.clear();
    first_entry += records(shard, format::array_entries);
  }
  for (auto& [key, array] : arrays_) {
    auto [shard, kind] = key;
    if (array.records.empty()) continue;
    array.header.records = array.records.size() / snapshot::array_record_bytes(kind);
    snapshot::ArrayFile file;
    file.array = kind;
    file.file_name = snapshot::array_file_name(shard, kind);
    file.records = array.header.records;
    std::string& bytes = files[file.file_name] = file_of(array, file.hash);
    file.file_bytes = bytes.size();
    manifest_.shards[shard].files.push_back(file);
  }
  return files;
}

std::map<std::string, std::string> SnapshotEditor::files() {
  std::map<std::string, std::string> files = array_files();
  files[format::manifest_name] = to_text(manifest_);
  return files;
}

void SnapshotEditor::save() {
  for (const auto& [name, bytes] : files()) write_bytes(path_ + "/" + name, bytes);
  for (const auto& [key, array] : arrays_)
    if (array.records.empty())
      ::unlink((path_ + "/" + snapshot::array_file_name(key.first, key.second)).c_str());
}

}  // namespace pwalk::test
