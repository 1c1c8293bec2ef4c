// A directory in flight: from being listed until all that lies below it is finished, if it has subdirectories
// to walk. It holds what is needed to open those, and gives its descriptor up when the last is open, or
// earlier when descriptors run short; then it is opened again, and only believed if it is the same directory.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "walk/walker.h"

namespace pwalk::walk {

/// What identifies a directory.
struct Identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t mount_id = 0;
  bool operator==(const Identity&) const = default;
};

Identity identity_of(const struct statx& stat) noexcept;

/// A subdirectory that waits to be opened.
struct Pending {
  Token token;
  std::uint64_t inode;
  std::uint32_t name_offset;  // in Node::names
  std::uint32_t flags;
};
inline constexpr std::uint32_t pending_other_mount = 1;    // its identity is in Node::other_mounts
inline constexpr std::uint32_t pending_automount = 2;      // opening it may mount something
inline constexpr std::uint32_t pending_foreign_owner = 4;  // O_NOATIME is not ours to ask for

/// A descriptor kept open, counted against its keeper's budget for as long as anyone uses it.
class Handle {
 public:
  Handle(Fd descriptor, std::atomic<unsigned>& kept) noexcept
      : descriptor_(std::move(descriptor)), kept_(kept) {
    kept_.fetch_add(1, std::memory_order_relaxed);
  }
  ~Handle() { kept_.fetch_sub(1, std::memory_order_relaxed); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  int get() const noexcept { return descriptor_.get(); }

 private:
  Fd descriptor_;
  std::atomic<unsigned>& kept_;
};

struct Node {
  Node* parent = nullptr;
  Node* crossing = nullptr;    // the lowest directory above that is in another mount, if there is one
  std::uint32_t position = 0;  // among the parent's pending
  std::uint32_t depth = 0;
  Token token = 0;
  Identity identity;
  std::vector<Pending> pending;
  std::string names;                                             // each with its NUL
  std::vector<std::pair<std::uint32_t, Identity>> other_mounts;  // by position in pending
  std::atomic<std::uint32_t> unfinished{0};  // subdirectories below which something is not finished
  std::atomic<std::uint32_t> unopened{0};    // subdirectories that still need the descriptor
  std::mutex handle_mutex;                   // handle
  std::shared_ptr<Handle> handle;

  const char* name_of(std::uint32_t position_in_pending) const noexcept {
    return names.c_str() + pending[position_in_pending].name_offset;
  }
  Identity identity_of_pending(std::uint32_t position_in_pending) const noexcept;

  std::shared_ptr<Handle> borrow() {
    std::lock_guard lock(handle_mutex);
    return handle;
  }
  /// Gives up the descriptor; who borrowed it keeps it until done. True if there was one.
  bool drop() {
    std::shared_ptr<Handle> dropped;
    std::lock_guard lock(handle_mutex);
    dropped.swap(handle);
    return dropped != nullptr;
  }
  void keep(std::shared_ptr<Handle> opened) {
    std::lock_guard lock(handle_mutex);
    handle = std::move(opened);
  }
};

}  // namespace pwalk::walk
