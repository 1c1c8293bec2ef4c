// Names as text: for a terminal, for JSON and back, and numbers from a command line.
// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

namespace pwalk {
namespace {

using namespace std::string_literals;

TEST(Printable, LeavesOrdinaryNamesAlone) {
  for (const char* name : {"", "a", "file.txt", "a b", "%41", "'quoted'", "Grüße", "日本語", "😀", "-rf *"})
    EXPECT_EQ(printable(name), name);
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("a\nb\tc\\d"), "a\\nb\\tc\\\\d");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("\0\x01\x1f\x7f"s), "\\x00\\x01\\x1f\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "\\xc2\\x9b1m");                                // C1: CSI
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");  // left-to-right isolate
  EXPECT_EQ(printable("\xd8\x9c"), "\\xd8\\x9c");           // Arabic letter mark
  EXPECT_EQ(printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");  // line separator
  EXPECT_EQ(printable("\xef\xbb\xbf"), "\\xef\\xbb\\xbf");  // byte order mark
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");             // no-break space is none of these
}

TEST(Printable, EscapesEachByteThatIsNotUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("a\xc3"), "a\\xc3");                           // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

/// No name, of whatever bytes, leaves a byte that a terminal obeys.
TEST(Printable, NeverLeavesAControlByte) {
  std::mt19937 random(7);
  for (int run = 0; run < 20000; ++run) {
    std::string name;
    for (auto length = random() % 12; length > 0; --length) name += static_cast<char>(random());
    std::string shown = printable(name);
    for (std::size_t i = 0; i < shown.size();) {
      std::size_t length = utf8_length(shown, i);
      ASSERT_GT(length, 0u) << to_hex(name.data(), name.size());
      auto byte = static_cast<unsigned char>(shown[i]);
      ASSERT_TRUE(byte >= 0x20 && byte != 0x7f) << to_hex(name.data(), name.size());
      if (byte == 0xc2) {
        ASSERT_GE(static_cast<unsigned char>(shown[i + 1]), 0xa0);
      }
      i += length;
    }
  }
}

TEST(PercentEncode, KeepsTextAndEncodesTheRest) {
  EXPECT_EQ(percent_encode("/usr/share/Grüße"), "/usr/share/Grüße");
  EXPECT_EQ(percent_encode("100%"), "100%25");
  EXPECT_EQ(percent_encode("a\nb\x7f\xff"), "a%0ab%7f%ff");
  EXPECT_EQ(percent_encode("\0"s), "%00");
  EXPECT_EQ(percent_encode("\xc2\x9b\xe2\x80\xae"), "%c2%9b%e2%80%ae");  // C1, right to left
  EXPECT_EQ(percent_encode(""), "");
}

TEST(PercentEncode, IsReversible) {
  std::mt19937 random(11);
  for (int run = 0; run < 20000; ++run) {
    std::string name;
    for (auto length = random() % 16; length > 0; --length) name += static_cast<char>(random());
    ASSERT_EQ(percent_decode(percent_encode(name)), name);
  }
}

TEST(PercentDecode, RefusesABrokenEncoding) {
  EXPECT_EQ(percent_decode("a%4"), std::nullopt);
  EXPECT_EQ(percent_decode("a%"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
  EXPECT_EQ(percent_decode("%4g"), std::nullopt);
  EXPECT_EQ(percent_decode("%41%5A%5a"), "AZZ");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(Utf8Length, FollowsRfc3629) {
  EXPECT_EQ(utf8_length("a", 0), 1u);
  EXPECT_EQ(utf8_length("", 0), 0u);
  EXPECT_EQ(utf8_length("a", 1), 0u);
  EXPECT_EQ(utf8_length("\xc3\xbc", 0), 2u);
  EXPECT_EQ(utf8_length("\xc3\xbc", 1), 0u);
  EXPECT_EQ(utf8_length("\xe0\xa0\x80", 0), 3u);
  EXPECT_EQ(utf8_length("\xe0\x9f\xbf", 0), 0u);
  EXPECT_EQ(utf8_length("\xed\x9f\xbf", 0), 3u);
  EXPECT_EQ(utf8_length("\xf0\x90\x80\x80", 0), 4u);
  EXPECT_EQ(utf8_length("\xf0\x8f\xbf\xbf", 0), 0u);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf", 0), 4u);
  EXPECT_EQ(utf8_length("\xf5\x80\x80\x80", 0), 0u);
}

TEST(Hex, BothWays) {
  EXPECT_EQ(to_hex("\0\xab\x10", 3), "00ab10");
  EXPECT_EQ(from_hex("00AB10"), "\0\xab\x10"s);
  EXPECT_EQ(from_hex(""), "");
  EXPECT_EQ(from_hex("0"), std::nullopt);
  EXPECT_EQ(from_hex("0x"), std::nullopt);
  EXPECT_EQ(hex64(0), "0000000000000000");
  EXPECT_EQ(hex64(0x0123456789abcdef), "0123456789abcdef");
}

TEST(ParseUnsigned, TakesDecimalNumbersOnly) {
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned("007"), 7u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), 18446744073709551615u);
  for (const char* text :
       {"", " 1", "1 ", "+1", "-1", "0x1", "1e3", "18446744073709551616", "99999999999999999999"})
    EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
}

TEST(ErrnoName, NamesKnownNumbers) {
  EXPECT_EQ(errno_name(EACCES), "EACCES");
  EXPECT_EQ(errno_name(ENOENT), "ENOENT");
  EXPECT_EQ(errno_name(12345), "12345");
}

}  // namespace
}  // namespace pwalk
