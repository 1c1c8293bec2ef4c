// SPDX-License-Identifier: MIT
#include "snapshot/store_names.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace pwalk::snapshot {

namespace {

constexpr std::size_t name_bytes_max = 200;

}  // namespace

std::string default_store_path() {
  if (const char* store = ::getenv("PWALK_STORE"); store != nullptr && *store != '\0') return store;
  if (::geteuid() == 0) return "/var/lib/pwalk";
  const char* home = ::getenv("HOME");
  if (home == nullptr || *home == '\0') throw_errno(ENOENT, "no store: neither PWALK_STORE nor HOME is set");
  return std::string(home) + "/.local/share/pwalk";
}

std::string default_snapshot_name(std::string_view root) {
  std::string name;
  std::size_t begin = root.find_first_not_of('/');
  if (begin == std::string_view::npos) return "_root_";
  for (char c : root.substr(begin)) {
    if (c == '/')
      name += '-';
    else if (c == '-')
      name += "--";
    else
      name += c;
  }
  if (name[0] == '.') name.insert(0, "_");
  if (name.size() > name_bytes_max) {
    std::string hash = hex64(hash64(root.data(), root.size()));
    name.resize(name_bytes_max - 1 - hash.size());
    name += '-' + hash;
  }
  return name;
}

std::string why_not_a_name(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > name_bytes_max) return "it is longer than 200 bytes";
  if (name.find('/') != std::string_view::npos) return "it contains a slash";
  if (name[0] == '.') return "it begins with a dot";
  return "";
}

std::string time_name(Timestamp start) {
  std::time_t seconds = start.seconds;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) throw_errno(EOVERFLOW, "the clock shows no time");
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H%M%SZ", &parts);
  return text;
}

bool time_name_before(std::string_view a, std::string_view b) {
  auto split = [](std::string_view name) {
    std::size_t suffix = name.find("Z-");
    std::uint64_t number = 1;
    if (suffix != std::string_view::npos) {
      number = parse_unsigned(name.substr(suffix + 2)).value_or(1);
      name = name.substr(0, suffix + 1);
    }
    return std::pair(name, number);
  };
  return split(a) < split(b);
}

bool is_time_name(std::string_view name, Timestamp start) {
  std::string time;
  try {
    time = time_name(start);
  } catch (const std::system_error&) {
    return false;  // a start that no calendar has
  }
  if (!name.starts_with(time)) return false;
  name.remove_prefix(time.size());
  return name.empty() || (name[0] == '-' && parse_unsigned(name.substr(1)));
}

}  // namespace pwalk::snapshot
