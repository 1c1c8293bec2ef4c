// The order of names: that of memcmp, whatever their number, their lengths and the bytes that they share, and
// those with equal names as they were listed.
// SPDX-License-Identifier: MIT

#include "walk/name_sort.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace pwalk::walk {
namespace {

/// Names as a directory lists them.
class Names {
 public:
  explicit Names(const std::vector<std::string>& names) : dirents_(names.size()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::memset(&dirents_[i], 0xee, sizeof dirents_[i]);  // what is behind a name is nobody's business
      std::memcpy(dirents_[i].d_name, names[i].c_str(), names[i].size() + 1);
      auto length = static_cast<std::uint32_t>(names[i].size());
      listed_.push_back(
          {prefix_of(dirents_[i].d_name, length), &dirents_[i], length, static_cast<std::uint32_t>(i)});
    }
  }
  std::vector<std::uint32_t> order_when_sorted() {
    sort_by_name(listed_);
    std::vector<std::uint32_t> order;
    for (const Listed64& listed : listed_) order.push_back(listed.order);
    return order;
  }

 private:
  std::vector<struct dirent64> dirents_;
  std::vector<Listed64> listed_;
};

std::vector<std::uint32_t> expected_order(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> order(names.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  // std::string compares as memcmp does, the shorter one first.
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
  return order;
}

TEST(NameSort, IsThatOfMemcmp) {
  std::mt19937 random(1);
  static constexpr char letters[] = "ab\x01\x7f\x80\xff";
  for (std::size_t count : {0u, 1u, 2u, 3u, 8u, 31u, 32u, 33u, 63u, 64u, 65u, 66u, 200u, 5000u}) {
    for (int round = 0; round < (count < 100 ? 200 : 5); ++round) {
      std::vector<std::string> names;
      while (names.size() < count) {
        // Many share their first bytes, past each border of the eight that are compared at once; some are
        // equal.
        std::string name(random() % 4 * 8 + 1 + random() % 12, 'a');
        for (std::size_t i = name.size() - std::min<std::size_t>(name.size(), 12); i < name.size(); ++i)
          if (random() % 4 == 0) name[i] = letters[random() % (sizeof letters - 1)];
        names.push_back(random() % 10 == 0 && !names.empty() ? names[random() % names.size()] : name);
      }
      ASSERT_EQ(Names(names).order_when_sorted(), expected_order(names)) << count << " names";
    }
  }
}

TEST(NameSort, OneIsTheBeginningOfTheOther) {
  for (std::size_t length = 1; length < 40; ++length)
    for (std::size_t more = 1; more < 20; ++more) {
      std::vector<std::string> names = {std::string(length + more, 'x'), std::string(length, 'x')};
      ASSERT_EQ(Names(names).order_when_sorted(), (std::vector<std::uint32_t>{1, 0}))
          << length << " " << more;
    }
}

TEST(NameSort, TheSameNameManyTimes) {
  for (const char* name : {"x", "12345678", "1234567890123456", "a name that is longer than two words"}) {
    std::vector<std::string> names(1000, name);
    ASSERT_EQ(Names(names).order_when_sorted(), expected_order(names)) << name;
  }
}

}  // namespace
}  // namespace pwalk::walk
