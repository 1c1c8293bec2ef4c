// What a directory is that somebody names, told by what is in it.
// SPDX-License-Identifier: MIT
#include "snapshot/store_kind.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "support/calls.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

namespace fs = std::filesystem;
namespace instead = test::instead;
namespace real = test::real;

class StoreKind : public ::testing::Test {
 protected:
  ~StoreKind() override { test::answer_nothing(); }
  DirectoryKind kind() const {
    return kind_of(open_at(AT_FDCWD, directory_.path("it"), O_RDONLY | O_DIRECTORY).get());
  }
  void file(const std::string& path) {
    fs::create_directories(fs::path(directory_.path("it/" + path)).parent_path());
    directory_.write_file("it/" + path, "");
  }
  test::TemporaryDirectory directory_;
};

TEST_F(StoreKind, Snapshots) {
  file("manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::snapshot);
  file("00000000.entries");
  EXPECT_EQ(kind(), DirectoryKind::snapshot);
  fs::remove(directory_.path("it/manifest.json"));
  EXPECT_EQ(kind(), DirectoryKind::partial);
}

TEST_F(StoreKind, Stores) {
  fs::create_directory(directory_.path("it"));
  EXPECT_EQ(kind(), DirectoryKind::store) << "empty";
  file("name/file");
  EXPECT_EQ(kind(), DirectoryKind::other);
  file("name/2026-01-01T000000Z/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::store);
  fs::remove_all(directory_.path("it/name"));
  file(".next-slot");
  file("name/.lock");
  EXPECT_EQ(kind(), DirectoryKind::store) << "without a snapshot any more";
}

TEST_F(StoreKind, Names) {
  file("2026-01-01T000000Z/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::name);
  fs::remove_all(directory_.path("it/2026-01-01T000000Z"));
  file(".lock");
  EXPECT_EQ(kind(), DirectoryKind::locked) << "without a snapshot any more";
  fs::create_directory(directory_.path("it/.pwalk-partial-1"));
  EXPECT_EQ(kind(), DirectoryKind::locked) << "with its first one to come";
  file("other");
  EXPECT_EQ(kind(), DirectoryKind::other);
  fs::create_symlink("gone", directory_.path("it/latest"));
  EXPECT_EQ(kind(), DirectoryKind::name);
}

TEST_F(StoreKind, WhatOnlyLooksLikeOne) {
  file(".hidden/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::store) << "nothing is seen in it";
  fs::create_directory(directory_.path("it/lost+found"));
  EXPECT_EQ(kind(), DirectoryKind::store) << "of a new file system";
  file("name/.hidden/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::other);
  fs::create_directory_symlink("name/.hidden", directory_.path("it/link"));
  EXPECT_EQ(kind(), DirectoryKind::other) << "links are not followed";
  for (const char* name : {"latest", "manifest.json", "old.entries", ".next-slot"}) {
    fs::create_directories(directory_.path("it/" + std::string(name)));
    EXPECT_EQ(kind(), DirectoryKind::other) << name;
  }
  file("manifest.json/2026-01-01T000000Z/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::store) << "a NAME may be called so";
}

/// One that can be told is enough; otherwise what could not be read may have told.
TEST_F(StoreKind, WhatCannotBeReadIsAnErrorOnlyWhereNothingTells) {
  file("a/file");
  file("b/file");
  instead::fstatat = [](int d, const char* p, struct stat* s, int f) {
    return std::string(p).starts_with("a") ? test::fail_with(EIO) : real::fstatat(d, p, s, f);
  };
  try {
    kind();
    ADD_FAILURE() << "told";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EIO);
  }
  file("b/2026-01-01T000000Z/manifest.json");
  EXPECT_EQ(kind(), DirectoryKind::store);
}

TEST_F(StoreKind, WhatIsClosedToTheUserDoesNotCount) {
  file("a/file");
  file("b/file");
  instead::fstatat = [](int d, const char* p, struct stat* s, int f) {
    return std::string(p).starts_with("a/") ? test::fail_with(EACCES) : real::fstatat(d, p, s, f);
  };
  EXPECT_EQ(kind(), DirectoryKind::other);
}

TEST(StoreKindText, SaysWhatItIs) {
  EXPECT_EQ(text_of(DirectoryKind::name), "is one NAME of a store");
  EXPECT_EQ(text_of(DirectoryKind::other), "is neither a snapshot nor a store of snapshots");
}

}  // namespace
}  // namespace pwalk::snapshot
