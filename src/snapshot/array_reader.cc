// SPDX-License-Identifier: MIT
#include "snapshot/array_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot {

namespace {

constexpr std::uint64_t table_block_hashes = format::block_bytes / sizeof(std::uint64_t);

std::uint64_t padded(std::uint64_t bytes) noexcept {
  return (bytes + 7) / 8 * 8;
}

std::uint64_t blocks_of(std::uint64_t bytes) noexcept {
  return (bytes + format::block_bytes - 1) / format::block_bytes;
}

/// A file that the manifest lists must be there: its absence is damage, not a wrong path.
Fd open_array(int snapshot_directory, const std::string& file_name) {
  try {
    return open_at(snapshot_directory, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
    throw FormatError(file_name, "", rule::manifest_directory, "is missing");
  }
}

void check_header(const format::FileHeader& header, const Manifest& manifest, std::uint32_t shard,
                  const ArrayFile& file) {
  auto broken = [&](const char* rule, const char* detail) {
    return FormatError(file.file_name, "header", rule, detail);
  };
  if (std::memcmp(header.magic, format::magic, sizeof header.magic) != 0)
    throw broken(rule::file_header, "not an array file of a pwalk snapshot");
  if (header.version != format::version) throw broken(rule::file_header, "unknown version");
  if (header.array != file.array) throw broken(rule::file_header, "holds another array");
  if (header.record_bytes != array_record_bytes(file.array))
    throw broken(rule::file_header, "wrong record size");
  if (header.shard != shard) throw broken(rule::file_header, "belongs to another shard");
  if (std::memcmp(header.uuid, manifest.uuid.data(), sizeof header.uuid) != 0)
    throw broken(rule::file_uuid, "belongs to another snapshot");
  if ((header.incompatible & ~format::known_incompatible) != 0)
    throw broken(rule::file_features, "uses a feature that this program does not know");
  if (header.records != file.records) throw broken(rule::file_counts, "count is not the manifest's");
  for (std::uint64_t word : header.reserved)
    if (word != 0) throw broken(rule::file_header, "reserved field is not zero");
}

}  // namespace

void ArrayReader::Free::operator()(void* memory) const noexcept {
  std::free(memory);
}

ArrayReader::ArrayReader(int snapshot_directory, const Manifest& manifest, std::uint32_t shard,
                         const ArrayFile& file)
    : file_name_(file.file_name), records_(file.records) {
  Fd opened = open_array(snapshot_directory, file.file_name);
  struct stat status;
  if (::fstat(opened.get(), &status) != 0) throw_errno("cannot stat '" + file.file_name + "'");
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != file.file_bytes)
    throw FormatError(file_name_, "", rule::file_length, "is not as long as the manifest says");

  area_bytes_ = records_ * array_record_bytes(file.array);
  blocks_ = blocks_of(area_bytes_);
  table_ = format::records_offset + padded(area_bytes_);
  table_blocks_ = blocks_of(blocks_ * 8);
  // What the manifest's hash covers: the header and the hashes of the hash table's own blocks.
  std::vector<unsigned char> proof(sizeof(format::FileHeader) + table_blocks_ * 8);
  if (!read_exactly(opened.get(), proof.data(), sizeof(format::FileHeader), 0, file_name_) ||
      !read_exactly(opened.get(), proof.data() + sizeof(format::FileHeader), table_blocks_ * 8,
                    file.file_bytes - table_blocks_ * 8, file_name_))
    throw FormatError(file_name_, "", rule::file_length, "became shorter while it was opened");
  format::FileHeader header;
  std::memcpy(&header, proof.data(), sizeof header);
  check_header(header, manifest, shard, file);
  if (hash64(proof.data(), proof.size()) != file.hash)
    throw FormatError(file_name_, "header", rule::file_hash, "hash is not the manifest's");

  file_ = std::make_unique<MappedFile>(opened.get(), file.file_bytes);
  std::size_t words = (blocks_ + table_blocks_ + 63) / 64;
  void* memory = std::calloc(words, sizeof(std::atomic<std::uint64_t>));
  if (memory == nullptr) throw std::bad_alloc();
  verified_.reset(static_cast<std::atomic<std::uint64_t>*>(memory));
}

void ArrayReader::not_readable(const std::string& place) const {
  throw FormatError(file_name_, place, rule::file_readable, "the storage cannot be read");
}

/// Rule F7 for bytes of the file whose hash is at `hash_at`. What is known to be lost is not asked for again.
void ArrayReader::verify_bytes(std::uint64_t begin, std::uint64_t length, std::uint64_t hash_at,
                               const std::string& place) const {
  auto require_readable = [&] {
    if (file_->lost(begin, length) || file_->lost(hash_at, sizeof(std::uint64_t))) not_readable(place);
  };
  require_readable();
  std::uint64_t expected;
  std::memcpy(&expected, file_->bytes() + hash_at, sizeof expected);
  bool right = hash64(file_->bytes() + begin, length) == expected;
  require_readable();
  if (!right) throw FormatError(file_name_, place, rule::block_hash, "does not have its hash");
}

void ArrayReader::verify_table_block(std::uint64_t table_block) const {
  std::uint64_t begin = table_block * format::block_bytes;
  verify_bytes(table_ + begin, std::min(format::block_bytes, blocks_ * 8 - begin),
               table_ + (blocks_ + table_block) * 8, "hash table block " + std::to_string(table_block));
}

void ArrayReader::verify_block(std::uint64_t block) const {
  std::uint64_t begin = block * format::block_bytes;
  verify_bytes(format::records_offset + begin, std::min(format::block_bytes, area_bytes_ - begin),
               table_ + block * 8, "block " + std::to_string(block));
}

void ArrayReader::require_block(std::uint64_t block) const {
  std::uint64_t table_block = block / table_block_hashes;
  if (!is_verified(blocks_ + table_block)) {
    verify_table_block(table_block);
    remember(blocks_ + table_block);
  }
  verify_block(block);
  remember(block);
}

void ArrayReader::require_zero(std::uint64_t begin, std::uint64_t end) const {
  const unsigned char* bytes = file_->bytes();
  const unsigned char* used =
      std::find_if(bytes + begin, bytes + end, [](unsigned char b) { return b != 0; });
  std::string place = "byte " + std::to_string(used - bytes);
  if (file_->lost(begin, end - begin)) not_readable("byte " + std::to_string(begin));
  if (used != bytes + end) throw FormatError(file_name_, place, rule::file_padding, "is not zero");
}

void ArrayReader::verify_all(const std::function<bool(const FormatError&)>& broken) const {
  bool going = true;
  auto could_be_read = [&](auto verify) {
    try {
      verify();
    } catch (const FormatError& error) {
      going = broken(error);
      return error.rule() != rule::file_readable;
    }
    return true;
  };
  could_be_read([&] { require_zero(sizeof(format::FileHeader), format::records_offset); });
  if (going) could_be_read([&] { require_zero(format::records_offset + area_bytes_, table_); });
  for (std::uint64_t table_block = 0; table_block < table_blocks_ && going; ++table_block) {
    if (!could_be_read([&] { verify_table_block(table_block); })) continue;  // nothing is known of its blocks
    std::uint64_t end = std::min(blocks_, (table_block + 1) * table_block_hashes);
    for (std::uint64_t block = table_block * table_block_hashes; block < end && going; ++block) {
      could_be_read([&] { verify_block(block); });
      if (file_->all_lost_from(format::records_offset + block * format::block_bytes)) return;
    }
  }
}

}  // namespace pwalk::snapshot
