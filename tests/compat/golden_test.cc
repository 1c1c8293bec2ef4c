// A snapshot of every format version, committed, is read for ever and says what it said when it was made; and
// the writer still writes the current version to the byte, so that no change of the format goes unnoticed.
// SPDX-License-Identifier: MIT

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/list.h"
#include "snapshot/check.h"
#include "support/describe.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

std::string golden_path(unsigned version) {
  return std::string(PWALK_GOLDEN) + "/format-" + std::to_string(version);
}

class Golden : public ::testing::TestWithParam<unsigned> {};

TEST_P(Golden, IsWhole) {
  snapshot::CheckReport report = snapshot::check_snapshot(golden_path(GetParam()) + ".snapshot");
  for (const snapshot::Problem& problem : report.problems) ADD_FAILURE() << problem.text;
  EXPECT_TRUE(report.derived_checked);
}

TEST_P(Golden, SaysWhatItSaid) {
  std::vector<std::string> expected;
  std::ifstream text(golden_path(GetParam()) + ".txt");
  for (std::string line; std::getline(text, line);) expected.push_back(line);
  ASSERT_GT(expected.size(), 10u);
  EXPECT_EQ(test::describe(*snapshot::Snapshot::open(golden_path(GetParam()) + ".snapshot")), expected);
}

INSTANTIATE_TEST_SUITE_P(Versions, Golden, ::testing::Range(1u, format::version + 1));

TEST(GoldenNow, TheWriterWritesItToTheByte) {
  test::TemporaryDirectory directory;
  test::write_sample(directory.path("now"), test::sample_tree(), 2);
  Fd now = open_at(AT_FDCWD, directory.path("now"), O_RDONLY | O_DIRECTORY);
  Fd golden = open_at(AT_FDCWD, golden_path(format::version) + ".snapshot", O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(list_directory(now.get()), list_directory(golden.get()));
  for (const std::string& name : list_directory(golden.get()))
    EXPECT_TRUE(read_file(now.get(), name, 1 << 20) == read_file(golden.get(), name, 1 << 20)) << name;
}

TEST(GoldenNow, HoldsEveryArray) {
  auto snapshot = snapshot::Snapshot::open(golden_path(1) + ".snapshot");
  std::vector<std::uint64_t> records(format::array_kinds);
  for (const snapshot::Shard& shard : snapshot->manifest().shards)
    for (const snapshot::ArrayFile& file : shard.files) records[file.array] += file.records;
  for (std::uint32_t array = 1; array < format::array_kinds; ++array)
    EXPECT_GT(records[array], 0u) << snapshot::array_name(array);
}

}  // namespace
}  // namespace pwalk
