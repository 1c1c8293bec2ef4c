// How far a scan is, and how that is told in one line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pwalk::scan {

struct Progress {
  std::uint64_t entries = 0;
  std::uint64_t directories = 0;
  std::uint64_t errors = 0;
  double seconds = 0;  // since the start
  // From the last snapshot of the same name, else the used inodes of the file system.
  std::optional<std::uint64_t> expected_entries;
  // How long the walk took, once it is over: what is left is to write and force the rest of the snapshot.
  std::optional<double> walked_seconds;
};

/// "12,345 entries, 678 directories, 0 errors, 4,567 entries/s, 0:00:03, ETA 0:01:20". The estimate takes the
/// average rate so far; it is left out before the first second and once there are more entries than expected.
/// After the walk: "writing the snapshot, 0:00:04: 12,345 entries, 678 directories, 0 errors, 4,567
/// entries/s", of which the rate is the walk's.
std::string progress_line(const Progress& progress);

/// A number with a comma between groups of three digits.
std::string grouped(std::uint64_t number);

/// Whole seconds as H:MM:SS.
std::string clock_text(double seconds);

}  // namespace pwalk::scan
