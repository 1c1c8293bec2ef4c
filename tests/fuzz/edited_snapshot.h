// A snapshot that a fuzzer's input edits: records changed, copied, exchanged, cut off and added, the manifest
// and the headers changed; then all hashes, counts and lengths are made right again, so that what answers are
// the rules of the structure. One edit in the input may damage bytes for good.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "fuzz/input.h"
#include "snapshot/check.h"
#include "snapshot/snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::fuzz {

class EditedSnapshot {
 public:
  /// Writes the sample, which has something of everything, into memory.
  EditedSnapshot();
  ~EditedSnapshot();
  EditedSnapshot(const EditedSnapshot&) = delete;
  EditedSnapshot& operator=(const EditedSnapshot&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// Makes the snapshot that the edits at the front of `input` give: one byte says how many, and whether to
  /// the manifest too.
  void edit(Input& input);
  /// Opens it. Its manifest is written and parsed only where the edits were to the manifest itself: that
  /// takes longer than all the rest, and has a target of its own.
  std::shared_ptr<const snapshot::Snapshot> open() const;
  /// Checks it, likewise.
  snapshot::CheckReport check() const;

 private:
  void edit_once(Input& input, test::SnapshotEditor& editor, bool manifest_too);
  void edit_records(Input& input, test::SnapshotEditor& editor, std::uint8_t kind);
  void edit_manifest(Input& input, snapshot::Manifest& manifest);
  void write(std::map<std::string, std::string> files);

  test::TemporaryDirectory directory_{test::memory_directory()};
  std::string path_;
  Fd opened_;
  std::string written_manifest_;
  std::map<std::string, std::string> files_;  // what lies there now; the arrays' contents only here
  snapshot::Manifest manifest_;               // what belongs to it
  bool manifest_is_edited_ = false;
  std::unique_ptr<test::SnapshotEditor> sample_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> arrays_;  // shard and array of each
  std::string damaged_;  // file to be damaged after all; empty for none
  std::uint32_t damage_offset_ = 0;
  std::uint8_t damage_ = 0;
};

}  // namespace pwalk::fuzz
