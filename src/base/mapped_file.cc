// SPDX-License-Identifier: MIT
#include "base/mapped_file.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "base/error.h"
#include "base/mapping_handle.h"

namespace pwalk {

namespace {

// The handler's table: chunks are made on demand and never freed, so that the handler may read it at any
// moment. `version` is odd while the slot is in use and another one each time: what was read while it changed
// is not of the range that the fault is in, since that one stays.
struct Slot {
  std::atomic<std::uint64_t> version{0};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<FaultGuard*> guard{nullptr};
};
constexpr std::size_t chunk_slots = 256;
constexpr std::size_t chunk_limit = 256;
using Chunk = std::array<Slot, chunk_slots>;

std::array<std::atomic<Chunk*>, chunk_limit> chunks;
std::atomic<std::size_t> slots_used{0};  // the handler looks no further
std::mutex slots_mutex;                  // registering and withdrawing
struct sigaction previous_action;

constexpr unsigned tries_max = 40;  // of pages that the storage does not refuse
constexpr int pause_milliseconds = 5;
constexpr std::size_t none = ~std::size_t{0};  // no page has this number

std::size_t page_size() noexcept {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// Without the library, whose call ThreadSanitizer takes for a write, and so for a race with who reads there.
/// Not reserved: the rest of a file may be more than there is memory.
bool map_zeros(std::uintptr_t begin, std::size_t length, int protection, int where) noexcept {
  // All of them long, since the kernel reads whole registers.
  return ::syscall(SYS_mmap, begin, length, long{protection},
                   long{MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | where}, -1L,
                   0L) == static_cast<long>(begin);
}

/// The guard of the range that the address is in, or nullptr.
FaultGuard* guard_of(std::uintptr_t address) noexcept {
  std::size_t used = slots_used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    Chunk* chunk = chunks[i / chunk_slots].load(std::memory_order_acquire);
    Slot& slot = (*chunk)[i % chunk_slots];
    std::uint64_t version = slot.version.load(std::memory_order_acquire);
    if (version % 2 == 0 || address < slot.begin.load(std::memory_order_acquire) ||
        address >= slot.end.load(std::memory_order_acquire))
      continue;
    FaultGuard* guard = slot.guard.load(std::memory_order_acquire);
    if (slot.version.load(std::memory_order_relaxed) == version) return guard;
  }
  return nullptr;
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  int error = errno;
  FaultGuard* guard = guard_of(address);
  bool answered = guard != nullptr && guard->answer(address);
  errno = error;
  if (answered) return;
  // Not ours: whoever was asked before answers, by default with the end of the process.
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(number, info, context);
    return;
  }
  ::signal(SIGBUS, SIG_DFL);
  ::raise(SIGBUS);
}

void install_handler() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(SIGBUS, &action, &previous_action) != 0) throw_errno("cannot handle SIGBUS");
    return true;
  }();
  static_cast<void>(installed);
}

std::size_t register_slot(std::uintptr_t begin, std::uintptr_t end, FaultGuard* guard) {
  std::lock_guard lock(slots_mutex);
  for (std::size_t i = 0; i < chunk_slots * chunk_limit; ++i) {
    Chunk* chunk = chunks[i / chunk_slots].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      chunk = new Chunk;
      chunks[i / chunk_slots].store(chunk, std::memory_order_release);
    }
    Slot& slot = (*chunk)[i % chunk_slots];
    std::uint64_t version = slot.version.load(std::memory_order_relaxed);
    if (version % 2 == 1) continue;
    slot.begin.store(begin, std::memory_order_release);
    slot.end.store(end, std::memory_order_release);
    slot.guard.store(guard, std::memory_order_release);
    slot.version.store(version + 1, std::memory_order_release);
    if (slots_used.load(std::memory_order_relaxed) < i + 1)
      slots_used.store(i + 1, std::memory_order_release);
    return i;
  }
  throw_errno(ENOMEM, "cannot guard another mapped file");
}

}  // namespace

FaultGuard::FaultGuard(const void* address, std::size_t length, int protection, const Storage* storage)
    : begin_(reinterpret_cast<std::uintptr_t>(address)),
      first_page_(begin_ / page_size()),
      pages_((begin_ + length + page_size() - 1) / page_size() - first_page_),
      protection_(protection),
      storage_(storage),
      rest_(pages_) {
  for (std::atomic<std::size_t>& page : pages_lost_) page.store(none, std::memory_order_relaxed);
  install_handler();
  slot_ = register_slot(begin_, begin_ + length, this);
}

FaultGuard::~FaultGuard() {
  std::lock_guard lock(slots_mutex);
  Chunk* chunk = chunks[slot_ / chunk_slots].load(std::memory_order_relaxed);
  (*chunk)[slot_ % chunk_slots].version.fetch_add(1, std::memory_order_release);
}

std::size_t FaultGuard::page_of(std::uint64_t offset) const noexcept {
  return (begin_ + offset) / page_size() - first_page_;
}

bool FaultGuard::any_lost_of(std::uint64_t offset, std::uint64_t length) const noexcept {
  if (length == 0) return false;
  std::size_t first = page_of(offset);
  std::size_t last = page_of(offset + length - 1);
  if (last >= rest_.load(std::memory_order_acquire)) return true;
  for (const std::atomic<std::size_t>& noted : pages_lost_) {
    std::size_t page = noted.load(std::memory_order_acquire);
    if (page == none) return false;
    if (page >= first && page <= last) return true;
  }
  return false;
}

bool FaultGuard::all_lost_from(std::uint64_t offset) const noexcept {
  return page_of(offset) >= rest_.load(std::memory_order_acquire);
}

/// Notes the loss of a page; how far, as a page number, zeros are to be put in its place.
std::size_t FaultGuard::note(std::size_t page) noexcept {
  std::size_t rest = rest_.load(std::memory_order_acquire);
  if (page >= rest) return page + 1;  // by another thread, whose zeros are on their way
  for (std::atomic<std::size_t>& noted : pages_lost_) {
    std::size_t before = none;
    if (noted.compare_exchange_strong(before, page, std::memory_order_acq_rel) || before == page)
      return page + 1;
  }
  while (page < rest && !rest_.compare_exchange_weak(rest, page, std::memory_order_acq_rel)) {
  }
  return pages_;
}

bool FaultGuard::put_zeros(std::size_t begin, std::size_t end) noexcept {
  return map_zeros((first_page_ + begin) * page_size(), (end - begin) * page_size(), protection_, MAP_FIXED);
}

/// Where the process has so many mappings that not even one may take the place of another: the one before
/// goes first. A thread that reads there meanwhile ends the process, as not answering would.
bool FaultGuard::put_zeros_anew() noexcept {
  std::uintptr_t begin = first_page_ * page_size();
  std::size_t length = pages_ * page_size();
  return ::syscall(SYS_munmap, begin, length) == 0 &&
         map_zeros(begin, length, protection_, MAP_FIXED_NOREPLACE);
}

bool FaultGuard::answer(std::uintptr_t address) noexcept {
  std::size_t page = address / page_size() - first_page_;
  if (storage_ != nullptr && !any_.load(std::memory_order_acquire)) {
    int refusal = storage_->refusal();
    refusal_.store(refusal, std::memory_order_release);
    if (refusal == 0 && tries_.fetch_add(1, std::memory_order_relaxed) < tries_max) {
      ::poll(nullptr, 0, pause_milliseconds);  // may be called here
      return true;
    }
  }
  std::size_t end = note(page);
  any_.store(true, std::memory_order_release);
  if (put_zeros(page, end)) return true;
  // A page amid others takes two mappings more, and there may be no more (vm.max_map_count): one for all.
  rest_.store(0, std::memory_order_release);
  return put_zeros(0, pages_) || put_zeros_anew();
}

struct MappedFile::Region {
  boost::interprocess::mapped_region region;
};

MappedFile::MappedFile(int descriptor, std::uint64_t length) : length_(length) {
  if (length == 0) return;
  namespace ipc = boost::interprocess;
  try {
    region_ = std::make_unique<Region>(
        Region{ipc::mapped_region(MappingHandle(descriptor, ipc::read_only), ipc::read_only, 0, length)});
  } catch (const ipc::interprocess_exception& refused) {
    throw_errno(refused.get_native_error() != 0 ? refused.get_native_error() : ENOMEM, "cannot map a file");
  }
  bytes_ = static_cast<const unsigned char*>(region_->region.get_address());
  guard_.emplace(bytes_, length, PROT_READ);
}

MappedFile::~MappedFile() = default;

}  // namespace pwalk
