// Lines and amounts of pwalk-du: against du itself, and by hand for what du does not print.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../support/temporary_directory.h"
#include "../support/tiny_scan.h"
#include "base/file.h"
#include "report/disk_usage.h"

namespace pwalk::report {
namespace {

class DiskUsageTest : public ::testing::Test {
 protected:
  // a/ has two links of one inode, and its subdirectories two more of it; b/ has a fifth.
  DiskUsageTest() {
    live_.make_directory("tree/a/deep/deeper");
    live_.make_directory("tree/a/other");
    live_.make_directory("tree/b");
    live_.write_file("tree/a/one", std::string(10000, '1'));
    live_.write_file("tree/a/deep/two", std::string(70000, '2'));
    live_.write_file("tree/b/three", std::string(123, '3'));
    live_.write_file("tree/top", std::string(5000, '4'));
    link("a/one", "a/one again");
    link("a/one", "a/deep/deeper/one");
    link("a/one", "a/other/one");
    link("a/one", "b/one");
    link("a/deep/two", "a/deep/two again");
    link("b/three", "top three");
    std::filesystem::create_symlink("nowhere", live_.path("tree/b/link"));
    ::sync();  // delayed allocation: blocks are counted only now on some file systems
    test::TinyScan(live_.path("tree"), live_.path("snapshot"));
  }

  void link(const std::string& from, const std::string& to) const {
    std::filesystem::create_hard_link(live_.path("tree/" + from), live_.path("tree/" + to));
  }

  /// The lines for the snapshot or a path in it, shown as "T", and their sum as returned.
  std::string printed(const DiskUsageOptions& options, const std::string& inner = "",
                      std::uint64_t* whole = nullptr) const {
    Fd file = open_at(AT_FDCWD, live_.path("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    Output output(file.get());
    std::uint64_t amount = print_disk_usage(locate(live_.path("snapshot/" + inner)), "T", options, output);
    if (whole != nullptr) *whole = amount;
    output.flush();
    return read_file(AT_FDCWD, live_.path("out"), 1 << 20);
  }

  /// The names of the lines, without their amounts.
  std::string names(const DiskUsageOptions& options) const {
    std::string all = printed(options), result;
    for (std::size_t at = 0; at < all.size(); at = all.find('\n', at) + 1) {
      std::size_t tab = all.find('\t', at);
      result += all.substr(tab + 1, all.find('\n', at) - tab);
    }
    return result;
  }

  /// What `du OPTIONS` prints for one directory of the tree on its own; empty where du is not GNU's.
  std::string du(const std::string& options, const std::string& inner) const {
    std::string command = "LC_ALL=C du -s " + options + " '" + live_.path("tree/" + inner) + "' 2>/dev/null";
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), ::pclose);
    char line[4096] = "";
    if (pipe == nullptr || ::fgets(line, sizeof line, pipe.get()) == nullptr) return "";
    std::string text = line;
    return text.substr(0, text.find('\t'));
  }

  /// Sum of st_size, or the number, of the entries below and of the start, each inode once.
  std::pair<std::uint64_t, std::uint64_t> apparent_and_inodes(const std::string& inner) const {
    std::set<ino_t> seen;
    std::uint64_t bytes = 0;
    auto add = [&](const std::string& path) {
      struct stat status;
      ASSERT_EQ(::lstat(path.c_str(), &status), 0);
      if (seen.insert(status.st_ino).second) bytes += static_cast<std::uint64_t>(status.st_size);
    };
    add(live_.path("tree/" + inner));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(live_.path("tree/" + inner)))
      add(entry.path());
    return {bytes, seen.size()};
  }

  test::TemporaryDirectory live_;
};

const std::vector<std::string> directories = {"", "a", "a/deep", "a/deep/deeper", "a/other", "b"};

TEST_F(DiskUsageTest, EveryDirectoryIsWhatDuPrintsForItAlone) {
  if (du("--inodes -l", "b").empty()) GTEST_SKIP() << "du is not GNU's";
  struct Case {
    const char* options;
    Measure measure;
    bool count_links;
    SizeFormat size;
  };
  for (const Case& each : {Case{"-B1", Measure::disk, false, SizeFormat::in_units(1)},
                           Case{"-B1 -l", Measure::disk, true, SizeFormat::in_units(1)},
                           Case{"-k", Measure::disk, false, SizeFormat::in_units(1024)},
                           Case{"-h", Measure::disk, false, SizeFormat::human()},
                           Case{"--si -l", Measure::disk, true, SizeFormat::si()},
                           Case{"--inodes", Measure::inodes, false, SizeFormat::in_units(1024)},
                           Case{"--inodes -l", Measure::inodes, true, SizeFormat::in_units(1024)}}) {
    DiskUsageOptions options;
    options.measure = each.measure;
    options.count_links = each.count_links;
    options.size = each.size;
    options.max_depth = 0;
    for (const std::string& inner : directories)
      EXPECT_EQ(printed(options, inner), du(each.options, inner) + "\tT\n") << each.options << " " << inner;
  }
}

TEST_F(DiskUsageTest, ApparentSizeCountsEachInodeOnceAndDirectoriesToo) {
  DiskUsageOptions options;
  options.size = SizeFormat::in_units(1);
  options.max_depth = 0;
  for (const std::string& inner : directories) {
    auto [bytes, inodes] = apparent_and_inodes(inner);
    options.measure = Measure::apparent;
    EXPECT_EQ(printed(options, inner), std::to_string(bytes) + "\tT\n") << inner;
    options.measure = Measure::inodes;
    EXPECT_EQ(printed(options, inner), std::to_string(inodes) + "\tT\n") << inner;
  }
}

TEST_F(DiskUsageTest, ChildrenComeBeforeTheirDirectoryInNameOrder) {
  DiskUsageOptions options;
  EXPECT_EQ(names(options), "T/a/deep/deeper\nT/a/deep\nT/a/other\nT/a\nT/b\nT\n");
  options.max_depth = 1;
  EXPECT_EQ(names(options), "T/a\nT/b\nT\n");
  options.all = true;
  EXPECT_EQ(names(options), "T/a\nT/b\nT/top\nT/top three\nT\n");
  options.max_depth = 2;
  EXPECT_EQ(
      names(options),
      "T/a/deep\nT/a/one\nT/a/one again\nT/a/other\nT/a\nT/b/link\nT/b/one\nT/b/three\nT/b\nT/top\nT/top "
      "three\nT\n");
  options.max_depth = 0;
  EXPECT_EQ(names(options), "T\n");
}

TEST_F(DiskUsageTest, SeparateDirectoriesCountTheirOwnEntriesEachInodeOnce) {
  auto own_inodes = [&](bool count_links, const std::string& inner) {
    DiskUsageOptions options;
    options.measure = Measure::inodes;
    options.separate_directories = true;
    options.count_links = count_links;
    options.max_depth = 0;
    std::string line = printed(options, inner);
    return line.substr(0, line.find('\t'));
  };
  EXPECT_EQ(own_inodes(false, ""), "3");        // itself, top, top three
  EXPECT_EQ(own_inodes(false, "a"), "2");       // itself, one
  EXPECT_EQ(own_inodes(true, "a"), "3");        // and its second link
  EXPECT_EQ(own_inodes(false, "a/deep"), "2");  // itself, two
  EXPECT_EQ(own_inodes(true, "a/deep"), "3");
  EXPECT_EQ(own_inodes(false, "a/deep/deeper"), "2");
  EXPECT_EQ(own_inodes(false, "b"), "4");  // itself, link, one, three

  DiskUsageOptions options;
  options.measure = Measure::apparent;
  options.size = SizeFormat::in_units(1);
  options.separate_directories = true;
  options.max_depth = 0;
  struct stat status;
  ASSERT_EQ(::stat(live_.path("tree/a").c_str(), &status), 0);
  std::uint64_t whole = 0;
  EXPECT_EQ(printed(options, "a", &whole), std::to_string(status.st_size + 10000) + "\tT\n");
  EXPECT_EQ(whole, apparent_and_inodes("a").first);  // what -c sums up is the whole all the same
}

TEST_F(DiskUsageTest, AnEntryThatIsNoDirectoryHasItsOwnLine) {
  DiskUsageOptions options;
  options.measure = Measure::apparent;
  options.size = SizeFormat::in_units(1);
  std::uint64_t whole = 0;
  EXPECT_EQ(printed(options, "a/one", &whole), "10000\tT\n");
  EXPECT_EQ(whole, 10000u);
  options.measure = Measure::inodes;
  EXPECT_EQ(printed(options, "a/one"), "1\tT\n");
}

TEST_F(DiskUsageTest, LinesEndAndNamesAreShownAsAsked) {
  DiskUsageOptions options;
  std::string out;
  append_line(1025, "a\nb", options, out);
  EXPECT_EQ(out, "2\ta\nb\n");
  options.line_end = '\0';
  options.for_terminal = true;
  out.clear();
  append_line(1025, "a\nb", options, out);
  EXPECT_EQ(out, std::string("2\ta\\nb\0", 7));
}

}  // namespace
}  // namespace pwalk::report
