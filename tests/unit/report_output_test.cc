// Output reaches its descriptor whole and in order, and says so when it does not.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <system_error>

#include "../support/temporary_directory.h"
#include "base/fd.h"
#include "base/file.h"
#include "report/output.h"

namespace pwalk::report {
namespace {

TEST(Output, WritesLargePiecesWhenTheyAreFullAndTheRestOnFlush) {
  test::TemporaryDirectory directory;
  Fd file = open_at(AT_FDCWD, directory.path("out"), O_RDWR | O_CREAT, 0600);
  Output output(file.get());
  std::string expected;
  for (int i = 0; i < 100000; ++i) {
    std::string line = std::to_string(i) + "\n";
    expected += line;
    output.text() += line;
    output.end_line();
  }
  std::string before_flush = read_file(AT_FDCWD, directory.path("out"), 1 << 30);
  EXPECT_GT(before_flush.size(), expected.size() - 2 * 65536);
  EXPECT_LT(before_flush.size(), expected.size());
  output.flush();
  EXPECT_EQ(read_file(AT_FDCWD, directory.path("out"), 1 << 30), expected);
}

TEST(Output, GivesBackTheBufferOfAGiantLine) {
  test::TemporaryDirectory directory;
  Fd file = open_at(AT_FDCWD, directory.path("out"), O_RDWR | O_CREAT, 0600);
  Output output(file.get());
  output.text().assign(5 << 20, 'x');
  output.end_line();
  EXPECT_LT(output.text().capacity(), std::size_t{1} << 20);
  EXPECT_EQ(read_file(AT_FDCWD, directory.path("out"), 1 << 30), std::string(5 << 20, 'x'));
}

TEST(Output, TellsOfAFullDevice) {
  Fd full = open_at(AT_FDCWD, "/dev/full", O_WRONLY);
  Output output(full.get(), "'/dev/full'");
  output.text() += "x";
  try {
    output.flush();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_space_on_device);
    EXPECT_STREQ(error.what(), "cannot write to '/dev/full': No space left on device");
  }
}

}  // namespace
}  // namespace pwalk::report
