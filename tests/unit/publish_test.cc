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
  directory_.write_file(dead + "/file", "left behind");
  directory_.write_file("other", "not ours");
  collect_partials(parent_.get());
  std::vector<std::string> left = names();
  EXPECT_EQ(left.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(directory_.path(dead)));
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
