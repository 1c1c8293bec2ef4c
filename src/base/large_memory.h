// Memory for what is large for a while: taken from the kernel in huge pages where it has them, since a page
// fault for every 4 KiB costs more than what is then done there, and given back at once.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace pwalk {

constexpr std::size_t huge_page_bytes = std::size_t{1} << 21;

/// `bytes` of zeros, in pages of their own (mmap(2)), from one huge page on with MADV_HUGEPAGE
/// (madvise(2)); std::bad_alloc.
void* allocate_pages(std::size_t bytes);
void free_pages(void* pages, std::size_t bytes) noexcept;
/// What lies behind the first `kept` of `bytes` in allocated pages is of no value any more, and takes no
/// memory until it is written again (madvise(2), MADV_DONTNEED).
void give_back_pages(void* pages, std::size_t bytes, std::size_t kept) noexcept;

/// The same, owned.
class LargeMemory {
 public:
  LargeMemory() noexcept = default;
  explicit LargeMemory(std::size_t bytes) : pages_(allocate_pages(bytes), Free{bytes}) {}
  void* data() const noexcept { return pages_.get(); }
  std::size_t bytes() const noexcept { return pages_.get_deleter().bytes; }
  /// Keeps the contents of the first `kept` bytes alone.
  void give_back(std::size_t kept) noexcept { give_back_pages(data(), bytes(), kept); }

 private:
  struct Free {
    void operator()(void* pages) const noexcept { free_pages(pages, bytes); }
    std::size_t bytes;
  };
  std::unique_ptr<void, Free> pages_{nullptr, Free{0}};
};

/// For a std::vector that may become large: from one huge page on it is pages of its own.
template <class Value>
struct LargeAllocator {
  using value_type = Value;
  LargeAllocator() noexcept = default;
  template <class Other>
  LargeAllocator(const LargeAllocator<Other>&) noexcept {}
  Value* allocate(std::size_t count) {
    std::size_t bytes = count * sizeof(Value);  // a vector asks for no more than the address space holds
    if (bytes < huge_page_bytes) return static_cast<Value*>(::operator new(bytes));
    return static_cast<Value*>(allocate_pages(bytes));
  }
  void deallocate(Value* values, std::size_t count) noexcept {
    std::size_t bytes = count * sizeof(Value);
    if (bytes < huge_page_bytes)
      ::operator delete(values);
    else
      free_pages(values, bytes);
  }
  friend bool operator==(const LargeAllocator&, const LargeAllocator&) noexcept { return true; }
};

}  // namespace pwalk
