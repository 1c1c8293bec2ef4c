// A worker's sink that writes what the walk hands over into the snapshot.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <unordered_map>

#include "snapshot/writer.h"
#include "walk/walker.h"

namespace pwalk::scan {

/// A directory's place in the snapshot as the walk's token, and back.
walk::Token token_of(snapshot::Place place) noexcept;
snapshot::Place place_of(walk::Token token) noexcept;

/// What the writer is told of a directory, or of the root, besides what was found; `device_index` is that of
/// its stat.
snapshot::EntryNotes entry_notes(const walk::Child& child, std::uint32_t device_index) noexcept;

class SnapshotSink : public walk::Sink {
 public:
  SnapshotSink(snapshot::SnapshotWriter& writer, snapshot::WorkerWriter& worker, walk::MountTable& mounts);

  bool begin(walk::Token directory, std::uint64_t entries, std::uint64_t names_bytes,
             std::uint64_t links) override;
  bool add(const walk::Child& child, walk::Token& token) override;
  void end(const walk::Outcome& outcome) override;
  void not_listed(walk::Token directory, const walk::Outcome& outcome) override;
  void finish(walk::Token directory) override;
  void vanished() override { worker_.count_vanished(); }
  void duplicate() override { worker_.count_duplicate(); }
  void excluded() override { worker_.count_excluded(); }

  std::uint32_t device_index(const struct statx& stat) {
    std::uint64_t device = std::uint64_t{stat.stx_dev_major} << 32 | stat.stx_dev_minor;
    return device == last_device_ ? last_index_ : find_device(device);
  }

 private:
  std::uint32_t find_device(std::uint64_t device);

  snapshot::SnapshotWriter& writer_;
  snapshot::WorkerWriter& worker_;
  walk::MountTable& mounts_;
  std::uint64_t last_device_ = ~std::uint64_t{0};
  std::uint32_t last_index_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> devices_;
};

}  // namespace pwalk::scan
