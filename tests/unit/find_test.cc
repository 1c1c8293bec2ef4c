// Looking for one name in a directory: what is there is found and nothing else, and a name that begins with a
// dot at the cost of what lies around it.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../support/sample_snapshot.h"
#include "../support/temporary_directory.h"
#include "base/error.h"
#include "snapshot/snapshot.h"

namespace pwalk::snapshot {
namespace {

/// Names before, at and behind a dot, as many of each as the way to them may depend on.
TEST(Find, EveryNameAndNoOther) {
  int number = 0;
  for (int before : {0, 1, 7})
    for (int hidden : {0, 1, 2, 3, 4, 7, 8, 9, 100})
      for (int behind : {0, 1, 1000}) {
        std::vector<test::SampleNode> files;
        auto add = [&](const std::string& start, int count) {
          for (int i = 0; i < count; ++i) {
            std::string digits = std::to_string(10'000 + 2 * i);
            files.push_back(test::sample_file(start + digits, 100 + files.size(), 1));
          }
        };
        add("!", before);
        add(".", hidden);
        add("a", behind);
        test::TemporaryDirectory directory;
        std::string path = directory.path("s" + std::to_string(number++));
        test::write_sample(path, test::sample_directory("", 2, 0755, files), 1);
        auto snapshot = Snapshot::open(path);
        Directory root = snapshot->root_directory();
        ASSERT_EQ(root.record.child_count, files.size());
        for (const test::SampleNode& file : files) {
          auto found = snapshot->find(root, file.name);
          ASSERT_TRUE(found) << file.name;
          ASSERT_EQ(found->name, file.name);
          std::string other = file.name;
          ++other.back();  // each number is even
          ASSERT_FALSE(snapshot->find(root, other)) << other;
        }
        for (const char* name : {"!", ".", "a", "!9", ".9", "a9", " ", "~", ".pwalk"})
          ASSERT_FALSE(snapshot->find(root, name)) << name;
      }
}

/// A block that is damaged tells which are looked at.
TEST(Find, NamesThatBeginWithADotWithoutTheMiddleOfALargeDirectory) {
  std::vector<test::SampleNode> files;
  for (int i = 0; i < 5000; ++i)
    files.push_back(test::sample_file("a" + std::to_string(10'000 + i), 100 + files.size(), 1));
  test::TemporaryDirectory directory;
  test::write_sample(directory.path("s"), test::sample_directory("", 2, 0755, files), 1);
  const std::string entries = directory.path("s/00000000.entries");
  std::fstream file(entries, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(entries) / 2));
  file.write("damage", 6);
  file.close();
  auto snapshot = Snapshot::open(directory.path("s"));
  EXPECT_FALSE(snapshot->find(snapshot->root_directory(), ".pwalk"));
  EXPECT_THROW(snapshot->find(snapshot->root_directory(), "a12345"), FormatError);
}

}  // namespace
}  // namespace pwalk::snapshot
