// SPDX-License-Identifier: MIT
#include "scan/processors.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "walk/mount_table.h"

namespace pwalk::scan {

namespace {

constexpr int processors_known_to_linux = 1 << 16;  // more than any kernel is built for

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool lists(std::string_view list, std::string_view wanted) {
  std::vector<std::string_view> parts = split(list, ',');
  return std::find(parts.begin(), parts.end(), wanted) != parts.end();
}

/// A hierarchy of groups that limits processors: where it is mounted, and this process's group in it.
struct Hierarchy {
  bool second_version = false;
  std::string mount_point;
  std::string group;  // below the mount point, with a / in front
};

std::vector<Hierarchy> hierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  std::string groups = read_kernel_file(root + "/proc/self/cgroup");
  auto mounts = walk::parse_mountinfo(read_kernel_file(root + "/proc/self/mountinfo"));
  for (std::string_view line : split(groups, '\n')) {  // NUMBER:CONTROLLERS:GROUP, see cgroups(7)
    std::size_t first = line.find(':');
    std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    std::string_view controllers = line.substr(first + 1, second - first - 1);
    bool second_version = controllers.empty();
    if (!second_version && !lists(controllers, "cpu")) continue;
    auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const walk::MountEntry& entry) {
      return second_version ? entry.type == "cgroup2"
                            : entry.type == "cgroup" && lists(entry.super_options, "cpu");
    });
    if (mount == mounts.end()) continue;
    // In a container the mount may begin at the group itself.
    std::string_view group = line.substr(second + 1);
    if (mount->root != "/" && group.starts_with(mount->root)) group.remove_prefix(mount->root.size());
    found.push_back({second_version, root + mount->mount_point, std::string(group)});
  }
  return found;
}

/// Processors' worth of time; nothing where there is no limit.
std::optional<double> quota_of(bool second_version, const std::string& group) {
  std::string limit = second_version ? read_kernel_file(group + "/cpu.max")
                                     : read_kernel_file(group + "/cpu.cfs_quota_us") + " " +
                                           read_kernel_file(group + "/cpu.cfs_period_us");
  std::replace(limit.begin(), limit.end(), '\n', ' ');
  std::vector<std::string_view> words = split(limit, ' ');
  if (words.size() < 2) return std::nullopt;
  auto quota = parse_unsigned(words[0]);  // max or -1: none
  auto period = parse_unsigned(words[1]);
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

unsigned processors_by_affinity() {
  for (int processors = 1024; processors <= processors_known_to_linux; processors *= 2) {
    std::size_t bytes = CPU_ALLOC_SIZE(static_cast<unsigned>(processors));
    std::unique_ptr<cpu_set_t, decltype(&::free)> set(CPU_ALLOC(static_cast<unsigned>(processors)), &::free);
    if (!set) break;
    if (::sched_getaffinity(0, bytes, set.get()) == 0)
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, set.get())));
    if (errno != EINVAL) break;
  }
  return 1;
}

unsigned processors_by_control_group(const std::string& root) {
  std::optional<double> least;
  for (const Hierarchy& hierarchy : hierarchies(root)) {
    std::string group = hierarchy.group == "/" ? "" : hierarchy.group;
    for (;;) {
      auto quota = quota_of(hierarchy.second_version, hierarchy.mount_point + group);
      if (quota && (!least || *quota < *least)) least = quota;
      if (group.empty()) break;
      group.resize(std::min(group.rfind('/'), group.size() - 1));
    }
  }
  if (!least) return 0;
  return static_cast<unsigned>(std::clamp(std::ceil(*least), 1.0, double{processors_known_to_linux}));
}

unsigned usable_processors() {
  unsigned processors = processors_by_affinity();
  if (unsigned allowed = processors_by_control_group(); allowed != 0)
    processors = std::min(processors, allowed);
  const char* slurm = std::getenv("SLURM_CPUS_ON_NODE");
  auto granted = slurm != nullptr ? parse_unsigned(slurm) : std::nullopt;
  if (granted && *granted != 0)
    processors = static_cast<unsigned>(std::min<std::uint64_t>(processors, *granted));
  return processors;
}

}  // namespace pwalk::scan
