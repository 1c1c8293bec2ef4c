// SPDX-License-Identifier: MIT
#include "snapshot/array_writer.h"

#include <algorithm>

#include "base/hash.h"

namespace pwalk::snapshot {

namespace {

// Directory records are 192 bytes: a window holds whole ones, so it is a multiple of 3 × 4096.
std::uint64_t first_window_bytes(std::uint32_t array) noexcept {
  return array == format::array_directories ? 49152 : array == format::array_wide ? 40960 : 65536;
}

bool is_sequential(std::uint32_t array) noexcept {
  return array == format::array_entries || array == format::array_names;
}

static_assert(49152 % sizeof(format::Directory) == 0 && 49152 % 4096 == 0);
static_assert(40960 % sizeof(format::Wide) == 0 && 40960 % 4096 == 0);

}  // namespace

ArrayWriter::ArrayWriter(int directory, std::uint32_t shard, std::uint32_t array)
    : shard_(shard),
      array_(array),
      record_bytes_(array_record_bytes(array)),
      sequential_(is_sequential(array)),
      file_(directory, array_file_name(shard, array), format::records_offset, first_window_bytes(array),
            sequential_ ? GrowingFile::Use::sequential : GrowingFile::Use::random) {}

void ArrayWriter::append_bytes(const void* bytes, std::uint64_t length) {
  file_.grow(bytes_ + length);
  const auto* from = static_cast<const unsigned char*>(bytes);
  std::uint64_t at = bytes_;
  for (std::uint64_t left = length; left > 0;) {
    std::uint64_t part = std::min(left, file_.window_end(at) - at);
    std::memcpy(file_.at(at), from, part);
    from += part;
    at += part;
    left -= part;
  }
  advance(length);
}

std::uint64_t ArrayWriter::hash_range(std::uint64_t begin, std::uint64_t end) const {
  if (file_.window_end(begin) >= end) return hash64(file_.at(begin), end - begin);
  Hash64Stream hash;
  while (begin < end) {
    std::uint64_t part = std::min(end, file_.window_end(begin)) - begin;
    hash.add(file_.at(begin), part);
    begin += part;
  }
  return hash.finish();
}

void ArrayWriter::hash_closed_blocks() {
  while (bytes_ - hashed_bytes_ >= format::block_bytes) {
    hashes_.push_back(hash_range(hashed_bytes_, hashed_bytes_ + format::block_bytes));
    hashed_bytes_ += format::block_bytes;
  }
  file_.complete_below(hashed_bytes_);
}

ArrayFile ArrayWriter::finish(const Manifest& manifest) {
  hash_closed_blocks();
  if (hashed_bytes_ < bytes_) hashes_.push_back(hash_range(hashed_bytes_, bytes_));
  hashed_bytes_ = bytes_;

  format::FileHeader header = {};
  std::memcpy(header.magic, format::magic, sizeof header.magic);
  header.version = format::version;
  header.array = array_;
  header.record_bytes = record_bytes_;
  header.shard = shard_;
  std::memcpy(header.uuid, manifest.uuid.data(), sizeof header.uuid);
  header.incompatible = manifest.incompatible;
  header.compatible = manifest.compatible;
  header.records = records();

  auto append_words = [](std::string& out, const std::vector<std::uint64_t>& words) {
    out.append(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::uint64_t));
  };
  std::vector<std::uint64_t> table_hashes;
  for (std::uint64_t at = 0; at < hashes_.size(); at += format::block_bytes / 8)
    table_hashes.push_back(hash64(hashes_.data() + at,
                                  std::min<std::uint64_t>(format::block_bytes / 8, hashes_.size() - at) * 8));
  std::string tail((8 - bytes_ % 8) % 8, '\0');
  append_words(tail, hashes_);
  append_words(tail, table_hashes);

  std::string head(format::records_offset, '\0');
  std::memcpy(head.data(), &header, sizeof header);
  file_.close_durably(head, bytes_, tail);

  std::string proof(reinterpret_cast<const char*>(&header), sizeof header);
  append_words(proof, table_hashes);
  ArrayFile file;
  file.array = array_;
  file.file_name = file_.name();
  file.file_bytes = format::records_offset + bytes_ + tail.size();
  file.records = header.records;
  file.hash = hash64(proof.data(), proof.size());
  return file;
}

}  // namespace pwalk::snapshot
