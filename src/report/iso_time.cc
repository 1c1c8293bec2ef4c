// SPDX-License-Identifier: MIT
#include "report/iso_time.h"

#include <fmt/format.h>

#include <cstdint>
#include <ctime>

namespace pwalk::report {

std::string iso_time(snapshot::Timestamp time) {
  std::time_t seconds = time.seconds;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", std::int64_t{parts.tm_year} + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     time.nanoseconds);
}

}  // namespace pwalk::report
