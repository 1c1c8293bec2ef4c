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

bool only_appended(std::uint32_t array) noexcept {
  return array == format::array_entries || array == format::array_names;
}

static_assert(AppendedFile::unit_bytes % format::block_bytes == 0);
static_assert(49152 % sizeof(format::Directory) == 0 && 49152 % 4096 == 0);
static_assert(40960 % sizeof(format::Wide) == 0 && 40960 % 4096 == 0);

}  // namespace

ArrayWriter::ArrayWriter(int directory, std::uint32_t shard, std::uint32_t array)
    : shard_(shard), array_(array), record_bytes_(array_record_bytes(array)) {
  std::string name = array_file_name(shard, array);
  if (only_appended(array))
    appended_ = std::make_unique<AppendedFile>(directory, std::move(name), format::records_offset);
  else
    mapped_ = std::make_unique<GrowingFile>(directory, std::move(name), format::records_offset,
                                            first_window_bytes(array));
}

void ArrayWriter::append_mapped(const void* bytes, std::uint64_t length) {
  mapped_->grow(bytes_ + length);
  const auto* from = static_cast<const unsigned char*>(bytes);
  for (std::uint64_t left = length; left > 0;) {
    std::uint64_t part = std::min(left, mapped_->window_end(bytes_) - bytes_);
    std::memcpy(mapped_->at(bytes_), from, part);
    from += part;
    bytes_ += part;
    left -= part;
  }
}

/// The buffer begins at a block's start: it is always written when it holds whole blocks.
void ArrayWriter::hash_buffered() {
  const unsigned char* at = appended_->buffered();
  for (std::uint64_t left = appended_->buffered_bytes(); left > 0;) {
    std::uint64_t block = std::min(left, format::block_bytes);
    hashes_.push_back(hash64(at, block));
    at += block;
    left -= block;
  }
}

void ArrayWriter::write_out() {
  hash_buffered();
  appended_->write_out();
}

std::uint64_t ArrayWriter::hash_range(std::uint64_t begin, std::uint64_t end) const {
  if (mapped_->window_end(begin) >= end) return hash64(mapped_->at(begin), end - begin);
  Hash64Stream hash;
  while (begin < end) {
    std::uint64_t part = std::min(end, mapped_->window_end(begin)) - begin;
    hash.add(mapped_->at(begin), part);
    begin += part;
  }
  return hash.finish();
}

void ArrayWriter::hash_mapped() {
  for (std::uint64_t begin = 0; begin < bytes_; begin += format::block_bytes)
    hashes_.push_back(hash_range(begin, std::min(begin + format::block_bytes, bytes_)));
}

ArrayFile ArrayWriter::finish(const Manifest& manifest) {
  if (appended_)
    hash_buffered();
  else
    hash_mapped();

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
  if (appended_)
    appended_->complete(head, tail);
  else
    mapped_->complete(head, bytes_, tail);

  std::string proof(reinterpret_cast<const char*>(&header), sizeof header);
  append_words(proof, table_hashes);
  ArrayFile file;
  file.array = array_;
  file.file_name = array_file_name(shard_, array_);
  file.file_bytes = format::records_offset + bytes_ + tail.size();
  file.records = header.records;
  file.hash = hash64(proof.data(), proof.size());
  return file;
}

}  // namespace pwalk::snapshot
