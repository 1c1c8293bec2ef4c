// SPDX-License-Identifier: MIT
#include "base/mapped_file.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <mutex>

#include "base/error.h"
#include "base/mapping_handle.h"

namespace pwalk {

namespace {

// The handler's table: chunks are made on demand and never freed, so that the handler may read it at any
// moment. A range is published by storing `end` last and withdrawn by storing zero to `end` first.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::atomic<bool>*> lost{nullptr};
};
constexpr std::size_t chunk_slots = 256;
constexpr std::size_t chunk_limit = 256;
using Chunk = std::array<Slot, chunk_slots>;

std::array<std::atomic<Chunk*>, chunk_limit> chunks;
std::atomic<std::size_t> slots_used{0};  // the handler looks no further
std::mutex slots_mutex;                  // registering and withdrawing
struct sigaction previous_action;
std::uintptr_t page_bytes;

void on_bus_error(int number, siginfo_t* info, void* context) {
  auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  std::size_t used = slots_used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    Chunk* chunk = chunks[i / chunk_slots].load(std::memory_order_acquire);
    Slot& slot = (*chunk)[i % chunk_slots];
    std::uintptr_t end = slot.end.load(std::memory_order_acquire);
    if (end == 0 || address >= end || address < slot.begin.load(std::memory_order_acquire)) continue;
    slot.lost.load(std::memory_order_acquire)->store(true, std::memory_order_seq_cst);
    void* page = static_cast<unsigned char*>(info->si_addr) - (address & (page_bytes - 1));
    if (::mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
        MAP_FAILED)
      return;
    break;
  }
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
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(SIGBUS, &action, &previous_action) != 0) throw_errno("cannot handle SIGBUS");
    return true;
  }();
  static_cast<void>(installed);
}

std::size_t register_slot(std::uintptr_t begin, std::uintptr_t end, std::atomic<bool>* lost) {
  install_handler();
  std::lock_guard lock(slots_mutex);
  for (std::size_t i = 0; i < chunk_slots * chunk_limit; ++i) {
    Chunk* chunk = chunks[i / chunk_slots].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      chunk = new Chunk;
      chunks[i / chunk_slots].store(chunk, std::memory_order_release);
    }
    Slot& slot = (*chunk)[i % chunk_slots];
    if (slot.end.load(std::memory_order_relaxed) != 0) continue;
    slot.begin.store(begin, std::memory_order_relaxed);
    slot.lost.store(lost, std::memory_order_relaxed);
    slot.end.store(end, std::memory_order_release);
    if (slots_used.load(std::memory_order_relaxed) < i + 1)
      slots_used.store(i + 1, std::memory_order_release);
    return i;
  }
  throw_errno(ENOMEM, "cannot guard another mapped file");
}

}  // namespace

FaultGuard::FaultGuard(const void* address, std::size_t length, std::atomic<bool>* lost)
    : slot_(register_slot(reinterpret_cast<std::uintptr_t>(address),
                          reinterpret_cast<std::uintptr_t>(address) + length, lost)) {}

FaultGuard::~FaultGuard() {
  std::lock_guard lock(slots_mutex);
  Chunk* chunk = chunks[slot_ / chunk_slots].load(std::memory_order_relaxed);
  (*chunk)[slot_ % chunk_slots].end.store(0, std::memory_order_release);
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
  guard_ = std::make_unique<FaultGuard>(bytes_, length, &lost_);
}

MappedFile::~MappedFile() = default;

}  // namespace pwalk
