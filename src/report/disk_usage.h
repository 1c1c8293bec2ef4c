// What du prints, answered from the totals that a snapshot keeps for each directory: no more is read than is
// printed. Each line is what `du -s` would print for that directory on its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "report/location.h"
#include "report/output.h"
#include "report/size_format.h"
#include "snapshot/snapshot.h"

namespace pwalk::report {

/// Which amount is printed.
enum class Measure {
  disk,      // disk usage: st_blocks × 512, of directories too
  apparent,  // apparent size: st_size, of directories too
  inodes,    // the number of inodes, directories and the start included
};

struct DiskUsageOptions {
  Measure measure = Measure::disk;
  bool count_links = false;           // every entry counts, not every inode once
  bool separate_directories = false;  // own totals: without subdirectories
  bool all = false;                   // also a line for each entry that is not a directory
  std::uint64_t max_depth = std::numeric_limits<std::uint64_t>::max();  // below the start
  SizeFormat size = SizeFormat::in_units(1024);
  char line_end = '\n';
  bool for_terminal = false;  // names as printable() shows them
};

/// Everything below and the directory itself.
std::uint64_t subtree_amount(const snapshot::Directory& directory, const DiskUsageOptions& options) noexcept;

/// The directory itself and its children that are not directories; an inode that several of these share
/// counts once, as its largest entry, unless links are counted. Reads the record of each subdirectory, and
/// the children only where some inode is shared below.
std::uint64_t own_amount(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         const DiskUsageOptions& options);

/// An entry on its own.
std::uint64_t entry_amount(const snapshot::Entry& entry, Measure measure) noexcept;

/// Appends `AMOUNT\tNAME` and the line's end.
void append_line(std::uint64_t amount, const std::string& name, const DiskUsageOptions& options,
                 std::string& out);

/// Prints the lines for `location`, whose path is shown as `shown_path`: children before their directory, in
/// name order. Returns the amount of the whole. Entries and directories whose statx failed have no line.
std::uint64_t print_disk_usage(const Location& location, const std::string& shown_path,
                               const DiskUsageOptions& options, Output& output);

}  // namespace pwalk::report
