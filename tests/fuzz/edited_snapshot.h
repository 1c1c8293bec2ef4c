// A snapshot that a fuzzer's input edits: records changed, copied, exchanged, cut off and added, the manifest
// and the headers changed; then all hashes, counts and lengths are made right again, so that what answers are
// the rules of the structure. One edit in the input may damage bytes for good.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/input.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::fuzz {

class EditedSnapshot {
 public:
  /// Writes the sample, which has something of everything, into memory.
  EditedSnapshot();

  const std::string& path() const noexcept { return path_; }
  /// Makes the snapshot that the edits at the front of `input` give: one byte says how many.
  void edit(Input& input);

 private:
  void edit_once(Input& input, test::SnapshotEditor& editor);
  void edit_records(Input& input, test::SnapshotEditor& editor, std::uint8_t kind);
  void edit_manifest(Input& input, snapshot::Manifest& manifest);
  void write(const std::map<std::string, std::string>& files);

  test::TemporaryDirectory directory_{test::memory_directory()};
  std::string path_;
  std::map<std::string, std::string> written_;  // what lies there now
  std::unique_ptr<test::SnapshotEditor> sample_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> arrays_;  // shard and array of each
  std::string damaged_;  // file to be damaged after all; empty for none
  std::uint32_t damage_offset_ = 0;
  std::uint8_t damage_ = 0;
};

}  // namespace pwalk::fuzz
