// The hashes are those of the XXH3 specification, in one piece and in many.
// SPDX-License-Identifier: MIT
#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace pwalk {
namespace {

std::string pattern(std::size_t length) {
  std::string bytes(length, '\0');
  for (std::size_t at = 0; at < length; ++at) bytes[at] = static_cast<char>(at * 31 + at / 256);
  return bytes;
}

std::string hex(const Hash128& hash) {
  std::string text;
  for (std::uint8_t byte : hash) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text;
}

// As xxhsum -H3 and -H128 (xxHash 0.8) print them.
TEST(Hash, IsXxh3) {
  EXPECT_EQ(hash64("", 0), 0x2d06800538d394c2u);
  EXPECT_EQ(hex(hash128("", 0)), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash64("pwalk", 5), 0xeb2b7870d83dc030u);
  EXPECT_EQ(hex(hash128("pwalk", 5)), "366db2d318ea60afa6bc72ceb0a1adbc");
  std::string long_text = pattern(70000);
  EXPECT_EQ(hash64(long_text.data(), long_text.size()), 0x77fc020ed7fce979u);
  EXPECT_EQ(hex(hash128(long_text.data(), long_text.size())), "c834bbf424f363e177fc020ed7fce979");
}

TEST(Hash, PiecesMakeTheWhole) {
  for (std::size_t length : {0u, 5u, 16u, 17u, 128u, 129u, 240u, 241u, 1000u, 70000u}) {
    std::string bytes = pattern(length);
    for (std::size_t piece : {1u, 7u, 239u, 240u, 256u, 1000u, 65536u}) {
      Hash64Stream stream64;
      Hash128Stream stream128;
      for (int round = 0; round < 2; ++round) {  // what was before start() does not count
        stream64.start();
        stream128.start();
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
          std::size_t part = std::min(piece, bytes.size() - at);
          stream64.add(bytes.data() + at, part);
          stream128.add(bytes.data() + at, part);
        }
      }
      EXPECT_EQ(stream64.finish(), hash64(bytes.data(), bytes.size())) << piece;
      EXPECT_EQ(stream128.finish(), hash128(bytes.data(), bytes.size())) << piece;
    }
  }
}

}  // namespace
}  // namespace pwalk
