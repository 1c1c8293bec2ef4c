// Read-only mapping of a whole file, and what happens when its pages cannot be read: the fault is answered
// with a page of zeros, the mapping is marked lost, and the reader that checks lost() after it copied sees
// it. Any other SIGBUS still ends the process as before.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace pwalk {

/// Registers an address range with the process's SIGBUS handler for as long as it lives; `lost` is set when a
/// page of the range could not be read or written. At most 65,536 at a time (std::system_error ENOMEM
/// beyond).
class FaultGuard {
 public:
  FaultGuard(const void* address, std::size_t length, std::atomic<bool>* lost);
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;
  ~FaultGuard();

 private:
  std::size_t slot_;
};

class MappedFile {
 public:
  /// Maps `length` bytes of `descriptor` (which may be closed afterwards); length 0 maps nothing.
  MappedFile(int descriptor, std::uint64_t length);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const unsigned char* bytes() const noexcept { return bytes_; }
  std::uint64_t length() const noexcept { return length_; }
  /// A page of the mapping could not be read: what was copied from it since may be zeros.
  bool lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Region;
  std::unique_ptr<Region> region_;
  const unsigned char* bytes_ = nullptr;
  std::uint64_t length_ = 0;
  std::atomic<bool> lost_{false};
  std::unique_ptr<FaultGuard> guard_;
};

}  // namespace pwalk
