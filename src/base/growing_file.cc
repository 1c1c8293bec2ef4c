// SPDX-License-Identifier: MIT
#include "base/growing_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/mapped_file.h"
#include "base/mapping_handle.h"

namespace pwalk {

namespace {

constexpr std::uint64_t window_limit = 16384;
constexpr std::uint64_t folio_bytes = 65536;        // written at once, from such a border on
constexpr std::uint64_t pages_step_bytes = 131072;  // pages asked for at once: many files may be growing
constexpr std::uint64_t written_share = 4;          // of what there is, written at once where room is written
constexpr std::uint64_t page_bytes = 4096;          // or a part of a page
constexpr off_t little_room_bytes = 1 << 20;
constexpr long btrfs_magic = 0x9123683e;
constexpr long ext4_magic = 0xef53;
constexpr long xfs_magic = 0x58465342;

long kind_of_file_system(int descriptor) noexcept {
  struct statfs status;
  return ::fstatfs(descriptor, &status) == 0 ? static_cast<long>(status.f_type) : 0;
}

/// On btrfs a page that is written, forced and dirtied again needs new room under copy-on-write, which a full
/// disk refuses with SIGBUS; without copy-on-write it keeps the room that it has. Only an empty file takes
/// it.
void disable_copy_on_write(int descriptor) {
  int flags = 0;
  if (::ioctl(descriptor, FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_NOCOW_FL;
  // Refused where the volume forbids it; then allocation is as good as it gets.
  if (::ioctl(descriptor, FS_IOC_SETFLAGS, &flags) != 0) return;
}

/// Allocates file space; false where the file system has no such call. Never glibc's emulation, which writes.
bool allocate(int descriptor, std::uint64_t offset, std::uint64_t length, const std::string& name) {
  for (;;) {
    if (::fallocate(descriptor, 0, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0) return true;
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
    throw_errno("cannot grow '" + name + "'");
  }
}

/// Some file systems tell of a full disk only then.
void close_file(Fd& file, const std::string& name) {
  if (::close(file.release()) != 0) throw_errno("cannot close '" + name + "'");
}

void set_length(int descriptor, std::uint64_t length, const std::string& name) {
  while (::ftruncate(descriptor, static_cast<off_t>(length)) != 0)
    if (errno != EINTR) throw_errno("cannot set the length of '" + name + "'");
}

}  // namespace

struct GrowingFile::Region final : FaultGuard::Storage {
  explicit Region(const GrowingFile& of) : file(of) {}

  int refusal() const noexcept override;

  const GrowingFile& file;
  Room room = Room::memory;
  boost::interprocess::mapped_region mapped;  // or
  std::unique_ptr<unsigned char[]> memory;
  std::optional<FaultGuard> guard;
};

/// A page of a file that has its room still needs some for metadata on btrfs. Asking for room elsewhere says
/// whether a quota or a full disk is in the way; where it is not, the file system has made room by that.
int GrowingFile::Region::refusal() const noexcept {
  int descriptor = ::openat(file.directory_, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno == EDQUOT || errno == ENOSPC ? errno : 0;
  int error = ::fallocate(descriptor, 0, 0, little_room_bytes) != 0 ? errno : 0;
  ::close(descriptor);
  return error == EDQUOT || error == ENOSPC ? error : 0;
}

GrowingFile::GrowingFile(int directory, std::string name, std::uint64_t start_offset,
                         std::uint64_t first_window_bytes, Room room)
    : directory_(directory),
      name_(std::move(name)),
      start_offset_(start_offset),
      first_window_bytes_(first_window_bytes),
      reciprocal_(~std::uint64_t{0} / first_window_bytes + 1),
      room_(room) {}

GrowingFile::~GrowingFile() = default;

std::uint64_t GrowingFile::window_end(std::uint64_t offset) const noexcept {
  std::uint64_t start;
  std::uint64_t window = window_of(offset, start);
  return start + window_bytes(window);
}

void GrowingFile::grow_slowly(std::uint64_t length) {
  if (length > grown_) add_windows(length);
  while (ready_ < length) get_pages();
}

/// Asks for the next few pages of the mapping at once: a fault for each of them costs more, and is the
/// largest part of what a directory record costs. A fault makes single pages, a write large folios, which
/// ext4 and XFS map, write back and forget as one, with kernels that have such; elsewhere it would cost more.
void GrowingFile::get_pages() {
  std::uint64_t start;
  Room room = regions_[window_of(ready_, start)]->room;
  std::uint64_t step_end = ((start_offset_ + ready_) / pages_step_bytes + 1) * pages_step_bytes;
  // A network file system, and one in user space, sends all that is dirty at each close.
  if (room == Room::written) step_end += ready_ / written_share / pages_step_bytes * pages_step_bytes;
  std::uint64_t end = std::min(window_end(ready_), step_end - start_offset_);
  if (room != Room::memory) {
    if (room == Room::written || write_makes_folios_) write_zeros(ready_, end);
    // Older kernels do not know it: a store asks for what is still missing. EFAULT: a store would be SIGBUS.
    if (::madvise(at(ready_), end - ready_, MADV_POPULATE_WRITE) != 0 && errno == EFAULT)
      write_zeros(ready_, end);
  }
  ready_ = end;
}

/// Nobody has been told of these bytes yet. Where a page is refused although it has its room (btrfs asks the
/// quota again), a write says why, or succeeds, and then nothing is lost.
void GrowingFile::write_zeros(std::uint64_t from, std::uint64_t to) {
  static constexpr std::array<unsigned char, folio_bytes> zeros = {};
  Fd file = open_patiently(directory_, name_, O_WRONLY);
  for (std::uint64_t at = start_offset_ + from; at < start_offset_ + to;) {
    std::uint64_t end = std::min(start_offset_ + to, (at / folio_bytes + 1) * folio_bytes);
    write_exactly(file.get(), zeros.data(), end - at, at, name_);
    at = end;
  }
  close_file(file, name_);
}

void GrowingFile::add_windows(std::uint64_t length) {
  int flags = created_ ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
  Fd file = open_patiently(directory_, name_, flags);
  if (!created_) {
    long kind = kind_of_file_system(file.get());
    if (kind == btrfs_magic) disable_copy_on_write(file.get());
    write_makes_folios_ = kind == ext4_magic || kind == xfs_magic;
  }
  created_ = true;
  while (grown_ < length) add_window(file.get());
}

/// Room for bytes [begin, end) of the file; false where it cannot be mapped. What is to be written is
/// written a little at a time, before anybody is told of it.
bool GrowingFile::make_room(int descriptor, std::uint64_t begin, std::uint64_t end) {
  if (room_ == Room::allocated && !allocate(descriptor, begin, end - begin, name_)) room_ = Room::written;
  if (room_ == Room::written) set_length(descriptor, end, name_);
  return room_ != Room::memory;
}

/// Maps the next window; false where the file system knows no such mapping.
bool GrowingFile::map(int descriptor, std::uint64_t bytes, Region& region) {
  namespace ipc = boost::interprocess;
  try {
    region.mapped = ipc::mapped_region(MappingHandle(descriptor, ipc::read_write), ipc::read_write,
                                       static_cast<ipc::offset_t>(start_offset_ + grown_), bytes);
    return true;
  } catch (const ipc::interprocess_exception& refused) {
    int error = refused.get_native_error();
    if (error == ENODEV || error == EINVAL) return false;
    throw_errno(error != 0 ? error : ENOMEM, "cannot map '" + name_ + "'");
  }
}

void GrowingFile::add_window(int descriptor) {
  if (window_count_ == window_limit) throw_errno(EFBIG, "cannot grow '" + name_ + "'");
  std::uint64_t bytes = window_bytes(window_count_);
  std::uint64_t begin = window_count_ == 0 ? 0 : start_offset_ + grown_;
  std::uint64_t end = start_offset_ + grown_ + bytes;
  auto region = std::make_unique<Region>(*this);
  unsigned char* address = nullptr;
  if (make_room(descriptor, begin, end) && map(descriptor, bytes, *region)) {
    address = static_cast<unsigned char*>(region->mapped.get_address());
    region->guard.emplace(address, bytes, PROT_READ | PROT_WRITE, region.get());
  } else {
    room_ = Room::memory;
    region->memory = std::make_unique<unsigned char[]>(bytes);
    address = region->memory.get();
  }
  region->room = room_;
  if (!windows_) windows_.reset(new unsigned char*[window_limit]);
  regions_.push_back(std::move(region));
  windows_[window_count_] = address;
  ++window_count_;
  grown_ += bytes;
}

void GrowingFile::write_window(int descriptor, std::uint64_t window, std::uint64_t length) {
  std::uint64_t start = 0;
  for (std::uint64_t before = 0; before < window; ++before) start += window_bytes(before);
  if (start >= length || !regions_[window] || !regions_[window]->memory) return;
  write_exactly(descriptor, windows_[window], std::min(window_bytes(window), length - start),
                start_offset_ + start, name_);
}

/// The errno for the pages of the window that were lost, of which there are some. A fault has none: what the
/// storage said then, or else what it says to a write to the same place.
int GrowingFile::why_lost(int descriptor, std::uint64_t window, std::uint64_t start) const {
  const Region* region = regions_[window].get();
  if (int refusal = region->guard->refusal(); refusal != 0) return refusal;
  for (std::uint64_t at = 0; at < window_bytes(window); at += page_bytes) {
    if (!region->guard->lost(at, page_bytes)) continue;
    try {
      write_exactly(descriptor, windows_[window] + at, page_bytes, start + at, name_);
    } catch (const std::system_error& refused) {
      return refused.code().value();
    }
  }
  return EIO;
}

void GrowingFile::require_whole() const {
  std::uint64_t start = start_offset_;
  for (std::uint64_t window = 0; window < window_count_; ++window) {
    const std::unique_ptr<Region>& region = regions_[window];
    if (region && region->guard && region->guard->lost())
      throw_errno(why_lost(open_patiently(directory_, name_, O_RDWR).get(), window, start),
                  "cannot write '" + name_ + "'");
    start += window_bytes(window);
  }
}

void GrowingFile::complete(const std::string& head, std::uint64_t length, const std::string& tail) {
  Fd file = open_patiently(directory_, name_, O_RDWR);
  for (std::uint64_t window = 0; window < window_count_; ++window) write_window(file.get(), window, length);
  require_whole();
  // Forcing a page that is still mapped asks all processors to forget it, one page at a time: of 4,200 mapped
  // pages that was 70 ms of a scan of two seconds.
  for (std::uint64_t window = 0; window < window_count_; ++window) regions_[window].reset();
  write_exactly(file.get(), head.data(), head.size(), 0, name_);
  write_exactly(file.get(), tail.data(), tail.size(), start_offset_ + length, name_);
  set_length(file.get(), start_offset_ + length + tail.size(), name_);
  start_write_back(file.get(), 0, 0);
  close_file(file, name_);
}

}  // namespace pwalk
