// SPDX-License-Identifier: MIT
#include "scan/gentle.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "scan/progress.h"

namespace pwalk::scan {

namespace {

// linux/ioprio.h, which older systems do not install.
constexpr int io_who_process = 1;
constexpr int io_class_idle = 3;
constexpr int io_class_shift = 13;

constexpr std::uint64_t bytes_an_entry = 105;  // measured: man pwalk-snapshot(5)

}  // namespace

std::string take_what_others_leave() {
  std::string refused;
  struct sched_param none = {};
  if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0)
    refused = std::string("the processors' idle class: ") + std::strerror(errno);
  if (::syscall(SYS_ioprio_set, io_who_process, 0, io_class_idle << io_class_shift) != 0)
    refused += std::string(refused.empty() ? "" : "; ") + "the disks' idle class: " + std::strerror(errno);
  return refused;
}

std::uint64_t bytes_forecast(std::uint64_t entries) noexcept {
  return entries * bytes_an_entry;
}

std::string space_warning(Expected expected, std::uint64_t available_bytes, const std::string& path) {
  auto [entries, at_most] = expected;
  std::uint64_t needed = bytes_forecast(entries);
  if (needed <= available_bytes) return "";
  return fmt::format(
      "warning: the snapshot may not fit: {} {} entries need {} bytes, '{}' has {} bytes available",
      at_most ? "the file system's" : "about", grouped(entries), grouped(needed), printable(path),
      grouped(available_bytes));
}

}  // namespace pwalk::scan
