// A scan as the program asks for it: what is published where, and what is refused.
// SPDX-License-Identifier: MIT

#include "support/calls.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "scan/scan.h"
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
  ~ScanTest() override { test::answer_nothing(); }
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

TEST_F(ScanTest, RefusesANameThatIsTooLongBeforeTheWalk) {
  unsigned listed = 0;
  test::instead::getdents64 = [&](int d, void* b, std::size_t n) {
    ++listed;
    return test::real::getdents64(d, b, n);
  };
  request_.output = directory_.path(std::string(256, 'x'));
  EXPECT_EQ(error_of(request_), ENAMETOOLONG);
  EXPECT_EQ(listed, 0u);
}

TEST_F(ScanTest, CountsBlocksInTheirUnit) {
  test::instead::fstatfs = [](int d, struct statfs* status) {
    int result = test::real::fstatfs(d, status);
    status->f_bsize = 1 << 20;
    status->f_frsize = 1 << 12;
    status->f_bavail = 1 << 10;  // 4 MiB
    status->f_files = 1'000'000;
    status->f_ffree = 0;
    return result;
  };
  std::string warning;
  request_.on_warning = [&](const std::string& text) { warning = text; };
  EXPECT_EQ(run(request_, stop_).manifest.file_system.block_bytes, 4096u);
  EXPECT_NE(warning.find(" 4,194,304 bytes available"), std::string::npos) << warning;
}

TEST_F(ScanTest, DoesWithoutAThreadForProgressButNotForADeadline) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, std::size_t{1} << 46);
  ASSERT_EQ(::pthread_setattr_default_np(&attributes), 0);
  request_.threads = 1;
  request_.on_progress = [](const Progress&) {};
  EXPECT_EQ(run(request_, stop_).manifest.totals.entries, 3u);
  request_.deadline_seconds = 60;
  std::string said;
  try {
    run(request_, stop_);
  } catch (const std::system_error& refused) {
    said = refused.what();
  }
  ::pthread_attr_setstacksize(&attributes, std::size_t{8} << 20);
  EXPECT_EQ(::pthread_setattr_default_np(&attributes), 0);
  ::pthread_attr_destroy(&attributes);
  EXPECT_TRUE(said.ends_with(": cannot start a thread for the deadline: Resource temporarily unavailable"))
      << said;
}

TEST_F(ScanTest, CountsTheDeadlineFromTheStart) {
  for (int i = 0; i < 9; ++i) directory_.write_file("tree/file" + std::to_string(i), "");
  request_.threads = 1;
  request_.rate = 12;  // of 12 entries: a second
  request_.deadline_seconds = 2;
  request_.on_root_opened = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1800)); };
  Result result = run(request_, stop_);
  EXPECT_TRUE(result.incomplete);
  EXPECT_FALSE(result.snapshot_path.empty());
}

TEST_F(ScanTest, ProgressDoesNotCountWhatIsLeftOut) {
  for (int i = 0; i < 8; ++i) {
    std::string name = "tree/directory" + std::to_string(i);
    directory_.make_directory(name);
    for (const char* file : {"/a.o", "/b.o", "/c.o", "/d.c"}) directory_.write_file(name + file, "");
  }
  ASSERT_EQ(request_.filter.add("*.o", walk::NotEntered::pattern), "");
  request_.threads = 1;
  request_.rate = 80;
  std::uint64_t most = 0;
  request_.on_progress = [&](const Progress& progress) { most = std::max(most, progress.entries); };
  EXPECT_EQ(run(request_, stop_).manifest.totals.entries, 19u);
  EXPECT_GE(most, 1u);
  EXPECT_LE(most, 19u + 3) << "but those of the directory in hand";
}

TEST_F(ScanTest, FindsItsPathWhereDirectoriesAboveCannotBeSearched) {
  // As for a user below a directory that is closed to him.
  struct Return {
    std::filesystem::path before = std::filesystem::current_path();
    ~Return() { std::filesystem::current_path(before); }
  } there;
  std::filesystem::current_path(directory_.path("tree"));
  request_.root = "below";
  std::string whole = std::filesystem::canonical("below");
  test::instead::realpath = [](const char*, char*) -> char* {
    errno = EACCES;
    return nullptr;
  };
  Result result = run(request_, stop_);
  EXPECT_EQ(result.manifest.root, whole);
  EXPECT_TRUE(snapshot::check_snapshot(result.snapshot_path).whole());
  std::filesystem::create_directory("gone");
  std::filesystem::current_path("gone");
  std::filesystem::remove("../gone");
  request_.root = ".";
  EXPECT_EQ(error_of(request_), EACCES) << "of what is removed there is no path";
}

TEST_F(ScanTest, RefusesTheNameOfAPartialSnapshot) {
  request_.output = directory_.path(".pwalk-partial-mine");
  EXPECT_EQ(error_of(request_), EINVAL);
}

TEST_F(ScanTest, DoesNotReadAllLinksBeforeItEnds) {
  for (int i = 0; i < 200; ++i)
    std::filesystem::create_symlink("target", directory_.path("tree/link" + std::to_string(i)));
  request_.threads = 1;
  unsigned read = 0;
  test::instead::readlinkat = [&](int d, const char* p, char* b, std::size_t n) {
    if (++read == 5) stop_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return test::real::readlinkat(d, p, b, n);
  };
  EXPECT_TRUE(run(request_, stop_).stopped);
  EXPECT_GE(read, 5u);
  EXPECT_LE(read, 60u);
}

TEST_F(ScanTest, PublishesAFileWhenStoppedWhereThatIsAskedFor) {
  request_.root = directory_.path("tree/below/file");
  stop_ = true;
  EXPECT_TRUE(run(request_, stop_).stopped);
  request_.publish_when_stopped = true;
  Result result = run(request_, stop_);
  EXPECT_FALSE(result.stopped);
  EXPECT_TRUE(result.manifest.complete);
  EXPECT_TRUE(snapshot::check_snapshot(result.snapshot_path).whole());
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
