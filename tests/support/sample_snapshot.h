// A small tree described in memory and written as a snapshot by the real writer: whatever a file
// system may hold, without one. sample_tree() has something of everything that the format knows.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/manifest.h"
#include "snapshot/writer.h"

namespace pwalk::test {

struct SampleNode {
  std::string name;
  struct statx stat = {};
  bool has_stat = true;
  int stat_error = 0;
  std::uint16_t dirent_type = 0;  // type bits, without a stat
  std::uint32_t device = 0;       // index of the device: 8:1, 8:2, …
  std::string target;
  int target_error = 0;
  std::uint16_t unread_state = 0;
  snapshot::ListingOutcome outcome;
  std::vector<SampleNode> children;

  bool is_directory() const noexcept {
    return ((has_stat ? stat.stx_mode : dirent_type) & S_IFMT) == S_IFDIR;
  }
};

/// A node with plausible numbers; `inode` makes the rest differ.
SampleNode sample_file(const std::string& name, std::uint64_t inode, std::uint64_t apparent_bytes);
SampleNode sample_directory(const std::string& name, std::uint64_t inode, std::uint16_t permissions,
                            std::vector<SampleNode> children);
/// A further name of `file` with so many links in all.
SampleNode sample_link(const std::string& name, const SampleNode& file, std::uint32_t links);
/// The types without contents.
SampleNode sample_symlink(const std::string& name, std::uint64_t inode, const std::string& target);

/// Two devices, three owners, hard links within and across directories, a wide entry and a wide directory,
/// ACLs, entries without a stat, directories failed, partial, vanished and excluded.
SampleNode sample_tree();

/// Writes the snapshot into `directory`, which is made; `workers` take the directories in turn.
snapshot::Manifest write_sample(const std::string& directory, const SampleNode& root, unsigned workers);

}  // namespace pwalk::test
