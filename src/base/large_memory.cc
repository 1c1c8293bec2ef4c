// SPDX-License-Identifier: MIT
#include "base/large_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace pwalk {

namespace {

void* map_pages(std::size_t bytes) {
  void* pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return pages;
}

}  // namespace

#ifdef PWALK_INSTRUMENTED

// A sanitizer watches over its own memory only. What is larger must not be touched to be cleared.
constexpr std::size_t watched_most = std::size_t{4} << 20;
constexpr std::align_val_t page_alignment{4096};

void* allocate_pages(std::size_t bytes) {
  return bytes > watched_most ? map_pages(bytes)
                              : std::memset(::operator new(bytes, page_alignment), 0, bytes);
}

void free_pages(void* pages, std::size_t bytes) noexcept {
  if (bytes > watched_most)
    ::munmap(pages, bytes);
  else
    ::operator delete(pages, page_alignment);
}

void give_back_pages(void*, std::size_t, std::size_t) noexcept {}

#else

void* allocate_pages(std::size_t bytes) {
  void* pages = map_pages(bytes);
  // Small pages do too. Mappings that lie side by side become one, so the small are not advised: a huge page
  // for several of them would hold what none has touched.
  if (bytes >= huge_page_bytes) ::madvise(pages, bytes, MADV_HUGEPAGE);
  return pages;
}

void free_pages(void* pages, std::size_t bytes) noexcept {
  ::munmap(pages, bytes);
}

void give_back_pages(void* pages, std::size_t bytes, std::size_t kept) noexcept {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  kept = (kept + page - 1) / page * page;
  if (kept < bytes) ::madvise(static_cast<char*>(pages) + kept, bytes - kept, MADV_DONTNEED);
}

#endif

}  // namespace pwalk
