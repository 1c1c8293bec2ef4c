// Listings: every name once, in the order of memcmp, whatever the lengths and bytes of names that begin
// alike.
// SPDX-License-Identifier: MIT

#include "walk/listing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk::walk {
namespace {

TEST(Listing, SortsAsMemcmpDoes) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  std::mt19937 random(1);
  std::set<std::string> expected;  // std::string compares as memcmp does
  static constexpr char letters[] = "ab\x01\x7f\x80\xff";
  while (expected.size() < 3000) {
    // Lengths around the eight bytes that are compared at a time, many with several of them alike.
    std::size_t alike = random() % 4 * 8;
    std::string name(alike + 1 + random() % 12, 'a');
    for (std::size_t i = alike; i < name.size(); ++i)
      if (random() % 3 == 0) name[i] = letters[random() % (sizeof letters - 1)];
    if (expected.insert(name).second) {
      ASSERT_EQ(::mkdirat(descriptor.get(), name.c_str(), 0700), 0);
    }
  }
  Listing listing;
  Seat seat(false);
  for (int again = 0; again < 2; ++again) {
    Fd opened = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(listing.read(opened.get(), seat), 0);
    listing.sort();
    std::vector<std::string> found;
    std::uint64_t bytes = 0;
    for (const Listed64& listed : listing.names()) {
      found.emplace_back(listed.name());
      bytes += listed.length + 1;
      EXPECT_EQ(listed.dirent->d_type, DT_DIR);
    }
    EXPECT_EQ(found, std::vector<std::string>(expected.begin(), expected.end()));
    EXPECT_EQ(listing.names_bytes(), bytes);
  }
}

TEST(Listing, WhatALargeDirectoryNeededIsGivenBack) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  constexpr std::size_t count = 70'000;  // more than two megabytes of records, and of names
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = std::to_string(i) + std::string(40, 'x');
    ASSERT_EQ(::mknodat(descriptor.get(), name.c_str(), S_IFIFO | 0600, 0), 0);
  }
  Listing listing;
  Seat seat(false);
  ASSERT_EQ(listing.read(descriptor.get(), seat), 0);
  listing.sort();
  EXPECT_EQ(listing.names().size(), count);
  EXPECT_TRUE(std::is_sorted(listing.names().begin(), listing.names().end(),
                             [](const Listed64& a, const Listed64& b) { return a.name() < b.name(); }));
  listing.clear();
  EXPECT_EQ(listing.names().capacity(), 0u);
}

TEST(Listing, GivesBackMemoryAndReadsOn) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  constexpr std::size_t count = 3'000;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = std::to_string(i) + std::string(40, 'x');
    ASSERT_EQ(::mknodat(descriptor.get(), name.c_str(), S_IFIFO | 0600, 0), 0);
  }
  Listing listing;
  Seat seat(false);
  for (int times = 0; times < 2; ++times) {
    Fd opened = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(listing.read(opened.get(), seat), 0);
    EXPECT_EQ(listing.names().size(), count);
    EXPECT_EQ(listing.names_bytes(), 3'000 * 41 + 10 + 90 * 2 + 900 * 3 + 2'000 * 4);
    listing.give_back();
    EXPECT_EQ(listing.names().capacity(), 0u);
    EXPECT_EQ(listing.names_bytes(), 0u);
  }
}

TEST(Listing, TellsThatThereAreMoreOnlyWhereThereAreMany) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  auto add_names = [&, next = 0](int last) mutable {
    for (; next < last; ++next)
      ASSERT_EQ(::mknodat(descriptor.get(), std::to_string(next).c_str(), S_IFIFO | 0600, 0), 0);
  };
  auto sizes_told = [&] {
    Listing listing;
    Seat seat(false);
    std::vector<std::size_t> sizes;
    Fd opened = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
    EXPECT_EQ(listing.read(opened.get(), seat, [&] { sizes.push_back(listing.names().size()); }), 0);
    return sizes;
  };
  add_names(1000);
  EXPECT_TRUE(sizes_told().empty()) << "they are soon read";
  add_names(10'000);
  std::vector<std::size_t> sizes = sizes_told();
  ASSERT_FALSE(sizes.empty());
  EXPECT_GE(sizes.front(), 1024u);
  EXPECT_EQ(sizes.back(), 10'000u);
}

TEST(Listing, EndsInTheMiddleOfALargeDirectoryWhenTold) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i < count; ++i)
    ASSERT_EQ(::mknodat(descriptor.get(), std::to_string(i).c_str(), S_IFIFO | 0600, 0), 0);
  Listing listing;
  Seat seat(false);
  unsigned asked = 0;
  EXPECT_EQ(listing.read(descriptor.get(), seat, {}, [&] { return ++asked == 2; }), ECANCELED);
  EXPECT_EQ(asked, 2u);
  EXPECT_GT(listing.names().size(), 1000u);
  EXPECT_LT(listing.names().size(), count) << "what was listed until then is there";
}

TEST(Listing, TellsItselfAndWhatIsAbove) {
  test::TemporaryDirectory directory;
  directory.make_directory("below");
  struct stat above;
  struct stat below;
  ASSERT_EQ(::stat(directory.path().c_str(), &above), 0);
  ASSERT_EQ(::stat(directory.path("below").c_str(), &below), 0);
  Listing listing;
  Seat seat(false);
  Fd descriptor = open_at(AT_FDCWD, directory.path("below"), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(listing.read(descriptor.get(), seat), 0);
  EXPECT_EQ(listing.own_inode(), below.st_ino);
  EXPECT_EQ(listing.parent_inode(), above.st_ino);
}

TEST(Listing, AnEmptyDirectoryHasNoNames) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  Listing listing;
  Seat seat(false);
  EXPECT_EQ(listing.read(descriptor.get(), seat), 0);
  EXPECT_TRUE(listing.names().empty());
}

TEST(Listing, TellsWhatFailed) {
  Listing listing;
  Seat seat(false);
  EXPECT_EQ(listing.read(-1, seat), EBADF);
  test::TemporaryDirectory directory;
  directory.write_file("file", "");
  Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDONLY);
  EXPECT_EQ(listing.read(file.get(), seat), ENOTDIR);
}

}  // namespace
}  // namespace pwalk::walk
