// Which snapshots the rules of a history keep.
// SPDX-License-Identifier: MIT
#include "snapshot/retention.h"

#include <gtest/gtest.h>

#include <chrono>

namespace pwalk::snapshot {
namespace {

using namespace std::chrono_literals;

Dated at(std::chrono::year_month_day date, std::chrono::minutes time = 0min, bool complete = true) {
  return {std::chrono::duration_cast<std::chrono::seconds>(
              (std::chrono::sys_days(date) + time).time_since_epoch())
              .count(),
          complete};
}

/// One character for each: the number of rules that keep it.
std::string counts(const KeepRules& rules, const std::vector<Dated>& snapshots) {
  std::string text;
  for (const auto& kept : kept_by(rules, snapshots)) text += static_cast<char>('0' + kept.size());
  return text;
}

TEST(Retention, NothingIsKeptWithoutARule) {
  EXPECT_EQ(counts({}, {}), "");
  EXPECT_EQ(counts({}, {at(2026y / 1 / 1), at(2026y / 1 / 2)}), "00");
}

TEST(Retention, LastKeepsTheNewest) {
  std::vector<Dated> three = {at(2026y / 1 / 1), at(2026y / 1 / 1, 1min), at(2026y / 1 / 1, 2min)};
  EXPECT_EQ(counts({.last = 2}, three), "011");
  EXPECT_EQ(counts({.last = 9}, three), "111");
  // Two starts in one second are two snapshots.
  EXPECT_EQ(counts({.last = 2}, {at(2026y / 1 / 1), at(2026y / 1 / 1)}), "11");
}

TEST(Retention, DailyKeepsTheNewestOfEachDay) {
  std::vector<Dated> two_days = {at(2026y / 1 / 1, 1h), at(2026y / 1 / 1, 23h + 59min), at(2026y / 1 / 2, 0h),
                                 at(2026y / 1 / 2, 5h)};
  EXPECT_EQ(counts({.daily = 1}, two_days), "0001");
  EXPECT_EQ(counts({.daily = 2}, two_days), "0101");
  // Days without a snapshot do not count.
  EXPECT_EQ(counts({.daily = 2}, {at(2025y / 1 / 1), at(2026y / 1 / 1), at(2026y / 1 / 1, 1h)}), "101");
}

TEST(Retention, WeeksBeginOnMonday) {
  // 2026-11-22 is a Sunday.
  std::vector<Dated> days;
  for (unsigned day = 14; day <= 24; ++day) days.push_back(at(2026y / 11 / std::chrono::day(day)));
  //                                             SS MTWTFSS MT
  EXPECT_EQ(counts({.weekly = 1}, days), "00000000001");
  EXPECT_EQ(counts({.weekly = 2}, days), "00000000101");
  EXPECT_EQ(counts({.weekly = 3}, days), "01000000101");
  // Neither the first days of 1970 nor those before are special: 1969-12-29 was a Monday.
  EXPECT_EQ(counts({.weekly = 9}, {at(1969y / 12 / 28), at(1969y / 12 / 29), at(1970y / 1 / 4)}), "101");
}

TEST(Retention, MonthsOfDifferentYearsDiffer) {
  EXPECT_EQ(counts({.monthly = 9},
                   {at(2025y / 1 / 31), at(2025y / 12 / 31), at(2026y / 1 / 1), at(2026y / 1 / 31)}),
            "1101");
}

TEST(Retention, RulesAdd) {
  std::vector<Dated> three = {at(2026y / 1 / 31), at(2026y / 2 / 1), at(2026y / 2 / 2)};
  EXPECT_EQ(counts({.last = 1, .daily = 2, .monthly = 2}, three), "113");
  auto kept = kept_by({.last = 1, .daily = 2, .monthly = 2}, three);
  EXPECT_EQ(kept[0], std::vector<std::string>{"monthly"});
  EXPECT_EQ(kept[2], (std::vector<std::string>{"last", "daily", "monthly"}));
}

TEST(Retention, IncompleteOnesDoNotPushOutCompleteOnes) {
  std::vector<Dated> history = {at(2026y / 1 / 1), at(2026y / 1 / 2, 0h, false), at(2026y / 1 / 3),
                                at(2026y / 1 / 4, 0h, false), at(2026y / 1 / 5, 0h, false)};
  EXPECT_EQ(counts({.last = 2}, history), "10111");
  EXPECT_EQ(counts({.last = 1}, history), "00111");
  EXPECT_EQ(counts({.daily = 9}, history), "10111");
}

}  // namespace
}  // namespace pwalk::snapshot
