// Small files: whole reads and writes, their refusals, and trees removed without following a link out of
// them.
// SPDX-License-Identifier: MIT

#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/list.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() : descriptor_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {}
  template <class Work>
  int error_of(Work work) {
    try {
      work();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  test::TemporaryDirectory directory_;
  Fd descriptor_;
};

TEST_F(FileTest, ReadsWhatWasWritten) {
  write_file_durably(descriptor_.get(), "file", std::string("a\0b", 3));
  EXPECT_EQ(read_file(descriptor_.get(), "file", 3), std::string("a\0b", 3));
  struct stat status;
  ASSERT_EQ(::stat(directory_.path("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0177, 0u) << "nobody else's business";
}

TEST_F(FileTest, RefusesWhatIsNotAsExpected) {
  write_file_durably(descriptor_.get(), "file", "four");
  directory_.make_directory("directory");
  ASSERT_EQ(::symlink("file", directory_.path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(directory_.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { read_file(descriptor_.get(), "file", 3); }), EFBIG);
  EXPECT_EQ(error_of([&] { read_file(descriptor_.get(), "none", 3); }), ENOENT);
  EXPECT_EQ(error_of([&] { read_file(descriptor_.get(), "directory", 3); }), EINVAL);
  EXPECT_EQ(error_of([&] { read_file(descriptor_.get(), "link", 9); }), ELOOP);
  EXPECT_EQ(error_of([&] { read_file(descriptor_.get(), "pipe", 9); }), EINVAL) << "and does not wait";
  EXPECT_EQ(error_of([&] { write_file_durably(descriptor_.get(), "file", "x"); }), EEXIST);
}

TEST_F(FileTest, KnowsTheEndOfAFile) {
  write_file_durably(descriptor_.get(), "file", "12345");
  Fd file = open_at(descriptor_.get(), "file", O_RDONLY);
  char buffer[5];
  EXPECT_TRUE(read_exactly(file.get(), buffer, 5, 0, "file"));
  EXPECT_FALSE(read_exactly(file.get(), buffer, 5, 1, "file"));
}

TEST_F(FileTest, RemovesATreeAndNothingElse) {
  directory_.make_directory("tree/a/b");
  directory_.make_directory("other");
  directory_.write_file("other/kept", "kept");
  directory_.write_file("tree/a/file", "gone");
  ASSERT_EQ(::symlink("../other", directory_.path("tree/link").c_str()), 0);
  remove_tree(descriptor_.get(), "tree");
  EXPECT_EQ(list_directory(descriptor_.get()), std::vector<std::string>{"other"});
  EXPECT_TRUE(std::filesystem::exists(directory_.path("other/kept")));
  remove_tree(descriptor_.get(), "tree");  // missing is success
}

TEST_F(FileTest, DoesNotRemoveWhatIsDeeperThanItsOwn) {
  directory_.make_directory("tree/1/2/3/4/5/6");
  EXPECT_EQ(error_of([&] { remove_tree(descriptor_.get(), "tree"); }), ELOOP);
  EXPECT_TRUE(std::filesystem::exists(directory_.path("tree/1/2/3/4")));
}

}  // namespace
}  // namespace pwalk
