// pwalk-scan's command line: what the scan is asked to do, and what is to be told about it. Its main's only.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "scan/scan.h"
#include "scan_report.h"

namespace pwalk {

struct ScanOptions {
  scan::Request request;
  ScanReport report;
  bool nice = false;  // use what others leave
};

/// Fills `options`. Nothing if the program shall go on; otherwise its exit status, what there is to say
/// having been said.
std::optional<int> parse_scan_options(int argc, char** argv, ScanOptions& options);

}  // namespace pwalk
