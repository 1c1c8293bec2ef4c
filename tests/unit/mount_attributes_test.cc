// What stat shows of an entry, and the errno of a directory that was not read.
// SPDX-License-Identifier: MIT
#include "mount/attributes.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "snapshot/format.h"

namespace pwalk::mount {
namespace {

TEST(Attributes, KeepTimesBefore1970AndTheirNanoseconds) {
  snapshot::Entry entry;
  entry.mode = S_IFREG | 04711;
  entry.mtime = {-11676096000, 999999999};
  entry.atime = {-1, 1};
  entry.ctime = {16725229323, 123456789};
  struct stat shown = attributes_of(entry, 42);
  EXPECT_EQ(shown.st_ino, 42u);
  EXPECT_EQ(shown.st_mode, static_cast<mode_t>(S_IFREG | 04711));
  EXPECT_EQ(shown.st_mtim.tv_sec, -11676096000);
  EXPECT_EQ(shown.st_mtim.tv_nsec, 999999999);
  EXPECT_EQ(shown.st_atim.tv_sec, -1);
  EXPECT_EQ(shown.st_atim.tv_nsec, 1);
  EXPECT_EQ(shown.st_ctim.tv_sec, 16725229323);
}

TEST(Attributes, KeepNumbersAndDevices) {
  snapshot::Entry entry;
  entry.mode = S_IFBLK | 0600;
  entry.uid = 4294967294;
  entry.gid = 7;
  entry.nlink = 70000;
  entry.blksize = 65536;
  entry.rdev_major = 4095;
  entry.rdev_minor = 1048575;
  entry.apparent_bytes = std::uint64_t{5} << 40;
  entry.blocks = std::uint64_t{1} << 33;
  struct stat shown = attributes_of(entry, 1);
  EXPECT_EQ(shown.st_uid, 4294967294);
  EXPECT_EQ(shown.st_gid, 7u);
  EXPECT_EQ(shown.st_nlink, 70000u);
  EXPECT_EQ(shown.st_blksize, 65536);
  EXPECT_EQ(shown.st_rdev, makedev(4095, 1048575));
  EXPECT_EQ(shown.st_size, off_t{5} << 40);
  EXPECT_EQ(shown.st_blocks, blkcnt_t{1} << 33);
}

TEST(Attributes, WithoutStatThereIsTheTypeAndNothingElse) {
  snapshot::Entry entry;
  entry.flags = format::flag_no_stat | format::flag_dirent_type;
  entry.mode = S_IFDIR;
  struct stat shown = attributes_of(entry, 9);
  EXPECT_EQ(shown.st_mode, static_cast<mode_t>(S_IFDIR));
  EXPECT_EQ(shown.st_nlink, 1u);
  entry.mode = 0;
  EXPECT_EQ(attributes_of(entry, 9).st_mode, static_cast<mode_t>(S_IFREG));
}

snapshot::Directory directory(std::uint16_t state, int error) {
  snapshot::Directory result{};
  result.record.state = state;
  result.record.error = static_cast<std::uint16_t>(error);
  return result;
}

TEST(ListingError, IsTheRecordedOne) {
  EXPECT_EQ(listing_error(directory(format::state_failed, EACCES)), EACCES);
  EXPECT_EQ(listing_error(directory(format::state_partial, EIO)), EIO);
  EXPECT_EQ(listing_error(directory(format::state_vanished, ENOENT)), ESTALE);
  EXPECT_EQ(listing_error(directory(format::state_not_reached, 0)), EIO);
}

/// ENOENT ends a listing in readdir(3), and after EOVERFLOW ls asks again, for ever.
TEST(ListingError, IsNeverOneThatReadersTakeForAnotherThing) {
  for (int error = 0; error < 65536; ++error) {
    int answered = listing_error(directory(format::state_failed, error));
    ASSERT_TRUE(answered > 0 && answered < 512 && answered != ENOENT && answered != EOVERFLOW) << error;
  }
}

TEST(ListingError, IsNoneWhereTheListingIsTheTruth) {
  EXPECT_EQ(listing_error(directory(format::state_read, 0)), 0);
  EXPECT_EQ(listing_error(directory(format::state_excluded_loop, 0)), 0);
  EXPECT_EQ(missing_name_error(directory(format::state_read, 0)), ENOENT);
  EXPECT_EQ(missing_name_error(directory(format::state_excluded_depth, 0)), ENOENT);
}

TEST(ListingError, MissingNamesAnswerTheReasonToo) {
  EXPECT_EQ(missing_name_error(directory(format::state_failed, EACCES)), EACCES);
  EXPECT_EQ(missing_name_error(directory(format::state_not_reached, 0)), EIO);
}

TEST(SendableError, IsOneThatTheKernelTakes) {
  EXPECT_EQ(sendable_error(EACCES), EACCES);
  for (int error : {0, -5, 512, 65535}) EXPECT_EQ(sendable_error(error), EIO);
  EXPECT_EQ(listing_error(directory(format::state_failed, 512)), EIO);
}

}  // namespace
}  // namespace pwalk::mount
