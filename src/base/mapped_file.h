// Read-only mapping of a whole file, and what happens when its pages cannot be read: the fault is answered
// with a page of zeros, the page is lost, and the reader that asks lost() after it copied sees it. Any other
// SIGBUS still ends the process as before.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace pwalk {

/// Answers faults in an address range for as long as it lives: a page that could not be read or written is
/// one of zeros from then on, and lost. After `page_limit` of them all that follows a lost page is lost with
/// it, as in a file that was cut: so a storage that fails is not asked for ever, and the process does not run
/// out of mappings. At most 65,536 at a time (std::system_error ENOMEM beyond).
class FaultGuard {
 public:
  static constexpr std::size_t page_limit = 64;

  /// What a range to be written is stored on.
  class Storage {
   public:
    /// For a signal handler: the errno with which room is refused now, 0 where there is some. A fault has
    /// none.
    virtual int refusal() const noexcept = 0;

   protected:
    ~Storage() = default;
  };

  /// `protection` of the zeros, as for mmap(2). With `storage`, a page is lost only if room for it is
  /// refused, or if a fifth of a second goes by in which it is not to be had although room is not refused.
  FaultGuard(const void* address, std::size_t length, int protection, const Storage* storage = nullptr);
  FaultGuard(const FaultGuard&) = delete;
  FaultGuard& operator=(const FaultGuard&) = delete;
  ~FaultGuard();

  /// Something was lost.
  bool lost() const noexcept {
    // A page is noted before its zeros are there to be read: who has read them and then looks, finds it.
    std::atomic_thread_fence(std::memory_order_acquire);
    return any_.load(std::memory_order_acquire);
  }
  /// Something of these bytes was lost.
  bool lost(std::uint64_t offset, std::uint64_t length) const noexcept {
    return lost() && any_lost_of(offset, length);
  }
  /// What the storage said at the first loss.
  int refusal() const noexcept { return refusal_.load(std::memory_order_acquire); }
  /// Everything from this byte on was lost.
  bool all_lost_from(std::uint64_t offset) const noexcept;

  /// For the handler of SIGBUS: notes the loss of the page and puts zeros there; false if it cannot.
  bool answer(std::uintptr_t address) noexcept;

 private:
  std::size_t page_of(std::uint64_t offset) const noexcept;
  bool any_lost_of(std::uint64_t offset, std::uint64_t length) const noexcept;
  std::size_t note(std::size_t page) noexcept;
  bool put_zeros(std::size_t begin, std::size_t end) noexcept;
  bool put_zeros_anew() noexcept;

  const std::uintptr_t begin_;
  const std::size_t first_page_;  // number of the page, counted from address 0
  const std::size_t pages_;
  const int protection_;
  const Storage* const storage_;
  // Written by the handler in any thread, without a lock: pages_lost_ is filled from its front, each number
  // once; rest_ only becomes smaller; any_ is set when either says something.
  std::atomic<bool> any_{false};
  std::atomic<int> refusal_{0};
  std::atomic<unsigned> tries_{0};
  std::atomic<std::size_t> rest_;  // this page and all after it are lost
  std::array<std::atomic<std::size_t>, page_limit> pages_lost_;
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
  /// A page with some of these bytes could not be read: what was copied of them since may be zeros.
  bool lost(std::uint64_t offset, std::uint64_t length) const noexcept {
    return guard_ && guard_->lost(offset, length);
  }
  /// None of the bytes from `offset` on can be read any more.
  bool all_lost_from(std::uint64_t offset) const noexcept { return guard_ && guard_->all_lost_from(offset); }

 private:
  struct Region;
  std::unique_ptr<Region> region_;
  const unsigned char* bytes_ = nullptr;
  std::uint64_t length_ = 0;
  std::optional<FaultGuard> guard_;
};

}  // namespace pwalk
