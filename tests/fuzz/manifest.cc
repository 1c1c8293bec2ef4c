// The parser of the manifest: the input is the text before the hash, which is made right. What it accepts it
// must write again as it understood it.
// SPDX-License-Identifier: MIT
#include "snapshot/manifest.h"

#include "base/error.h"
#include "fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  std::string_view text(reinterpret_cast<const char*>(bytes), length);
  auto parses = [](const std::string& manifest) -> bool {
    try {
      std::string once = snapshot::to_text(snapshot::parse_manifest(manifest));
      fuzz::require(snapshot::to_text(snapshot::parse_manifest(once)) == once);
      return true;
    } catch (const FormatError& error) {
      fuzz::require(error.rule().front() == 'M');
      return false;
    }
  };
  // As it is, and with the hash that makes the rest count.
  parses(std::string(text));
  parses(std::string(text) + snapshot::manifest_tail(text));
  return 0;
}
