// Growing files: bytes written through windows are the file's bytes, pointers stay where they were, and the
// ways to get room give the same file.
// SPDX-License-Identifier: MIT

#include "base/growing_file.h"

#include "support/calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <system_error>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

constexpr std::uint64_t start = 4096;
constexpr std::uint64_t first_window = 4096;

class GrowingFileTest : public ::testing::TestWithParam<GrowingFile::Room> {
 protected:
  GrowingFileTest() : descriptor_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {}
  test::TemporaryDirectory directory_;
  Fd descriptor_;
};

unsigned char expected_byte(std::uint64_t offset) {
  return static_cast<unsigned char>(offset * 31 + offset / 251);
}

void fill(GrowingFile& file, std::uint64_t from, std::uint64_t to) {
  file.grow(to);
  for (std::uint64_t at = from; at < to; ++at) *file.at(at) = expected_byte(at);
}

TEST_P(GrowingFileTest, HoldsWhatWasWrittenAndExactlyThat) {
  GrowingFile file(descriptor_.get(), "file", start, first_window, GetParam());
  EXPECT_FALSE(file.exists());
  // Past the last doubling (1,024 windows of the first size), so that all three kinds of window are used.
  constexpr std::uint64_t length = first_window * 4096 + 1234;
  unsigned char* early = nullptr;
  for (std::uint64_t at = 0; at < length; at += 100000) {
    fill(file, at, std::min(at + 100000, length));
    if (early == nullptr) early = file.at(5000);
  }
  EXPECT_EQ(file.at(5000), early) << "windows never move";
  file.complete("head", length, "tail");
  std::string contents = read_file(descriptor_.get(), "file", 1 << 30);
  ASSERT_EQ(contents.size(), start + length + 4);
  EXPECT_EQ(contents.substr(0, 4), "head");
  EXPECT_EQ(contents.substr(4, start - 4), std::string(start - 4, '\0'));
  for (std::uint64_t at = 0; at < length; ++at)
    ASSERT_EQ(static_cast<unsigned char>(contents[start + at]), expected_byte(at)) << at;
  EXPECT_EQ(contents.substr(start + length), "tail");
}

TEST_P(GrowingFileTest, WindowsDoNotSplitRecordsThatDivideTheFirst) {
  GrowingFile file(descriptor_.get(), "file", start, 12288, GetParam());
  file.grow(192 * 100000);
  for (std::uint64_t record = 0; record < 100000; ++record)
    ASSERT_GE(file.window_end(record * 192), (record + 1) * 192);
}

TEST_P(GrowingFileTest, AnExistingFileIsNotTouched) {
  directory_.write_file("taken", "mine");
  GrowingFile file(descriptor_.get(), "taken", start, first_window, GetParam());
  EXPECT_THROW(file.grow(1), std::system_error);
  EXPECT_EQ(read_file(descriptor_.get(), "taken", 100), "mine");
}

TEST_P(GrowingFileTest, AFullFileIsAnErrorNotAFault) {
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = before;
  limit.rlim_cur = 100000;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  try {
    GrowingFile file(descriptor_.get(), "file", start, first_window, GetParam());
    fill(file, 0, 1 << 20);
    file.complete("", 1 << 20, "");
    ADD_FAILURE() << "the limit was not noticed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EFBIG);
    EXPECT_NE(std::string(error.what()).find("file"), std::string::npos);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
}

// A store into a page that has no room on the disk is a signal; a mapped window has all of its room from the
// start.
TEST(GrowingFileRoom, IsTakenBeforeItIsWritten) {
  test::TemporaryDirectory directory;
  const Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  const Fd other = open_at(descriptor.get(), "other", O_RDWR | O_CREAT, 0600);
  if (::fallocate(other.get(), 0, 0, 1) != 0) GTEST_SKIP() << "no fallocate here";
  constexpr std::uint64_t window = 1 << 20;
  GrowingFile file(descriptor.get(), "file", start, window, GrowingFile::Room::allocated);
  file.grow(1);
  struct stat status;
  ASSERT_EQ(::fstatat(descriptor.get(), "file", &status, 0), 0);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, start + window);
}

// A fault has no errno; a write to the same place does: a quota is told as one.
TEST(GrowingFileRoom, WhatIsLostHasTheErrnoOfAWrite) {
  test::TemporaryDirectory directory;
  const Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  const Fd other = open_at(descriptor.get(), "other", O_RDWR | O_CREAT, 0600);
  if (::fallocate(other.get(), 0, 0, 1) != 0) GTEST_SKIP() << "no fallocate here";
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (int error : {EIO, EFBIG}) {
    const std::string name = std::to_string(error);
    GrowingFile file(descriptor.get(), name, start, 1 << 20, GrowingFile::Room::allocated);
    file.grow(1);
    ASSERT_EQ(::truncate(directory.path(name).c_str(), start), 0);
    *file.at(500'000) = 1;
    EXPECT_THROW(file.require_whole(), std::system_error);
    struct rlimit limit = before;
    if (error == EFBIG) limit.rlim_cur = 100'000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    try {
      file.complete("", 1, "");
      ADD_FAILURE() << "a lost page was not noticed";
    } catch (const std::system_error& refused) {
      EXPECT_EQ(refused.code().value(), error);
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
  }
  std::signal(SIGXFSZ, handler);
}

// btrfs refuses a page under a quota that is exceeded for a moment.
TEST(GrowingFileRoom, APageThatIsRefusedForAMomentIsNotLost) {
  test::TemporaryDirectory directory;
  const Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  const Fd other = open_at(descriptor.get(), "other", O_RDWR | O_CREAT, 0600);
  if (::fallocate(other.get(), 0, 0, 1) != 0) GTEST_SKIP() << "no fallocate here";
  GrowingFile file(descriptor.get(), "file", start, 1 << 20, GrowingFile::Room::allocated);
  file.grow(1);
  ASSERT_EQ(::truncate(directory.path("file").c_str(), start), 0);
  const Fd again = open_at(descriptor.get(), "file", O_RDWR);
  int pauses = 0;
  int restored = -1;
  // Called by a signal handler: nothing is allocated in it.
  test::instead::poll = [&](struct pollfd* of, nfds_t count, int milliseconds) {
    if (++pauses == 3) restored = ::ftruncate(again.get(), start + (1 << 20));
    return test::real::poll(of, count, milliseconds);
  };
  *file.at(500'000) = 1;
  test::instead::poll = nullptr;
  EXPECT_EQ(pauses, 3);
  EXPECT_EQ(restored, 0);
  file.require_whole();
  file.complete("", 500'001, "");
  std::string contents = read_file(descriptor.get(), "file", 1 << 30);
  ASSERT_EQ(contents.size(), start + 500'001);
  EXPECT_EQ(contents.back(), 1);
}

// Pages that are refused as the file grows, here since it was cut: a write of them is tried at once. Where it
// succeeds nothing is lost, where it fails growing does.
void write_refused_pages(const std::string& parent) {
  test::TemporaryDirectory directory(parent);
  const Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  const Fd other = open_at(descriptor.get(), "other", O_RDWR | O_CREAT, 0600);
  if (::fallocate(other.get(), 0, 0, 1) != 0) GTEST_SKIP() << "no fallocate here";
  constexpr std::uint64_t length = 500'000;
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (bool writes_fail : {false, true}) {
    GrowingFile file(descriptor.get(), writes_fail ? "refused" : "written", start, 1 << 20,
                     GrowingFile::Room::allocated);
    file.grow(1);
    std::uint64_t asked_for = 131072 - start;  // together with the first byte
    fill(file, 0, asked_for);
    ASSERT_EQ(::truncate(directory.path(file.name()).c_str(), static_cast<off_t>(start + asked_for)), 0);
    struct rlimit limit = before;
    if (writes_fail) limit.rlim_cur = 100'000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    try {
      fill(file, asked_for, length);
      EXPECT_FALSE(writes_fail) << "a refused page was not noticed as the file grew";
      file.complete("", length, "");
      std::string contents = read_file(descriptor.get(), file.name(), 1 << 30);
      ASSERT_EQ(contents.size(), start + length);
      for (std::uint64_t at = 0; at < length; ++at)
        ASSERT_EQ(static_cast<unsigned char>(contents[start + at]), expected_byte(at)) << at;
    } catch (const std::system_error& refused) {
      EXPECT_TRUE(writes_fail) << refused.what();
      EXPECT_EQ(refused.code().value(), EFBIG);
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
  }
  std::signal(SIGXFSZ, handler);
}

TEST(GrowingFileRoom, APageThatIsRefusedIsWritten) {
  write_refused_pages(std::filesystem::temp_directory_path().string());
}
// Where nothing is written before pages are asked for, whatever the other place is.
TEST(GrowingFileRoom, APageThatIsRefusedInMemoryIsWritten) {
  write_refused_pages(test::memory_directory());
}

/// Anonymous memory of this process, in bytes.
std::uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  return 0;
}

// What is not in memory is the storage's, however much it is, and has its room when anybody is told of it.
TEST(GrowingFileRoom, WhatIsWrittenFirstIsNotHeldInMemory) {
  test::TemporaryDirectory directory;
  const Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  constexpr std::uint64_t length = 64 << 20;
  [[maybe_unused]] constexpr std::uint64_t much = 32 << 20;
  for (auto room : {GrowingFile::Room::written, GrowingFile::Room::memory}) {
    bool in_memory = room == GrowingFile::Room::memory;
    GrowingFile file(descriptor.get(), in_memory ? "memory" : "written", start, 65536, room);
    std::uint64_t before = anonymous_memory();
    ASSERT_GT(before, 0u);
    fill(file, 0, length);
#ifndef PWALK_INSTRUMENTED  // a sanitizer has memory of its own for each byte that is written
    EXPECT_EQ(anonymous_memory() > before + much, in_memory);
#endif
    struct stat status;
    ASSERT_EQ(::fstatat(descriptor.get(), file.name().c_str(), &status, 0), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_blocks) * 512 >= length, !in_memory);
  }
}

INSTANTIATE_TEST_SUITE_P(Rooms, GrowingFileTest,
                         ::testing::Values(GrowingFile::Room::allocated, GrowingFile::Room::written,
                                           GrowingFile::Room::memory));

}  // namespace
}  // namespace pwalk
