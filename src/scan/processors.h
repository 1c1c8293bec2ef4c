// How many processors a scan may use: what its affinity, its control groups' quotas and a Slurm job leave it.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace pwalk::scan {

/// Processors that this process may run on (sched_getaffinity(2)), at least 1.
unsigned processors_by_affinity();

/// Processors' worth of time that the control groups of this process allow it, a part counted as a whole one;
/// 0 where they set no limit. Versions 1 and 2 (cpu.cfs_quota_us over cpu.cfs_period_us, cpu.max), the group
/// itself and those above it. `root` stands before every path that is read: for tests.
unsigned processors_by_control_group(const std::string& root = "");

/// The least of these and of SLURM_CPUS_ON_NODE, if that is a number; at least 1.
unsigned usable_processors();

}  // namespace pwalk::scan
