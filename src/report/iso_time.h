// A time as text in the form of ISO 8601, in UTC.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "snapshot/manifest.h"

namespace pwalk::report {

/// "2026-11-22T18:46:52.123456789Z", always nine digits; a year beyond four digits with all of its digits, a
/// year before 0 with its sign. Empty for a year that does not fit into 32 bits,
/// as that of no_time.
std::string iso_time(snapshot::Timestamp time);

}  // namespace pwalk::report
