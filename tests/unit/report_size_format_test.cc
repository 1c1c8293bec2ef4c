// Amounts as GNU du 9.1 prints them. The expected texts are those of `du --apparent-size` of sparse files.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <system_error>

#include "report/size_format.h"

namespace pwalk::report {
namespace {

constexpr std::uint64_t largest = 18446744073709551615u;

TEST(SizeFormat, WholeUnitsAreRoundedUp) {
  SizeFormat kibibytes = SizeFormat::in_units(1024);
  EXPECT_EQ(kibibytes.of_bytes(0), "0");
  EXPECT_EQ(kibibytes.of_bytes(1), "1");
  EXPECT_EQ(kibibytes.of_bytes(1024), "1");
  EXPECT_EQ(kibibytes.of_bytes(1025), "2");
  EXPECT_EQ(kibibytes.of_bytes(largest), "18014398509481984");
  EXPECT_EQ(SizeFormat::in_units(1).of_bytes(largest), "18446744073709551615");
}

TEST(SizeFormat, HumanReadable) {
  SizeFormat human = SizeFormat::human();
  EXPECT_EQ(human.of_bytes(0), "0");
  EXPECT_EQ(human.of_bytes(1), "1");
  EXPECT_EQ(human.of_bytes(1023), "1023");
  EXPECT_EQ(human.of_bytes(1024), "1.0K");
  EXPECT_EQ(human.of_bytes(1025), "1.1K");
  EXPECT_EQ(human.of_bytes(1126), "1.1K");
  EXPECT_EQ(human.of_bytes(1127), "1.2K");
  EXPECT_EQ(human.of_bytes(10137), "9.9K");
  EXPECT_EQ(human.of_bytes(10138), "10K");
  EXPECT_EQ(human.of_bytes(10188), "10K");
  EXPECT_EQ(human.of_bytes(10240), "10K");
  EXPECT_EQ(human.of_bytes(10241), "11K");
  EXPECT_EQ(human.of_bytes(1047552), "1023K");
  EXPECT_EQ(human.of_bytes(1047553), "1.0M");
  EXPECT_EQ(human.of_bytes(1048575), "1.0M");
  EXPECT_EQ(human.of_bytes(1048577), "1.1M");
  EXPECT_EQ(human.of_bytes(5497561284081), "5.1T");
  EXPECT_EQ(human.of_bytes(largest), "16E");
}

TEST(SizeFormat, PowersOfThousand) {
  SizeFormat si = SizeFormat::si();
  EXPECT_EQ(si.of_bytes(999), "999");
  EXPECT_EQ(si.of_bytes(1000), "1.0k");
  EXPECT_EQ(si.of_bytes(1023), "1.1k");
  EXPECT_EQ(si.of_bytes(10188), "11k");
  EXPECT_EQ(si.of_bytes(999000), "999k");
  EXPECT_EQ(si.of_bytes(999001), "1.0M");
  EXPECT_EQ(si.of_bytes(5497558138880), "5.5T");
  EXPECT_EQ(si.of_bytes(largest), "19E");
}

struct BlockSize {
  const char* argument;
  const char* shown;  // 1007616 bytes
};

TEST(SizeFormat, BlockSizes) {
  for (auto [argument, shown] : {
           BlockSize{"1", "1007616"},
           {"512", "1968"},
           {"1K", "984"},
           {"K", "984K"},
           {"k", "984K"},
           {"KiB", "984KiB"},
           {"KB", "1008kB"},
           {"kB", "1008kB"},
           {"1KB", "1008"},
           {"M", "1M"},
           {"MB", "2MB"},
           {"1MiB", "1"},
           {"G", "1G"},
           {"E", "1E"},
           {"1E", "1"},
           {"5k", "197"},
           {"0x10", "62976"},
           {"010", "125952"},
           {"t", "1T"},
           {"P", "1P"},
           {"human-readable", "984K"},
           {"si", "1.1M"},
           {"1000", "1008"},
       })
    EXPECT_EQ(SizeFormat::parse(argument).of_bytes(1007616), shown) << argument;
}

TEST(SizeFormat, RefusesOtherBlockSizes) {
  for (const char* argument : {"", "0", "x", "1x", "-1", "1b", "2w", "c", "B", "1Kib", "1.5K", "e", "KiBx",
                               "0x", "1 K", "0K", "D", "1.", "KK"}) {
    try {
      SizeFormat::parse(argument);
      ADD_FAILURE() << argument;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument) << argument;
    }
  }
  for (const char* argument : {"18446744073709551616", "16E", "20EB", "99999999999999999999999"}) {
    try {
      SizeFormat::parse(argument);
      ADD_FAILURE() << argument;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::result_out_of_range) << argument;
    }
  }
}

TEST(SizeFormat, UnitsDoNotApplyToInodes) {
  EXPECT_EQ(SizeFormat::in_units(1024).of_inodes(69492), "69492");
  EXPECT_EQ(SizeFormat::parse("K").of_inodes(13), "13");
  EXPECT_EQ(SizeFormat::human().of_inodes(69492), "68K");
  EXPECT_EQ(SizeFormat::si().of_inodes(13), "13");
}

}  // namespace
}  // namespace pwalk::report
