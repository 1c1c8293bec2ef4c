// A mapped file that loses its pages gives zeros and says so; a fault elsewhere still ends the process.
// SPDX-License-Identifier: MIT

#include "base/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

TEST(MappedFile, ShowsTheBytes) {
  test::TemporaryDirectory directory;
  directory.write_file("file", "contents");
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDONLY);
  MappedFile mapped(file.get(), 8);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(mapped.bytes()), 8), "contents");
  EXPECT_FALSE(mapped.lost());
}

TEST(MappedFile, NothingIsMappedOfAnEmptyFile) {
  MappedFile mapped(-1, 0);
  EXPECT_EQ(mapped.bytes(), nullptr);
}

TEST(MappedFile, TruncationIsNoticedAndSurvived) {
  test::TemporaryDirectory directory;
  directory.write_file("file", std::string(3 * 4096, 'x'));
  directory.write_file("other", std::string(4096, 'y'));
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDWR);
  Fd other = open_at(AT_FDCWD, directory.path("other"), O_RDONLY);
  MappedFile mapped(file.get(), 3 * 4096);
  MappedFile untouched(other.get(), 4096);
  ASSERT_EQ(::ftruncate(file.get(), 4096), 0);
  const volatile unsigned char* bytes = mapped.bytes();
  EXPECT_EQ(bytes[0], 'x');
  EXPECT_FALSE(mapped.lost());
  EXPECT_EQ(bytes[2 * 4096], 0);
  EXPECT_TRUE(mapped.lost());
  EXPECT_FALSE(untouched.lost());
}

TEST(MappedFileDeath, AnotherFaultEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  test::TemporaryDirectory directory;
  directory.write_file("file", std::string(4096, 'x'));
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDWR);
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);             // a sanitizer would answer with a report
        MappedFile guarded(file.get(), 4096);  // installs the handler
        void* other = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.get(), 0);
        if (::ftruncate(file.get(), 0) != 0) ::_exit(1);
        ::_exit(*static_cast<const volatile unsigned char*>(other));
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace pwalk
