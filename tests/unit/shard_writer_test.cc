// Attributes are kept once for each combination, up to the bound of what is remembered, and never confused.
// SPDX-License-Identifier: MIT

#include "snapshot/shard_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

format::Attributes combination(std::uint32_t number) {
  format::Attributes attributes = {};
  attributes.mode = 0100644;
  attributes.uid = number;
  return attributes;
}

TEST(ShardWriter, KeepsEachCombinationOnce) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  ShardWriter shard(descriptor.get(), 0);
  std::vector<std::uint32_t> indices;
  constexpr std::uint32_t combinations = 20000;
  for (std::uint32_t i = 0; i < combinations; ++i) indices.push_back(shard.intern(combination(i)));
  for (std::uint32_t i = 0; i < combinations; ++i) EXPECT_EQ(shard.intern(combination(i)), indices[i]);
  EXPECT_EQ(shard.records(format::array_attributes), combinations);
}

TEST(ShardWriter, IsRightBeyondWhatItRemembers) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  ShardWriter shard(descriptor.get(), 0);
  constexpr std::uint32_t combinations = 400000;  // of which 2^18 are remembered
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t i = 0; i < combinations; ++i) {
      std::uint32_t index = shard.intern(combination(i));
      ASSERT_EQ(shard.array(format::array_attributes).at<format::Attributes>(index).uid, i);
    }
  EXPECT_LE(shard.records(format::array_attributes), 2u * combinations);
}

TEST(ShardWriter, AnArrayWithoutRecordsHasNoFile) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  ShardWriter shard(descriptor.get(), 7);
  shard.intern(combination(1));
  Shard finished;
  shard.finish_others(Manifest{}, finished);
  shard.finish_directories(Manifest{}, finished);
  ASSERT_EQ(finished.files.size(), 1u);
  EXPECT_EQ(finished.files[0].file_name, "00000007.attributes");
  EXPECT_EQ(finished.files[0].file_bytes, array_file_bytes(32));
  EXPECT_EQ(read_file(descriptor.get(), "00000007.attributes", 10000).size(), finished.files[0].file_bytes);
}

TEST(ShardWriter, FilesAreInTheOrderOfTheirArraysAndDirectoriesKeepNothingReserved) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  ShardWriter shard(descriptor.get(), 0);
  format::Directory record = {};
  record.reserved[0] = record.reserved[1] = 7;
  shard.array(format::array_directories).append(record);
  shard.array(format::array_errors).append(format::Error{});
  shard.array(format::array_names).append_text("name");
  shard.intern(combination(1));
  Shard finished;
  shard.finish_others(Manifest{}, finished);
  shard.finish_directories(Manifest{}, finished);
  std::vector<std::uint32_t> arrays;
  for (const ArrayFile& file : finished.files) arrays.push_back(file.array);
  EXPECT_EQ(arrays.size(), 4u);
  EXPECT_TRUE(std::is_sorted(arrays.begin(), arrays.end()));
  std::string written = read_file(descriptor.get(), array_file_name(0, format::array_directories), 10000)
                            .substr(format::records_offset, sizeof record);
  EXPECT_EQ(written, std::string(sizeof record, '\0'));
}

}  // namespace
}  // namespace pwalk::snapshot
