// A storage that fails under an array file: what lay on the pages that it does not give is refused, the rest
// is read and checked as before, and the full check finds all that it can and asks for nothing twice.
// SPDX-License-Identifier: MIT
#include "snapshot/array_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

constexpr std::uint64_t records_of_block = format::block_bytes / sizeof(format::Entry);
constexpr std::uint64_t records_of_page = 4096 / sizeof(format::Entry);

class FailingArray : public testing::Test {
 protected:
  FailingArray() {
    std::vector<test::SampleNode> files;
    for (std::uint64_t i = 0; i < 20 * records_of_block; ++i)
      files.push_back(test::sample_file("f" + std::to_string(i), 10 + i, i));
    manifest_ = test::write_sample(path(), test::sample_directory("", 2, 0755, std::move(files)), 1);
    whole_ = test::read_bytes(file());
    opened_ = open_at(AT_FDCWD, path(), O_RDONLY | O_DIRECTORY);
    directory_.write_file("nothing", "");
    nothing_ = open_at(AT_FDCWD, directory_.path("nothing"), O_RDONLY);
  }
  std::string path() const { return directory_.path("snapshot"); }
  std::string file() const { return path() + "/00000000.entries"; }
  std::unique_ptr<ArrayReader> open() const {
    return std::make_unique<ArrayReader>(opened_.get(), manifest_, 0, manifest_.shards[0].files[0]);
  }
  /// Like a bad place on a disk: the pages with these records, whole pages of them, cannot be read.
  void fail_at(const ArrayReader& reader, std::uint64_t index, std::uint64_t records) const {
    const unsigned char* at = reader.verified(0, 0) + index * sizeof(format::Entry);
    ASSERT_NE(::mmap(const_cast<unsigned char*>(at), records * sizeof(format::Entry), PROT_READ,
                     MAP_SHARED | MAP_FIXED, nothing_.get(), 0),
              MAP_FAILED);
  }
  /// The rule that a record is refused with; what it is given for is right.
  std::string rule_of(const ArrayReader& reader, std::uint64_t index) const {
    try {
      auto record = reader.record<format::Entry>(index);
      const char* right = whole_.data() + format::records_offset + index * sizeof record;
      EXPECT_EQ(std::memcmp(&record, right, sizeof record), 0) << index;
    } catch (const FormatError& error) {
      EXPECT_EQ(error.file(), "00000000.entries");
      return error.rule();
    }
    return "";
  }
  static std::vector<std::string> problems_of(const ArrayReader& reader) {
    std::vector<std::string> problems;
    reader.verify_all([&](const FormatError& error) {
      problems.push_back(error.place() + " " + error.rule());
      return true;
    });
    return problems;
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
  Manifest manifest_;
  std::string whole_;
  Fd opened_;
  Fd nothing_;  // an empty file: it has no page
};

using Problems = std::vector<std::string>;

TEST_F(FailingArray, OnlyThePageOfCheckedRecordsIsLost) {
  auto reader = open();
  for (std::uint64_t index = 0; index < reader->records(); ++index) ASSERT_EQ(rule_of(*reader, index), "");
  std::uint64_t bad = 5 * records_of_block + records_of_page;
  fail_at(*reader, bad, records_of_page);
  EXPECT_EQ(rule_of(*reader, bad + 9), "F9");
  for (std::uint64_t index = 0; index < reader->records(); ++index)
    ASSERT_EQ(rule_of(*reader, index), index >= bad && index < bad + records_of_page ? "F9" : "") << index;
}

TEST_F(FailingArray, OnlyTheBlockOfUncheckedRecordsIsLost) {
  auto reader = open();
  fail_at(*reader, 5 * records_of_block + records_of_page, records_of_page);
  EXPECT_EQ(rule_of(*reader, 5 * records_of_block), "F9");
  for (std::uint64_t index = 0; index < reader->records(); ++index)
    ASSERT_EQ(rule_of(*reader, index), index / records_of_block == 5 ? "F9" : "") << index;
}

TEST_F(FailingArray, TheFullCheckGoesOnAndFindsDamageElsewhere) {
  for (std::uint64_t block : {3, 12}) {
    std::size_t at = format::records_offset + block * format::block_bytes + 77;
    whole_[at] = static_cast<char>(whole_[at] ^ 1);
  }
  test::write_bytes(file(), whole_);
  auto reader = open();
  for (std::uint64_t block : {5, 6, 9}) fail_at(*reader, block * records_of_block, records_of_page);
  const Problems expected{"block 3 F7", "block 5 F9", "block 6 F9", "block 9 F9", "block 12 F7"};
  EXPECT_EQ(problems_of(*reader), expected);
  EXPECT_EQ(problems_of(*reader), expected);
}

TEST_F(FailingArray, WhereTheRestIsLostTheFullCheckEnds) {
  auto reader = open();
  EXPECT_EQ(rule_of(*reader, 2 * records_of_block - 1), "");
  fail_at(*reader, 2 * records_of_block, 10 * records_of_block);
  // The first page of block 6 is one too many.
  EXPECT_EQ(problems_of(*reader),
            (Problems{"block 2 F9", "block 3 F9", "block 4 F9", "block 5 F9", "block 6 F9"}));
  EXPECT_EQ(rule_of(*reader, 2 * records_of_block - 1), "");
  EXPECT_EQ(rule_of(*reader, 15 * records_of_block), "F9");
  EXPECT_EQ(problems_of(*reader), Problems{"hash table block 0 F9"}) << "it is behind the records";
}

TEST_F(FailingArray, WithoutItsHashesABlockIsNotAskedFor) {
  auto reader = open();
  std::filesystem::resize_file(file(), 3 * format::block_bytes);
  EXPECT_EQ(problems_of(*reader), Problems{"hash table block 0 F9"});
  EXPECT_EQ(problems_of(*reader), Problems{"hash table block 0 F9"});
}

}  // namespace
}  // namespace pwalk::snapshot
