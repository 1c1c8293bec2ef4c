// Memory in pages of its own: what nobody has touched is not held, and all of it is given back.
// SPDX-License-Identifier: MIT

#include "base/large_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace pwalk {
namespace {

TEST(LargeMemory, AVectorKeepsItsValuesAsItGrows) {
  std::vector<unsigned, LargeAllocator<unsigned>> values;
  constexpr unsigned count = 3 * huge_page_bytes / sizeof(unsigned);
  for (unsigned value = 0; value < count; ++value) values.push_back(value);
  unsigned wrong = 0;
  for (unsigned value = 0; value < count; ++value) wrong += values[value] == value ? 0 : 1;
  EXPECT_EQ(wrong, 0u);
}

#ifndef PWALK_INSTRUMENTED  // a sanitizer keeps memory to watch over it

std::size_t anonymous_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(std::strlen("RssAnon:")));
  ADD_FAILURE() << "no RssAnon";
  return 0;
}

TEST(LargeMemory, SmallOnesSideBySideHoldWhatWasTouched) {
  constexpr std::size_t count = 64;
  constexpr std::size_t bytes = 135'168;
  std::vector<LargeMemory> all;
  all.reserve(count);
  std::size_t before = anonymous_kib();
  for (std::size_t i = 0; i < count; ++i) {
    all.emplace_back(bytes);
    EXPECT_EQ(all.back().bytes(), bytes);
  }
  for (const LargeMemory& memory : all) static_cast<char*>(memory.data())[0] = 1;
  // A page each; as huge pages it would be all 8 MiB.
  EXPECT_LT(anonymous_kib(), before + 2048);
}

TEST(LargeMemory, IsGivenBack) {
  constexpr std::size_t bytes = 32 * huge_page_bytes;
  std::size_t before = anonymous_kib();
  {
    LargeMemory memory(bytes);
    std::memset(memory.data(), 1, bytes);
    EXPECT_GE(anonymous_kib(), before + bytes / 1024);
    LargeMemory moved = std::move(memory);
    EXPECT_EQ(static_cast<char*>(moved.data())[bytes - 1], 1);
    moved = LargeMemory();
    EXPECT_LT(anonymous_kib(), before + 2048);
  }
}

TEST(LargeMemory, ItsEndIsGivenBackAndItsBeginningKept) {
  constexpr std::size_t bytes = 8 << 20;
  LargeMemory memory(bytes);
  auto* data = static_cast<char*>(memory.data());
  std::memset(data, 1, bytes);
  std::size_t before = anonymous_kib();
  memory.give_back(5000);
  EXPECT_LT(anonymous_kib(), before - 7 * 1024);
  EXPECT_EQ(data[4999], 1);
  EXPECT_EQ(data[bytes - 1], 0);
  std::memset(data, 2, bytes);
  memory.give_back(bytes);
  memory.give_back(bytes + 1);
  EXPECT_EQ(data[bytes - 1], 2);
}

TEST(LargeMemory, TooMuchIsBadAlloc) {
  EXPECT_THROW(LargeMemory(std::size_t{1} << 60), std::bad_alloc);
}

#endif

}  // namespace
}  // namespace pwalk
