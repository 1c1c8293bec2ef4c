// Publishing: all or nothing, never over something, and only what no living scan writes is collected.
// SPDX-License-Identifier: MIT

#include "snapshot/publish.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/file.h"
#include "base/list.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

class PublishTest : public ::testing::Test {
 protected:
  PublishTest() : parent_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {}
  std::vector<std::string> names() const { return list_directory(parent_.get()); }
  mode_t mode(const std::string& name) const {
    struct stat status;
    return ::stat(directory_.path(name).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
  test::TemporaryDirectory directory_;
  Fd parent_;
};

TEST_F(PublishTest, GivesItItsName) {
  {
    PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
    write_file_durably(partial.directory(), "file", "contents");
    EXPECT_EQ(names().size(), 1u);
    EXPECT_EQ(names()[0].rfind(partial_prefix, 0), 0u);
    partial.publish("snapshot");
  }
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot"});
  EXPECT_EQ(mode("snapshot"), 0700u);
  EXPECT_EQ(mode("snapshot/file"), 0600u);
}

TEST_F(PublishTest, OpensOnRequest) {
  PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
  write_file_durably(partial.directory(), "file", "contents");
  partial.open_to(0755);
  partial.publish("snapshot");
  EXPECT_EQ(mode("snapshot"), 0755u);
  EXPECT_EQ(mode("snapshot/file"), 0644u);
}

TEST_F(PublishTest, LeavesNothingWhenItIsNotPublished) {
  { PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid()); }
  EXPECT_TRUE(names().empty());
}

TEST_F(PublishTest, NeverReplaces) {
  std::filesystem::create_directory(directory_.path("snapshot"));
  {
    PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
    try {
      partial.publish("snapshot");
      ADD_FAILURE() << "replaced an empty directory";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), EEXIST);
    }
  }
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot"});
}

TEST_F(PublishTest, CollectsTheDeadOnly) {
  PartialSnapshot living(parent_.get(), directory_.path(), new_uuid());
  std::string dead = std::string(partial_prefix) + "dead";
  std::filesystem::create_directory(directory_.path(dead));
  directory_.write_file(dead + "/00000000.entries", "left behind");
  directory_.write_file("other", "not ours");
  collect_partials(parent_.get());
  std::vector<std::string> left = names();
  EXPECT_EQ(left.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(directory_.path(dead)));
}

/// Who may rename in the directory can call anybody's directory a partial snapshot.
TEST_F(PublishTest, WhatNoScanLeftIsNotCollected) {
  const std::string prefix = partial_prefix;
  for (const char* name : {"data", "0000000.entries", "00000000.other", "00000000.entries.bak", "latest"}) {
    std::string directory = prefix + name;
    std::filesystem::create_directory(directory_.path(directory));
    for (const char* ours : {"manifest.json", "00000000.entries", "12345678.attributes", ".links.3"})
      directory_.write_file(directory + "/" + ours, "");
    directory_.write_file(directory + "/" + name, "somebody's");
  }
  std::filesystem::create_directories(directory_.path(prefix + "deep/below"));
  std::size_t all = names().size();
  collect_partials(parent_.get());
  EXPECT_EQ(names().size(), all);
  for (const char* name : {"data", "0000000.entries", "00000000.other", "00000000.entries.bak", "latest"})
    EXPECT_EQ(std::filesystem::remove_all(directory_.path(prefix + name)), 6u)
        << name << ": with all that was in it";
  std::filesystem::create_directory(directory_.path(prefix + "dead"));
  for (const char* ours : {"manifest.json", "00000000.entries", "12345678.attributes", ".links.3",
                           ".nfs000000000001a2b300000001"})
    directory_.write_file(prefix + "dead/" + ours, "");
  collect_partials(parent_.get());
  EXPECT_EQ(names(), std::vector<std::string>{prefix + "deep"});
}

TEST_F(PublishTest, WhatAnotherUserLeftIsNotCollected) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  std::string dead = std::string(partial_prefix) + "dead";
  std::filesystem::create_directory(directory_.path(dead));
  directory_.write_file(dead + "/00000000.entries", "");
  ASSERT_EQ(::chown(directory_.path(dead).c_str(), 1234, 1234), 0);
  collect_partials(parent_.get());
  EXPECT_TRUE(std::filesystem::exists(directory_.path(dead + "/00000000.entries")));
  ASSERT_EQ(::chown(directory_.path(dead).c_str(), 0, 0), 0);
  collect_partials(parent_.get());
  EXPECT_TRUE(names().empty());
}

TEST_F(PublishTest, WhatHasItsNameByNowIsNotRemoved) {
  std::string name;
  {
    PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
    write_file_durably(partial.directory(), "file", "contents");
    name = names()[0];
    std::filesystem::rename(directory_.path(name), directory_.path("moved"));
    std::filesystem::create_directory(directory_.path(name));
    directory_.write_file(name + "/precious", "somebody's");
  }
  EXPECT_TRUE(std::filesystem::exists(directory_.path(name + "/precious")));
  // Whoever renamed it, or a rename of its own whose answer was lost.
  EXPECT_TRUE(std::filesystem::exists(directory_.path("moved/file")));
}

TEST_F(PublishTest, IsNotCollectedWhileItIsMade) {
  std::jthread collector([&](const std::stop_token& ending) {
    while (!ending.stop_requested()) {
      collect_partials(parent_.get());
      std::this_thread::sleep_for(std::chrono::microseconds(1));  // a chance for who makes one
    }
  });
  unsigned lost = 0;
  for (unsigned i = 0; i < 5000; ++i) {
    PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
    // A collector that had found it before it was locked has had its chance.
    if (i % 50 == 0) collect_partials(parent_.get());
    struct stat status;
    if (::fstat(partial.directory(), &status) != 0 || status.st_nlink == 0) ++lost;
  }
  EXPECT_EQ(lost, 0u);
}

}  // namespace
}  // namespace pwalk::snapshot
