// SPDX-License-Identifier: MIT
#include "base/large_memory.h"

#include <sys/mman.h>

namespace pwalk {

void* allocate_pages(std::size_t bytes) {
  void* pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  ::madvise(pages, bytes, MADV_HUGEPAGE);  // small pages do too
  return pages;
}

void free_pages(void* pages, std::size_t bytes) noexcept {
  ::munmap(pages, bytes);
}

}  // namespace pwalk
