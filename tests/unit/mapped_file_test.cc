// A mapped file that loses pages gives zeros for these and says so, whoever reads them and however many they
// are; a fault elsewhere still ends the process.
// SPDX-License-Identifier: MIT

#include "base/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/leave.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

TEST(MappedFile, ShowsTheBytes) {
  test::TemporaryDirectory directory;
  directory.write_file("file", "contents");
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDONLY);
  MappedFile mapped(file.get(), 8);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(mapped.bytes()), 8), "contents");
  EXPECT_FALSE(mapped.lost(0, 8));
}

TEST(MappedFile, NothingIsMappedOfAnEmptyFile) {
  MappedFile mapped(-1, 0);
  EXPECT_EQ(mapped.bytes(), nullptr);
  EXPECT_FALSE(mapped.lost(0, 0));
  EXPECT_FALSE(mapped.all_lost_from(0));
}

/// A file of whole pages, each full of a letter of its own; it can be cut, and be whole again.
class Pages {
 public:
  explicit Pages(std::size_t pages) : pages_(pages), directory_(test::memory_directory()) {
    directory_.write_file("file", "");
    file_ = open_at(AT_FDCWD, directory_.path("file"), O_RDWR);
    restore();
  }
  static std::size_t bytes_of_page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
  static unsigned char letter(std::size_t page) { return static_cast<unsigned char>('a' + page % 26); }
  std::size_t length() const { return pages_ * bytes_of_page(); }
  std::string path() const { return directory_.path("file"); }
  int descriptor() const { return file_.get(); }
  void cut(std::size_t pages) {
    ASSERT_EQ(::ftruncate(file_.get(), static_cast<off_t>(pages * bytes_of_page())), 0);
  }
  void restore() {
    for (std::size_t page = 0; page < pages_; ++page) {
      std::string bytes(bytes_of_page(), static_cast<char>(letter(page)));
      write_exactly(file_.get(), bytes.data(), bytes.size(), page * bytes_of_page(), "file");
    }
  }

 private:
  std::size_t pages_;
  test::TemporaryDirectory directory_;
  Fd file_;
};

/// First byte of a page.
unsigned char touch(const MappedFile& mapped, std::size_t page) {
  return static_cast<const volatile unsigned char*>(mapped.bytes())[page * Pages::bytes_of_page()];
}

bool lost(const MappedFile& mapped, std::size_t page) {
  return mapped.lost(page * Pages::bytes_of_page() + 7, 1);
}

/// How many mappings of this process lie in the file's.
std::size_t mappings_in(const MappedFile& mapped) {
  std::ifstream maps("/proc/self/maps");
  auto begin = reinterpret_cast<std::uintptr_t>(mapped.bytes());
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t address = std::stoull(line, nullptr, 16);
    count += address >= begin && address < begin + mapped.length() ? 1 : 0;
  }
  return count;
}

TEST(MappedFile, TruncationIsNoticedAndSurvived) {
  Pages pages(3);
  Pages other(1);
  MappedFile mapped(pages.descriptor(), pages.length());
  MappedFile untouched(other.descriptor(), other.length());
  pages.cut(1);
  EXPECT_EQ(touch(mapped, 0), 'a');
  EXPECT_FALSE(mapped.lost(0, pages.length()));
  EXPECT_EQ(touch(mapped, 2), 0);
  EXPECT_TRUE(mapped.lost(0, pages.length()));
  EXPECT_FALSE(mapped.all_lost_from(0));
  EXPECT_FALSE(untouched.lost(0, other.length()));
}

TEST(MappedFile, OnlyThePageIsLost) {
  Pages pages(6);
  MappedFile mapped(pages.descriptor(), pages.length());
  pages.cut(2);
  EXPECT_EQ(touch(mapped, 3), 0);
  pages.restore();
  for (std::size_t page = 0; page < 6; ++page) {
    EXPECT_EQ(touch(mapped, page), page == 3 ? 0 : Pages::letter(page)) << page;
    EXPECT_EQ(lost(mapped, page), page == 3) << page;
  }
  std::size_t bytes = Pages::bytes_of_page();
  EXPECT_FALSE(mapped.lost(0, 3 * bytes));
  EXPECT_TRUE(mapped.lost(0, 3 * bytes + 1));
  EXPECT_TRUE(mapped.lost(4 * bytes - 1, 1));
  EXPECT_FALSE(mapped.lost(4 * bytes, 2 * bytes));
  EXPECT_FALSE(mapped.lost(3 * bytes + 5, 0)) << "of nothing, nothing is lost";
}

TEST(MappedFile, AfterManyPagesTheRestIsLost) {
  constexpr std::size_t limit = FaultGuard::page_limit;
  Pages pages(4000);
  MappedFile mapped(pages.descriptor(), pages.length());
  pages.cut(10);
  // Each lies alone, and so takes two mappings more.
  for (std::size_t i = 0; i < limit; ++i) EXPECT_EQ(touch(mapped, 100 + 2 * i), 0);
  EXPECT_FALSE(lost(mapped, 101));
  EXPECT_FALSE(lost(mapped, 3999));
  for (std::size_t page = 3999; page > 1000; page -= 2) EXPECT_EQ(touch(mapped, page), 0);
  EXPECT_LE(mappings_in(mapped), 2 * limit + 3);
  EXPECT_FALSE(mapped.all_lost_from(1000 * Pages::bytes_of_page()));
  EXPECT_EQ(touch(mapped, 50), 0);
  EXPECT_TRUE(mapped.all_lost_from(50 * Pages::bytes_of_page()));
  EXPECT_LE(mappings_in(mapped), 3u);
  pages.restore();
  for (std::size_t page = 0; page < 4000; ++page) {
    ASSERT_EQ(touch(mapped, page), page < 50 ? Pages::letter(page) : 0) << page;
    ASSERT_EQ(lost(mapped, page), page >= 50) << page;
  }
}

TEST(MappedFile, ReadersInManyThreadsSeeWhatIsLost) {
  for (unsigned round = 0; round < 20; ++round) {
    Pages pages(500);
    MappedFile mapped(pages.descriptor(), pages.length());
    std::atomic<unsigned> reading{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> lost_ones{0};
    {
      std::vector<std::jthread> readers;
      for (unsigned seed = 0; seed < 6; ++seed)
        readers.emplace_back([&, seed] {
          std::minstd_rand random(seed + 1);
          for (unsigned i = 0; i < 2000; ++i) {
            std::size_t page = random() % 500;
            unsigned char copy[64];
            std::memcpy(copy, mapped.bytes() + page * Pages::bytes_of_page(), sizeof copy);
            if (lost(mapped, page)) {
              ++lost_ones;
              wrong += page < 200 ? 1 : 0;
            } else {
              for (unsigned char byte : copy) wrong += byte != Pages::letter(page) ? 1 : 0;
            }
            if (i == 100) ++reading;
            while (i == 100 && reading < 7) std::this_thread::yield();
          }
        });
      while (reading < 6) std::this_thread::yield();
      pages.cut(200);
      ++reading;
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(lost_ones, 0u);
  }
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

TEST(MappedFileDeath, AnotherFaultIsForWhoeverWasAskedBefore) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  test::TemporaryDirectory directory;
  directory.write_file("file", std::string(4096, 'x'));
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDWR);
  EXPECT_EXIT(
      {
        struct sigaction action = {};
        action.sa_sigaction = [](int, siginfo_t*, void*) { leave(7); };
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGBUS, &action, nullptr);
        MappedFile guarded(file.get(), 4096);
        void* other = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.get(), 0);
        if (::ftruncate(file.get(), 0) != 0) leave(1);
        leave(*static_cast<const volatile unsigned char*>(other));
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(MappedFile, WhatCannotBeMappedIsTold) {
  test::TemporaryDirectory directory;
  directory.write_file("file", "contents");
  Fd only_for_writing = open_at(AT_FDCWD, directory.path("file"), O_WRONLY);
  try {
    MappedFile mapped(only_for_writing.get(), 8);
    ADD_FAILURE() << "mapped";
  } catch (const std::system_error& refused) {
    EXPECT_EQ(refused.code().value(), EACCES);
  }
}

#if !defined(PWALK_INSTRUMENTED) || defined(PWALK_COVERAGE)  // a sanitizer cannot go on without mappings

/// Makes mappings until the process may have no more. The first ones, for what is needed at the end.
std::vector<void*> fill_the_address_map() {
  std::size_t page = Pages::bytes_of_page();
  std::vector<void*> made;
  made.reserve(100);
  for (int i = 0;; ++i) {  // those of one protection would become one
    void* mapped =
        ::mmap(nullptr, page, i % 2 == 0 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return made;
    if (made.size() < 100) made.push_back(mapped);
  }
}

TEST(MappedFileDeath, ThereMayBeNoMappingMore) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  std::uint64_t limit = 0;
  if (!(std::ifstream("/proc/sys/vm/max_map_count") >> limit) || limit > 2'000'000)
    GTEST_SKIP() << "there may be more than a test can make";
  Pages pages(9);
  EXPECT_EXIT(
      {
        std::optional<MappedFile> files[3];
        for (auto& file : files) file.emplace(pages.descriptor(), pages.length());
        pages.cut(2);
        std::vector<void*> mappings = fill_the_address_map();
        bool right = true;
        for (auto& file : files)
          for (std::size_t page : {8, 5, 7}) right = right && touch(*file, page) == 0 && lost(*file, page);
        for (void* mapping : mappings) ::munmap(mapping, Pages::bytes_of_page());
        leave(right ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

#endif

}  // namespace
}  // namespace pwalk
