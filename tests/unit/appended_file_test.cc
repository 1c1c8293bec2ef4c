// Appended files: what was appended, in portions of any size, is the file; a full file is an error.
// SPDX-License-Identifier: MIT

#include "base/appended_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <system_error>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

constexpr std::uint64_t start = 4096;

class AppendedFileTest : public ::testing::Test {
 protected:
  AppendedFileTest() : descriptor_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {}
  test::TemporaryDirectory directory_;
  Fd descriptor_;
};

/// Appends all of `bytes`, writing out whenever the buffer is full.
void append_all(AppendedFile& file, std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(file.append(bytes.data(), bytes.size()));
    if (!file.full()) continue;
    EXPECT_EQ(file.buffered_bytes() % AppendedFile::unit_bytes, 0u);
    EXPECT_EQ(file.append("x", 1), 0u) << "a full buffer takes nothing";
    file.write_out();
    EXPECT_EQ(file.buffered_bytes(), 0u);
  }
}

std::string pattern(std::uint64_t length) {
  std::string bytes(length, '\0');
  for (std::uint64_t at = 0; at < length; ++at) bytes[at] = static_cast<char>(at * 31 + at / 251);
  return bytes;
}

TEST_F(AppendedFileTest, HoldsWhatWasAppendedAndExactlyThat) {
  constexpr std::uint64_t unit = AppendedFile::unit_bytes;
  for (std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, unit - start - 1, unit - start, unit - start + 1, unit - 1, unit,
        unit + 1, 2 * unit - 1, 2 * unit, 2 * unit + 1, std::uint64_t{20'000'003}}) {
    std::string name = "file" + std::to_string(length);
    std::string bytes = pattern(length);
    AppendedFile file(descriptor_.get(), name, start);
    for (std::uint64_t at = 0, part = 1; at < length; at += part, part = part * 3 % 200'001 + 1)
      append_all(file, std::string_view(bytes).substr(at, part));
    EXPECT_EQ(file.bytes(), length);
    file.complete("head", "tail");
    EXPECT_EQ(read_file(descriptor_.get(), name, 1 << 30),
              "head" + std::string(start - 4, '\0') + bytes + "tail");
  }
}

TEST_F(AppendedFileTest, TheBufferIsOneUnitHoweverLargeTheFile) {
  std::string bytes = pattern(3'000'001);
  AppendedFile file(descriptor_.get(), "file", start);
  EXPECT_FALSE(file.full());
  EXPECT_FALSE(file.append_text("there is no buffer yet"));
  append_all(file, std::string_view(bytes).substr(0, 2'000'000));
  std::string_view rest = std::string_view(bytes).substr(2'000'000);
  rest.remove_prefix(file.append(rest.data(), rest.size()));
  EXPECT_EQ(file.buffered_bytes(), AppendedFile::unit_bytes);
  EXPECT_TRUE(file.full());
  EXPECT_EQ(file.append("x", 1), 0u);
  EXPECT_FALSE(file.append_text(""));
  file.write_out();
  struct stat status;
  ASSERT_EQ(::fstatat(descriptor_.get(), "file", &status, 0), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size) % AppendedFile::unit_bytes, 0u)
      << "what is written at once ends where the next folio begins";
  append_all(file, rest);
  file.complete("head", "tail");
  EXPECT_EQ(read_file(descriptor_.get(), "file", 1 << 30),
            "head" + std::string(start - 4, '\0') + bytes + "tail");
}

TEST_F(AppendedFileTest, ATextIsTakenIfItDoesNotFillTheBuffer) {
  for (std::uint64_t room : {1u, 2u, 10u}) {
    std::string name = "file" + std::to_string(room);
    AppendedFile file(descriptor_.get(), name, start);
    std::string bytes = pattern(AppendedFile::unit_bytes - room);
    file.append(bytes.data(), bytes.size());
    EXPECT_FALSE(file.append_text(std::string(room - 1, 'x')));
    EXPECT_EQ(file.buffered_bytes(), bytes.size());
    bool fits = room > 1;
    std::string text(fits ? room - 2 : 0, 'y');
    EXPECT_EQ(file.append_text(text), fits);
    if (fits) bytes += text + '\0';
    file.complete("head", "tail");
    EXPECT_EQ(read_file(descriptor_.get(), name, 1 << 30),
              "head" + std::string(start - 4, '\0') + bytes + "tail");
  }
}

TEST_F(AppendedFileTest, AnExistingFileIsNotTouched) {
  directory_.write_file("taken", "mine");
  AppendedFile file(descriptor_.get(), "taken", start);
  std::string bytes = pattern(AppendedFile::unit_bytes);
  ASSERT_EQ(file.append(bytes.data(), bytes.size()), bytes.size());
  EXPECT_THROW(file.write_out(), std::system_error);
  EXPECT_EQ(read_file(descriptor_.get(), "taken", 100), "mine");
}

TEST_F(AppendedFileTest, AFullFileIsAnErrorThatNamesIt) {
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = before;
  limit.rlim_cur = 100000;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  try {
    AppendedFile file(descriptor_.get(), "file", start);
    append_all(file, pattern(1 << 20));
    ADD_FAILURE() << "the limit was not noticed";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EFBIG);
    EXPECT_NE(std::string(error.what()).find("file"), std::string::npos);
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace pwalk
