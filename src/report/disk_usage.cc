// SPDX-License-Identifier: MIT
#include "report/disk_usage.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "report/tree_cursor.h"
#include "snapshot/children.h"

namespace pwalk::report {

namespace {

/// Sum over the entries of the subtree, links counted each.
std::uint64_t counted_amount(const format::Directory& record, Measure measure) noexcept {
  switch (measure) {
    case Measure::inodes:
      return record.entries;
    case Measure::apparent:
      return record.apparent_bytes + record.directory_bytes;
    default:
      return record.disk_bytes;
  }
}

/// What further entries of one inode add to counted_amount().
std::uint64_t excess_amount(const format::Directory& record, Measure measure) noexcept {
  switch (measure) {
    case Measure::inodes:
      return record.excess_inodes;
    case Measure::apparent:
      return record.excess_apparent;
    default:
      return record.excess_disk;
  }
}

/// What further entries of one inode add among the children themselves: of each group of links the sum
/// without the largest, as the subtree's excess is defined.
std::uint64_t own_excess(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         Measure measure) {
  std::vector<std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>> links;  // device, inode, amount
  for (snapshot::Children children(snapshot, directory); !children.at_end();) {
    snapshot::Entry child = children.next();
    if (!child.is_directory() && child.has_stat() && child.nlink > 1)
      links.emplace_back(child.device_index, child.inode, entry_amount(child, measure));
  }
  std::sort(links.begin(), links.end());
  std::uint64_t excess = 0;
  for (std::size_t i = 1; i < links.size(); ++i) {
    auto [device, inode, amount] = links[i - 1];
    if (device == std::get<0>(links[i]) && inode == std::get<1>(links[i])) excess += amount;
  }
  return excess;
}

}  // namespace

std::uint64_t entry_amount(const snapshot::Entry& entry, Measure measure) noexcept {
  switch (measure) {
    case Measure::inodes:
      return 1;
    case Measure::apparent:
      return entry.apparent_bytes;
    default:
      return entry.blocks * 512;
  }
}

std::uint64_t subtree_amount(const snapshot::Directory& directory, const DiskUsageOptions& options) noexcept {
  std::uint64_t amount = counted_amount(directory.record, options.measure);
  return options.count_links ? amount : amount - excess_amount(directory.record, options.measure);
}

std::uint64_t own_amount(const snapshot::Snapshot& snapshot, const snapshot::Directory& directory,
                         const DiskUsageOptions& options) {
  std::uint64_t amount = counted_amount(directory.record, options.measure);
  for (std::uint32_t position = 0; position < directory.record.dir_count; ++position)
    amount -= counted_amount(snapshot.subdirectory(directory, position).record, options.measure);
  if (!options.count_links && directory.record.excess_inodes > 0)
    amount -= own_excess(snapshot, directory, options.measure);
  return amount;
}

void append_line(std::uint64_t amount, const std::string& name, const DiskUsageOptions& options,
                 std::string& out) {
  out += options.measure == Measure::inodes ? options.size.of_inodes(amount) : options.size.of_bytes(amount);
  out += '\t';
  out += options.for_terminal ? printable(name) : name;
  out += options.line_end;
}

std::uint64_t print_disk_usage(const Location& location, const std::string& shown_path,
                               const DiskUsageOptions& options, Output& output) {
  using Visit = TreeCursor::Visit;
  const snapshot::Snapshot& snapshot = *location.snapshot;
  std::uint64_t whole = 0;
  TreeCursor cursor(location.snapshot, location.entry, shown_path,
                    options.all ? TreeCursor::Among::entries : TreeCursor::Among::directories);
  for (Visit visit = cursor.next(); visit != Visit::end; visit = cursor.next()) {
    if (visit == Visit::enter) {
      if (cursor.depth() >= options.max_depth) cursor.skip();
      continue;
    }
    bool is_directory = visit == Visit::leave;
    if (!(is_directory ? snapshot.entry(cursor.directory().entry()) : cursor.entry()).has_stat()) continue;
    std::uint64_t amount = is_directory ? subtree_amount(cursor.directory(), options)
                                        : entry_amount(cursor.entry(), options.measure);
    if (cursor.depth() == 0) whole = amount;
    if (is_directory && options.separate_directories)
      amount = own_amount(snapshot, cursor.directory(), options);
    append_line(amount, cursor.path(), options, output.text());
    output.end_line();
  }
  return whole;
}

}  // namespace pwalk::report
