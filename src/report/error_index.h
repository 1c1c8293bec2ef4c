// The error records of a snapshot by the entries that they are about: the snapshot has them in no order.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "snapshot/snapshot.h"

namespace pwalk::report {

class ErrorIndex {
 public:
  /// Reads all of them: 16 bytes of memory each. FormatError where one breaks a rule.
  explicit ErrorIndex(const snapshot::Snapshot& snapshot);

  /// Those of an entry, by call.
  std::span<const format::Error> of(snapshot::Place entry) const noexcept;
  /// Those of the `count` entries that lie side by side from `first` on, by entry and call.
  std::span<const format::Error> of(snapshot::Place first, std::uint32_t count) const noexcept;

 private:
  std::vector<format::Error> errors_;
};

/// The index of a snapshot, made when it is first asked for and kept: for who looks at one entry after the
/// other. Any number of threads.
class KeptErrorIndex {
 public:
  /// 64 MiB, and half a second for whoever asks first.
  static constexpr std::uint64_t records_max = std::uint64_t{1} << 22;

  /// nullptr where the snapshot has more than `most` records. FormatError as for the index.
  const ErrorIndex* of(const snapshot::Snapshot& snapshot, std::uint64_t most = records_max) const;

 private:
  mutable std::mutex mutex_;  // guards both
  mutable std::optional<ErrorIndex> index_;
  mutable std::exception_ptr damage_;  // why it cannot be made
};

}  // namespace pwalk::report
