// Promise F6: opening a snapshot costs in proportion to its shards, whatever they hold. What is read is
// counted by the kernel: bytes of read(2) and its like, and pages of the mapped files that were touched. How
// long it takes is for tests/bench/parts (open_snapshot) to tell.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/in_use.h"
#include "snapshot/snapshot.h"
#include "support/everything.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

/// Bytes that this process has read by system calls; nothing where the kernel does not tell.
std::optional<std::uint64_t> bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string word;
  while (io >> word)
    if (word == "rchar:" && io >> word) return parse_unsigned(word);
  return std::nullopt;
}

/// KiB of the mappings of files below `path` that are resident here.
std::uint64_t mapped_kib(const std::string& path) {
  std::ifstream smaps("/proc/self/smaps");
  std::uint64_t sum = 0;
  bool ours = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find('-') < line.find(' ')) ours = line.find(path) != std::string::npos;
    if (!ours || line.rfind("Rss:", 0) != 0) continue;
    std::istringstream words(line.substr(4));
    std::uint64_t kib = 0;
    words >> kib;
    sum += kib;
  }
  return sum;
}

/// Directories with files, each directory written by the next of the workers.
test::SampleNode tree(int directories, int files) {
  std::vector<test::SampleNode> list;
  std::uint64_t inode = 10;
  for (int d = 0; d < directories; ++d) {
    std::vector<test::SampleNode> children;
    for (int f = 0; f < files; ++f)
      children.push_back(test::sample_file("file number " + std::to_string(f), inode++, 100));
    list.push_back(
        test::sample_directory("directory " + std::to_string(d), inode++, 0755, std::move(children)));
  }
  return test::sample_directory("", 2, 0755, std::move(list));
}

TEST(Opening, ReadsALittleOfEachShard) {
  if (!bytes_read()) GTEST_SKIP() << "the kernel does not count reads";
  for (unsigned workers : {1u, 2u, 8u, 32u})
    for (int files : {10, 1000}) {
      test::TemporaryDirectory directory(test::memory_directory());
      std::string path = directory.path("snapshot");
      test::write_sample(path, tree(40, files), workers);
      // The count includes its own reading, the same each time.
      std::uint64_t before = *bytes_read();
      std::uint64_t own = *bytes_read() - before;
      before = *bytes_read();
      auto snapshot = snapshot::Snapshot::open(path);
      std::uint64_t read = *bytes_read() - before - own;
      std::uint64_t touched = mapped_kib(path) * 1024;
      EXPECT_LE(read + touched, 64 * 1024 + workers * 12 * 1024)
          << workers << " shards, " << files << " files";
      EXPECT_GT(read, std::filesystem::file_size(path + "/manifest.json"));
      EXPECT_EQ(touched, 0u);
      std::printf("%2u shards of %6ju entries: %ju bytes read, of these manifest %ju\n", workers,
                  static_cast<std::uintmax_t>(snapshot->entry_count()), static_cast<std::uintmax_t>(read),
                  static_cast<std::uintmax_t>(std::filesystem::file_size(path + "/manifest.json")));
      test::everything_in(*snapshot);
      EXPECT_GT(mapped_kib(path), 0u) << "the mappings are not seen";
    }
}

/// The hash of a block is believed only once the block of the table that holds it has its own.
TEST(Opening, BelievesNoHashThatWasChangedWithItsBlock) {
  test::TemporaryDirectory directory(test::memory_directory());
  const std::string path = directory.path("snapshot");
  test::write_sample(path, tree(2, 3), 1);
  Fd opened = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  std::string bytes = read_file(opened.get(), "00000000.names", 1 << 20);
  // One block of names, one hash of it, and one of the block that holds the hash.
  const std::size_t table = bytes.size() - 16;
  const std::size_t end = bytes.find_last_not_of('\0', table - 1) + 1;
  std::uint64_t recorded = 0;
  std::memcpy(&recorded, bytes.data() + table, sizeof recorded);
  std::size_t length = end - format::records_offset;
  // Names end in a zero, and the block in padding that has no part in its hash.
  while (hash64(bytes.data() + format::records_offset, length) != recorded)
    ASSERT_LT(format::records_offset + ++length, table);
  bytes[bytes.find("directory 1")] = 'D';
  std::uint64_t made_right = hash64(bytes.data() + format::records_offset, length);
  std::memcpy(bytes.data() + table, &made_right, sizeof made_right);
  directory.write_file("snapshot/00000000.names", bytes);
  auto snapshot = snapshot::Snapshot::open(path);
  try {
    test::everything_in(*snapshot);
    ADD_FAILURE() << "a name that nobody wrote was believed";
  } catch (const FormatError& damage) {
    EXPECT_NE(std::string(damage.what()).find("hash table block 0"), std::string::npos) << damage.what();
  }
}

TEST(Opening, MarksItAsInUseForAsLongAsItIsAskedTo) {
  test::TemporaryDirectory directory;
  const std::string path = directory.path("snapshot");
  test::write_sample(path, tree(1, 1), 1);
  Fd opened = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  {
    auto snapshot = snapshot::Snapshot::open(AT_FDCWD, path, snapshot::Hold::while_open);
    EXPECT_EQ(snapshot::is_in_use(opened.get()), true);
  }
  EXPECT_EQ(snapshot::is_in_use(opened.get()), false);
  auto snapshot = snapshot::Snapshot::open(AT_FDCWD, path, snapshot::Hold::while_opening);
  EXPECT_EQ(snapshot::is_in_use(opened.get()), false);
}

}  // namespace
}  // namespace pwalk
