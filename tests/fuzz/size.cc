// Arguments of pwalk-du -B, and amounts in the units that they give.
// SPDX-License-Identifier: MIT
#include "report/size_format.h"

#include <cctype>
#include <system_error>

#include "base/text.h"
#include "fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  fuzz::Input input(bytes, length);
  auto amount = input.number<std::uint64_t>();
  std::string_view argument = input.rest();
  try {
    report::SizeFormat size = report::SizeFormat::parse(argument);
    std::string shown = size.of_bytes(amount);
    fuzz::require(!shown.empty() && std::isdigit(static_cast<unsigned char>(shown[0])) != 0);
    fuzz::require(amount == 0 || shown[0] != '0');  // rounded up
    fuzz::require(!size.of_inodes(amount).empty());
    // A number alone is the unit: the amount in it, rounded up.
    if (auto unit = parse_unsigned(argument); unit && argument[0] != '0')
      fuzz::require(shown == std::to_string(amount / *unit + (amount % *unit != 0 ? 1 : 0)));
  } catch (const std::system_error& error) {
    fuzz::require(error.code().value() == EINVAL || error.code().value() == ERANGE);
  }
  for (const report::SizeFormat& powers : {report::SizeFormat::human(), report::SizeFormat::si()})
    fuzz::require(powers.of_bytes(amount).size() <= 5 && powers.of_inodes(amount).size() <= 5);
  return 0;
}
