// Which snapshots of a history are worth keeping: the newest ones, and the newest of each of the newest days,
// weeks and months that have any. Pure arithmetic; days are those of UTC, weeks begin on Monday.
//
// Only complete snapshots count. An incomplete one is kept for as long as no complete one is newer.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pwalk::snapshot {

/// How many of each; 0: the rule keeps nothing.
struct KeepRules {
  std::uint64_t last = 0;
  std::uint64_t daily = 0;
  std::uint64_t weekly = 0;
  std::uint64_t monthly = 0;
};

struct Dated {
  std::int64_t start_seconds = 0;  // since 1970-01-01T00:00:00Z
  bool complete = true;
};

/// For each of `snapshots`, oldest first, the names of the rules that keep it, such as "last"; none if it may
/// go.
std::vector<std::vector<std::string>> kept_by(const KeepRules& rules, const std::vector<Dated>& snapshots);

}  // namespace pwalk::snapshot
