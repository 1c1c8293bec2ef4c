// What the JSON texts have in common: times, numbers of devices, totals, and padding to a length that tells
// nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/text.h"
#include "report/iso_time.h"
#include "snapshot/manifest.h"

namespace pwalk::report {

using Json = nlohmann::ordered_json;

inline constexpr std::uint64_t widest_number = std::numeric_limits<std::uint64_t>::max();
/// A time whose JSON is as long as any: beyond the years that it can give there is no ISO form.
inline constexpr snapshot::Timestamp widest_time{-67768040609740800, 999999999};

/// null for an empty text.
inline Json text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

/// The bytes of a name or path, percent-encoded; null where there is none.
inline Json encoded_or_null(const std::optional<std::string>& bytes) {
  if (!bytes) return nullptr;
  return percent_encode(*bytes);
}

/// null for no_time.
inline Json time_json(snapshot::Timestamp time) {
  if (time == snapshot::no_time) return nullptr;
  return Json{
      {"seconds", time.seconds}, {"nanoseconds", time.nanoseconds}, {"iso", text_or_null(iso_time(time))}};
}

inline Json device_json(std::uint32_t major, std::uint32_t minor) {
  return Json{{"major", major}, {"minor", minor}};
}

/// The members that tell totals where a whole snapshot is one object.
inline Json totals_json(const snapshot::Totals& totals) {
  return Json{{"entries", totals.entries},
              {"files", totals.files},
              {"directories", totals.directories},
              {"symlinks", totals.symlinks},
              {"others", totals.others()},
              {"apparent_bytes", totals.apparent_bytes},
              {"directory_bytes", totals.directory_bytes},
              {"disk_bytes", totals.disk_bytes},
              {"excess_inodes", totals.excess_inodes},
              {"excess_apparent", totals.excess_apparent},
              {"excess_disk", totals.excess_disk},
              {"errors", totals.errors}};
}

inline std::string json_text(const Json& json) {
  return json.dump(2) + "\n";
}

/// Spaces before the last newline until there are `bytes`; a text that has as many already stays.
inline std::string padded(std::string text, std::size_t bytes) {
  if (text.size() < bytes) text.insert(text.size() - 1, bytes - text.size(), ' ');
  return text;
}

}  // namespace pwalk::report
