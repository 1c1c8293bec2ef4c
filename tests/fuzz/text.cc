// Text in and out: what is shown on a terminal, what stands in the manifest and comes back from it, numbers,
// the words of -o, the kernel's mount table.
// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <system_error>

#include "fuzz/input.h"
#include "mount/options.h"
#include "walk/mount_table.h"

namespace pwalk::fuzz {

namespace {

void check_printable(std::string_view bytes) {
  std::string shown = printable(bytes);
  for (std::size_t at = 0; at < shown.size();) {
    std::size_t length = utf8_length(shown, at);
    require(length > 0);
    auto first = static_cast<unsigned char>(shown[at]);
    require(first >= 0x20 && first != 0x7f);
    require(!(first == 0xc2 && static_cast<unsigned char>(shown[at + 1]) < 0xa0));  // C1
    at += length;
  }
}

void check_encodings(std::string_view bytes) {
  std::string encoded = percent_encode(bytes);
  require(percent_decode(encoded) == bytes);
  for (std::size_t at = 0; at < encoded.size(); at += utf8_length(encoded, at))
    require(utf8_length(encoded, at) > 0);
  percent_decode(bytes);
  require(from_hex(to_hex(bytes.data(), bytes.size())) == bytes);
  from_hex(bytes);
  if (auto number = parse_unsigned(bytes)) require(parse_unsigned(std::to_string(*number)) == number);
}

void check_options(std::string_view bytes) {
  std::vector<std::string> words = mount::split_options(bytes);
  std::string joined;
  for (const std::string& word : words)
    joined += (joined.empty() ? "" : ",") + mount::escape_option_value(word);
  require(mount::split_options(joined) == words);
  try {
    mount::read_options(std::string(bytes), words);
  } catch (const std::system_error& error) {
    require(error.code().value() == EINVAL);
  }
}

}  // namespace

}  // namespace pwalk::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  std::string_view text(reinterpret_cast<const char*>(bytes), length);
  pwalk::fuzz::check_printable(text);
  pwalk::fuzz::check_encodings(text);
  pwalk::fuzz::check_options(text);
  pwalk::walk::parse_mountinfo(text);
  return 0;
}
