// A scan as the program asks for it: what is published where, and what is refused.
// SPDX-License-Identifier: MIT

#include "scan/scan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "snapshot/check.h"
#include "snapshot/snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk::scan {
namespace {

class ScanTest : public ::testing::Test {
 protected:
  ScanTest() {
    directory_.make_directory("tree/below");
    directory_.write_file("tree/below/file", "contents");
    request_.root = directory_.path("tree");
    request_.store = directory_.path("store");
    request_.threads = 2;
  }
  int error_of(const Request& request) {
    try {
      run(request, stop_);
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find('\''), std::string::npos) << "says which: " << error.what();
      return error.code().value();
    }
    return 0;
  }
  test::TemporaryDirectory directory_;
  Request request_;
  std::atomic<bool> stop_{false};
};

TEST_F(ScanTest, WritesWhereItIsTold) {
  request_.output = directory_.path("out");
  Result result = run(request_, stop_);
  EXPECT_EQ(result.snapshot_path, directory_.path("out"));
  EXPECT_EQ(result.manifest.totals.entries, 3u);
  EXPECT_EQ(result.manifest.totals.errors, 0u);
  EXPECT_TRUE(snapshot::check_snapshot(directory_.path("out")).whole());
  EXPECT_EQ(snapshot::Snapshot::open(directory_.path("out"))->manifest().root, request_.root);
  EXPECT_EQ(error_of(request_), EEXIST);
  request_.output = directory_.path("missing/out");
  EXPECT_EQ(error_of(request_), ENOENT);
  request_.output = directory_.path("tree/below/file/out");
  EXPECT_EQ(error_of(request_), ENOTDIR);
}

TEST_F(ScanTest, KeepsAHistory) {
  std::string first = run(request_, stop_).snapshot_path;
  std::string second = run(request_, stop_).snapshot_path;
  EXPECT_NE(first, second);
  auto latest = std::filesystem::path(second).parent_path() / "latest";
  EXPECT_EQ(std::filesystem::read_symlink(latest), std::filesystem::path(second).filename());
  auto one = snapshot::Snapshot::open(first);
  auto two = snapshot::Snapshot::open(second);
  EXPECT_NE(one->manifest().slot, two->manifest().slot);
  EXPECT_NE(one->manifest().uuid, two->manifest().uuid);
}

TEST_F(ScanTest, RefusesANameOfAnotherRoot) {
  request_.name = "name";
  EXPECT_EQ(run(request_, stop_).refusal, "");
  request_.root = directory_.path("tree/below");
  Result result = run(request_, stop_);
  EXPECT_NE(result.refusal.find("'" + directory_.path("tree") + "'"), std::string::npos) << result.refusal;
  EXPECT_TRUE(result.snapshot_path.empty());
}

TEST_F(ScanTest, TakesAFileOrALinkAsRoot) {
  request_.root = directory_.path("tree/below/file");
  request_.output = directory_.path("file.snapshot");
  EXPECT_EQ(run(request_, stop_).manifest.totals.apparent_bytes, 8u);
  EXPECT_TRUE(snapshot::check_snapshot(*request_.output).whole());
  ASSERT_EQ(::symlink("tree", directory_.path("link").c_str()), 0);
  request_.root = directory_.path("link");
  request_.output = directory_.path("link.snapshot");
  Result result = run(request_, stop_);
  EXPECT_EQ(result.manifest.totals.entries, 3u);
  EXPECT_EQ(result.manifest.root, directory_.path("tree"));
  request_.root = directory_.path("none");
  request_.output = directory_.path("none.snapshot");
  EXPECT_EQ(error_of(request_), ENOENT);
}

TEST_F(ScanTest, DoesNotDescendIntoItself) {
  request_.output = directory_.path("tree/out");
  Result result = run(request_, stop_);
  EXPECT_EQ(result.manifest.unread.at(format::state_excluded_own_output), 1u);
  EXPECT_EQ(result.manifest.totals.entries, 4u);
}

TEST_F(ScanTest, PublishesNothingWhenStopped) {
  request_.output = directory_.path("out");
  stop_ = true;
  EXPECT_TRUE(run(request_, stop_).stopped);
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_EQ(entry.path().filename(), "tree");
}

}  // namespace
}  // namespace pwalk::scan
