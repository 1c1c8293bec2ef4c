// The directives and escapes of --printf, one by one. The expected texts are those of GNU find 4.9.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <system_error>

#include "report/printf_format.h"

namespace pwalk::report {
namespace {

using namespace std::string_literals;

snapshot::Entry regular_file() {
  snapshot::Entry entry;
  entry.name = "file";
  entry.mode = S_IFREG | 0644;
  entry.uid = 4294967294;
  entry.gid = 54321;
  entry.nlink = 3;
  entry.inode = 18446744073709551615u;
  entry.apparent_bytes = 5497558138880;
  entry.blocks = 9;
  entry.atime = {1669041845, 834091246};
  entry.mtime = {-2, 500000000};
  entry.ctime = {-11676096000, 1};
  return entry;
}

snapshot::Manifest manifest_with_device() {
  snapshot::Manifest manifest;
  manifest.devices = {{254, 0, "ext4", 1, 2}, {4095, 1048575, "xfs", 1, 2}};
  return manifest;
}

/// What `format` makes of `entry`, found as /root/dir/NAME below /root.
std::string printed(const std::string& format, const snapshot::Entry& entry = regular_file(),
                    bool for_terminal = false) {
  PrintfFormat parsed(format, manifest_with_device(), for_terminal);
  std::string path = "/root/dir/" + std::string(entry.name);
  std::string out;
  parsed.append({entry, path, 6, 2}, out);
  return out;
}

/// What `format` makes of the start itself, a directory with the path `path`.
std::string printed_start(const std::string& format, const std::string& path) {
  PrintfFormat parsed(format, manifest_with_device(), false);
  snapshot::Entry entry;
  entry.mode = S_IFDIR | 0755;
  std::string out;
  parsed.append({entry, path, path == "/" ? 1 : path.size() + 1, 0}, out);
  return out;
}

std::string printed_mode(const std::string& format, unsigned mode) {
  snapshot::Entry entry = regular_file();
  entry.mode = static_cast<std::uint16_t>(mode);
  return printed(format, entry);
}

TEST(PrintfFormat, Numbers) {
  EXPECT_EQ(printed("%i"), "18446744073709551615");
  EXPECT_EQ(printed("%n %s %b"), "3 5497558138880 9");
  EXPECT_EQ(printed("%k"), "5");
  EXPECT_EQ(printed("%U %G"), "4294967294 54321");
  EXPECT_EQ(printed("%d"), "2");
}

TEST(PrintfFormat, KibibytesRoundUpWithoutOverflow) {
  snapshot::Entry entry = regular_file();
  entry.blocks = 18446744073709551615u;
  EXPECT_EQ(printed("%k", entry), "9223372036854775808");
  entry.blocks = 0;
  EXPECT_EQ(printed("%k", entry), "0");
}

TEST(PrintfFormat, DeviceNumberIsTheSystems) {
  EXPECT_EQ(printed("%D"), "65024");
  snapshot::Entry entry = regular_file();
  entry.device_index = 1;
  EXPECT_EQ(printed("%D", entry), "4294967295");
}

TEST(PrintfFormat, OwnersWithoutNameAreNumbers) {
  EXPECT_EQ(printed("%u %g"), "4294967294 54321");
  snapshot::Entry entry = regular_file();
  entry.uid = entry.gid = 0;
  EXPECT_EQ(printed("%u %g", entry), "root root");
}

TEST(PrintfFormat, TypesAndModes) {
  struct Expected {
    unsigned mode;
    const char* text;  // of "%y %M %m"
  };
  for (auto [mode, text] : {
           Expected{S_IFREG | 0, "f ---------- 0"},
           {S_IFREG | 0644, "f -rw-r--r-- 644"},
           {S_IFREG | 04755, "f -rwsr-xr-x 4755"},
           {S_IFREG | 04644, "f -rwSr--r-- 4644"},
           {S_IFREG | 02755, "f -rwxr-sr-x 2755"},
           {S_IFREG | 02644, "f -rw-r-Sr-- 2644"},
           {S_IFREG | 01777, "f -rwxrwxrwt 1777"},
           {S_IFREG | 01666, "f -rw-rw-rwT 1666"},
           {S_IFREG | 07000, "f ---S--S--T 7000"},
           {S_IFDIR | 07777, "d drwsrwsrwt 7777"},
           {S_IFLNK | 0777, "l lrwxrwxrwx 777"},
           {S_IFCHR | 0620, "c crw--w---- 620"},
           {S_IFBLK | 0660, "b brw-rw---- 660"},
           {S_IFIFO | 0600, "p prw------- 600"},
           {S_IFSOCK | 0755, "s srwxr-xr-x 755"},
           {0u, "U ?--------- 0"},
       })
    EXPECT_EQ(printed_mode("%y %M %m", mode), text);
}

TEST(PrintfFormat, TimesHaveTenDigitsAndAnySign) {
  EXPECT_EQ(printed("%A@"), "1669041845.8340912460");
  EXPECT_EQ(printed("%T@"), "-2.5000000000");
  EXPECT_EQ(printed("%C@"), "-11676096000.0000000010");
  EXPECT_EQ(printed("%B@"), "-1.-000000010");  // none
  snapshot::Entry entry = regular_file();
  entry.btime = snapshot::Timestamp{16725225600, 999999999};
  entry.mtime = {-9223372036854775807 - 1, 0};
  EXPECT_EQ(printed("%B@ %T@", entry), "16725225600.9999999990 -9223372036854775808.0000000000");
}

TEST(PrintfFormat, PathsBelowTheStart) {
  EXPECT_EQ(printed("%p|%P|%f|%h"), "/root/dir/file|dir/file|file|/root/dir");
}

TEST(PrintfFormat, PathsOfTheStart) {
  EXPECT_EQ(printed_start("%p|%P|%f|%h|%d|%y", "/tmp/fx"), "/tmp/fx||fx|/tmp|0|d");
  EXPECT_EQ(printed_start("%p|%P|%f|%h", "/usr"), "/usr||usr|");
  EXPECT_EQ(printed_start("%p|%P|%f|%h", "/"), "/||/|");
}

TEST(PrintfFormat, PathsInTheRootDirectory) {
  PrintfFormat parsed("%p|%P|%f|%h|%d", manifest_with_device(), false);
  snapshot::Entry entry = regular_file();
  entry.name = "usr";
  std::string out;
  parsed.append({entry, "/usr", 1, 1}, out);
  EXPECT_EQ(out, "/usr|usr|usr||1");
}

TEST(PrintfFormat, LinkTargets) {
  EXPECT_EQ(printed("[%l]"), "[]");
  snapshot::Entry entry = regular_file();
  entry.mode = S_IFLNK | 0777;
  entry.target = "../a\nb";
  EXPECT_EQ(printed("[%l]", entry), "[../a\nb]");
}

TEST(PrintfFormat, Escapes) {
  EXPECT_EQ(printed("a\\tb\\n\\0c\\\\"), "a\tb\n\0c\\"s);
  EXPECT_EQ(printed("\\a\\b\\f\\r\\v"), "\a\b\f\r\v");
  EXPECT_EQ(printed("\\101\\60x"), "A0x");
  EXPECT_EQ(printed("\\0x\\1234"), "\0xS4"s);
  EXPECT_EQ(printed("\\777"), "\xff");
  EXPECT_EQ(printed("100%%d"), "100%d");
  EXPECT_EQ(printed(""), "");
}

TEST(PrintfFormat, WidthsAsInPrintf) {
  EXPECT_EQ(printed("%6n|%-6n|%06n|"), "     3|3     |     3|");
  EXPECT_EQ(printed("%.2f|%6.2f|%-6.2f|%.0f|%.f|"), "fi|    fi|fi    |||");
  EXPECT_EQ(printed("%5d|%05d|%+d|% d|%.3d|%-5d|"), "    2|00002|+2| 2|002|2    |");
  EXPECT_EQ(printed("%#m|%05m|%6m|"), "0644|00644|   644|");
  EXPECT_EQ(printed("%.3A@|%25A@|"), "166|    1669041845.8340912460|");
}

TEST(PrintfFormat, RefusesWhatItDoesNotKnow) {
  for (const char* format :
       {"%",  "%q", "a%",  "%5", "%T",  "%Tx", "%A",  "%a",  "%t",  "%H",      "%S",       "%Y",  "%Z",
        "%F", "%{", "%5%", "\\", "a\\", "\\q", "\\c", "\\8", "\\e", "%99999d", "%.99999p", "%5.3"}) {
    try {
      PrintfFormat parsed(format, manifest_with_device(), false);
      ADD_FAILURE() << format;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument) << format;
    }
  }
}

TEST(PrintfFormat, MessageShowsTheDirectiveFitForATerminal) {
  try {
    PrintfFormat parsed("%\x1b", manifest_with_device(), false);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_STREQ(error.what(), "unknown directive '%\\x1b' in the format: Invalid argument");
  }
}

TEST(PrintfFormat, NamesAreRawInAPipeAndEscapedOnATerminal) {
  snapshot::Entry entry = regular_file();
  entry.mode = S_IFLNK | 0777;
  entry.name = "a\x1b[1m\n\xff";
  entry.target = "t\a";
  EXPECT_EQ(printed("%f %P %l", entry), "a\x1b[1m\n\xff dir/a\x1b[1m\n\xff t\a");
  EXPECT_EQ(printed("%f %P %l %h\\n", entry, true),
            "a\\x1b[1m\\n\\xff dir/a\\x1b[1m\\n\\xff t\\x07 /root/dir\n");
}

TEST(PrintfFormat, ATerminalGetsNoPartOfACharacter) {
  snapshot::Entry entry = regular_file();
  entry.name = "a\u20acb";
  EXPECT_EQ(printed("%.3f|%.4f|%.1f|%.0f", entry, true), "a|a\u20ac|a|");
  EXPECT_EQ(printed("%.3f", entry), "a\xe2\x82") << "a pipe gets the bytes that were asked for";
  entry.name = "\u20ac";
  EXPECT_EQ(printed("%.2f|%5.2f|", entry, true), "|     |");
}

TEST(PrintfFormat, KnowsWhatNeedsAStat) {
  for (const char* format : {"", "%y", "%i", "%p%P%f%h", "%d", "%%"})
    EXPECT_FALSE(PrintfFormat(format, manifest_with_device(), false).needs_stat()) << format;
  for (const char* format : {"%n", "%s", "%b", "%k", "%m", "%M", "%u", "%U", "%g", "%G", "%T@", "%A@", "%C@",
                             "%B@", "%D", "%l", "%p %5s"})
    EXPECT_TRUE(PrintfFormat(format, manifest_with_device(), false).needs_stat()) << format;
}

}  // namespace
}  // namespace pwalk::report
