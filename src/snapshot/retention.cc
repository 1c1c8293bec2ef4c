// SPDX-License-Identifier: MIT
#include "snapshot/retention.h"

#include <chrono>
#include <functional>
#include <optional>

namespace pwalk::snapshot {

namespace {

using std::chrono::floor;

std::chrono::sys_days day_of(const Dated& snapshot) {
  return floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(snapshot.start_seconds)));
}

/// Number of the day, week or month; equal for two snapshots of the same one.
std::int64_t day(const Dated& snapshot) {
  return day_of(snapshot).time_since_epoch().count();
}

std::int64_t week(const Dated& snapshot) {
  std::chrono::sys_days that_day = day_of(snapshot);
  return (that_day - (std::chrono::weekday(that_day) - std::chrono::Monday)).time_since_epoch().count();
}

std::int64_t month(const Dated& snapshot) {
  std::chrono::year_month_day date(day_of(snapshot));
  return std::int64_t{int(date.year())} * 12 + unsigned(date.month());
}

}  // namespace

std::vector<std::vector<std::string>> kept_by(const KeepRules& rules, const std::vector<Dated>& snapshots) {
  std::vector<std::vector<std::string>> kept(snapshots.size());

  // From the newest on, `most` times whichever begins a new period.
  auto keep = [&](const char* rule, std::uint64_t most,
                  const std::function<std::int64_t(const Dated&)>& period) {
    std::optional<std::int64_t> before;
    for (std::size_t i = snapshots.size(); i-- > 0 && most > 0;) {
      if (!snapshots[i].complete) continue;
      std::int64_t its = period ? period(snapshots[i]) : static_cast<std::int64_t>(i);
      if (before == its) continue;
      before = its;
      kept[i].emplace_back(rule);
      --most;
    }
  };
  keep("last", rules.last, nullptr);
  keep("daily", rules.daily, day);
  keep("weekly", rules.weekly, week);
  keep("monthly", rules.monthly, month);

  for (std::size_t i = snapshots.size(); i-- > 0 && !snapshots[i].complete;)
    kept[i].emplace_back("no complete one is newer");
  return kept;
}

}  // namespace pwalk::snapshot
