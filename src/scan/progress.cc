// SPDX-License-Identifier: MIT
#include "scan/progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace pwalk::scan {

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string clock_text(double seconds) {
  auto whole = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_line(const Progress& progress) {
  double walked = progress.walked_seconds.value_or(progress.seconds);
  double rate = walked > 0 ? static_cast<double>(progress.entries) / walked : 0;
  std::string counts = fmt::format("{} entries, {} directories, {} errors, {} entries/s",
                                   grouped(progress.entries), grouped(progress.directories),
                                   grouped(progress.errors), grouped(static_cast<std::uint64_t>(rate)));
  std::string clock = clock_text(progress.seconds);
  if (progress.walked_seconds) return fmt::format("writing the snapshot, {}: {}", clock, counts);
  std::string line = counts + ", " + clock;
  if (progress.seconds >= 1 && rate > 0 && progress.expected_entries.value_or(0) > progress.entries)
    line += ", ETA " + clock_text(static_cast<double>(*progress.expected_entries - progress.entries) / rate);
  return line;
}

}  // namespace pwalk::scan
