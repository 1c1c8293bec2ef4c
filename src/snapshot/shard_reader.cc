// SPDX-License-Identifier: MIT
#include "snapshot/shard_reader.h"

#include <cstring>

#include "base/error.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot {

ShardReader::ShardReader(int snapshot_directory, const Manifest& manifest, std::uint32_t shard)
    : number_(shard), first_entry_(manifest.shards[shard].first_entry) {
  for (const ArrayFile& file : manifest.shards[shard].files)
    if (file.array != 0)
      arrays_[file.array] = std::make_unique<ArrayReader>(snapshot_directory, manifest, shard, file);
}

std::string_view ShardReader::string_at(std::uint64_t offset) const {
  const ArrayReader* names = arrays_[format::array_names].get();
  std::uint64_t end = names != nullptr ? names->record_area_bytes() : 0;
  const unsigned char* begin = nullptr;
  for (std::uint64_t at = offset; at < end;) {
    std::uint64_t length = std::min(end - at, format::block_bytes - at % format::block_bytes);
    const unsigned char* bytes = names->verified(at, length);
    if (begin == nullptr) begin = bytes;
    if (const void* nul = std::memchr(bytes, 0, length)) {
      names->check_readable(offset, static_cast<const unsigned char*>(nul) - begin + 1);
      const char* text = reinterpret_cast<const char*>(begin);
      return {text, static_cast<std::size_t>(static_cast<const char*>(nul) - text)};
    }
    at += length;
  }
  throw FormatError(file_name(format::array_names), "byte " + std::to_string(offset), rule::name_terminated,
                    "a name does not end within the names");
}

void ShardReader::out_of_range(std::uint32_t array, std::uint64_t index, const char* rule) const {
  throw FormatError(file_name(array), "record " + std::to_string(index), rule, "there is no such record");
}

}  // namespace pwalk::snapshot
