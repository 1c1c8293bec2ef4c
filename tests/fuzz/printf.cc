// Formats of pwalk-dump --printf, and entries of any values through them.
// SPDX-License-Identifier: MIT
#include "report/printf_format.h"

#include <system_error>

#include "fuzz/input.h"

namespace {

using pwalk::fuzz::Input;

pwalk::snapshot::Timestamp time_from(Input& input) {
  return {input.number<std::int64_t>(), input.number<std::uint32_t>() % 1'000'000'000};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  Input input(bytes, length);
  snapshot::Manifest manifest;
  manifest.devices.push_back({input.number<std::uint32_t>(), input.number<std::uint32_t>(), "", 0, 0});
  bool for_terminal = input.number<std::uint8_t>() % 2 == 0;
  snapshot::Entry entry;
  entry.flags = input.number<std::uint8_t>() % 4 == 0 ? format::flag_no_stat : 0;
  entry.mode = input.number<std::uint16_t>();
  entry.uid = input.number<std::uint16_t>();
  entry.gid = input.number<std::uint16_t>();
  entry.nlink = input.number<std::uint32_t>();
  entry.inode = input.number<std::uint64_t>();
  entry.apparent_bytes = input.number<std::uint64_t>();
  entry.blocks = input.number<std::uint64_t>();
  entry.atime = time_from(input);
  entry.mtime = time_from(input);
  if (input.number<std::uint8_t>() % 2 == 0) entry.btime = time_from(input);
  entry.name = input.text();
  entry.target = input.text();
  std::string path = "/" + std::string(input.text()) + "/" + std::string(entry.name);
  std::size_t start_length = input.number<std::uint8_t>() % (path.size() + 1);
  std::string_view text = input.rest();
  try {
    report::PrintfFormat printf_format(text, manifest, for_terminal);
    std::string out;
    printf_format.append({entry, path, start_length, 3}, out);
    std::string again;
    printf_format.append({entry, path, start_length, 3}, again);
    fuzz::require(out == again);
    if (text.find_first_of("%\\") == std::string_view::npos) fuzz::require(out == text);
  } catch (const std::system_error& error) {
    fuzz::require(error.code().value() == EINVAL);
  }
  return 0;
}
