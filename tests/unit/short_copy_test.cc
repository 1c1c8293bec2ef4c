// Short copies: every byte and not one more, whatever the length and wherever it begins.
// SPDX-License-Identifier: MIT
#include "base/short_copy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pwalk {
namespace {

TEST(ShortCopy, IsMemcpy) {
  std::string from;
  for (int at = 0; at < 200; ++at) from += static_cast<char>(at + 1);
  for (std::size_t length = 0; length <= 100; ++length)
    for (std::size_t shift = 0; shift < 17; ++shift) {
      std::string to(200, '\xee');
      std::string expected = to;
      expected.replace(50 + shift, length, from, shift, length);
      copy_short(to.data() + 50 + shift, from.data() + shift, length);
      ASSERT_EQ(to, expected) << length << " bytes from " << shift;
    }
}

// A sanitizer sees what is read outside of the source.
TEST(ShortCopy, ReadsNoMore) {
  for (std::size_t length = 1; length <= 100; ++length) {
    std::vector<char> from(length, 'x');
    from.shrink_to_fit();
    std::vector<char> to(length);
    copy_short(to.data(), from.data(), length);
    ASSERT_EQ(to, from);
  }
}

TEST(ShortCopy, OfNothingMayBeFromNowhere) {
  char to = 'x';
  copy_short(&to, nullptr, 0);
  EXPECT_EQ(to, 'x');
}

}  // namespace
}  // namespace pwalk
