// block_log BASE MOUNTPOINT: a disk that remembers in which order it was written, for tests of what a power
// loss leaves. A FUSE file system of two files: `disk`, a file to be put under a loop device, whose contents
// begin as those of BASE (which is never changed), and `control`. Each write to `disk` and each flush (fsync)
// is logged. Commands are written to `control`:
//   mark              notes this moment in the log
//   state P SEED      ends logging: `disk` is now what a power loss after the first P records of the log
//   leaves:
//                     all that was written before the last flush among them, and of what was written since a
//                     random half (SEED 0: nothing of it). Open `disk` anew after that.
// Reading `control` gives the number of records and then the positions of the flushes and marks, each on a
// line: `records N`, `flush P`, `mark P`.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fuse.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

enum class Kind { write, flush, mark };

struct Record {
  Kind kind;
  off_t offset = 0;
  std::string bytes;
};

constexpr std::size_t sector_bytes = 512;

int base = -1;
std::size_t disk_bytes = 0;
char* disk = nullptr;  // BASE mapped privately, and what was written
bool logging = true;
std::vector<Record> records;

/// The contents of BASE again.
void reset_disk() {
  if (disk != nullptr) ::munmap(disk, disk_bytes);
  void* mapped = ::mmap(nullptr, disk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, base, 0);
  if (mapped == MAP_FAILED) {
    std::perror("block_log: cannot map the image");
    std::exit(2);
  }
  disk = static_cast<char*>(mapped);
}

void log(Record record) {
  if (logging) records.push_back(std::move(record));
}

void apply(const Record& record) {
  if (record.kind == Kind::write) std::memcpy(disk + record.offset, record.bytes.data(), record.bytes.size());
}

/// Of a write that was under way any sectors may have arrived.
void apply_some(const Record& record, std::mt19937_64& random) {
  if (record.kind != Kind::write || random() % 2 == 0) return;
  bool torn = random() % 4 == 0;
  for (std::size_t at = 0; at < record.bytes.size(); at += sector_bytes)
    if (!torn || random() % 2 == 0)
      std::memcpy(disk + record.offset + at, record.bytes.data() + at,
                  std::min(sector_bytes, record.bytes.size() - at));
}

void make_state(std::size_t position, std::uint64_t seed) {
  logging = false;
  reset_disk();
  position = std::min(position, records.size());
  std::size_t durable = position;
  while (durable > 0 && records[durable - 1].kind != Kind::flush) --durable;
  for (std::size_t i = 0; i < durable; ++i) apply(records[i]);
  if (seed == 0) return;
  std::mt19937_64 random(seed);
  for (std::size_t i = durable; i < position; ++i) apply_some(records[i], random);
}

std::string description() {
  std::string text = "records " + std::to_string(records.size()) + "\n";
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].kind == Kind::flush) text += "flush " + std::to_string(i + 1) + "\n";
    if (records[i].kind == Kind::mark) text += "mark " + std::to_string(i + 1) + "\n";
  }
  return text;
}

bool is_disk(const char* path) {
  return std::strcmp(path, "/disk") == 0;
}
bool is_control(const char* path) {
  return std::strcmp(path, "/control") == 0;
}

int get_attributes(const char* path, struct stat* status, struct fuse_file_info*) {
  std::memset(status, 0, sizeof *status);
  status->st_nlink = 1;
  if (std::strcmp(path, "/") == 0) {
    status->st_mode = S_IFDIR | 0700;
    status->st_nlink = 2;
    return 0;
  }
  status->st_mode = S_IFREG | 0600;
  if (is_disk(path)) status->st_size = static_cast<off_t>(disk_bytes);
  return is_disk(path) || is_control(path) ? 0 : -ENOENT;
}

int list(const char*, void* buffer, fuse_fill_dir_t fill, off_t, struct fuse_file_info*,
         enum fuse_readdir_flags) {
  for (const char* name : {".", "..", "disk", "control"})
    fill(buffer, name, nullptr, 0, static_cast<fuse_fill_dir_flags>(0));
  return 0;
}

int open_file(const char* path, struct fuse_file_info* file) {
  file->direct_io = is_control(path) ? 1 : 0;
  return is_disk(path) || is_control(path) ? 0 : -ENOENT;
}

int read_file(const char* path, char* buffer, size_t length, off_t offset, struct fuse_file_info*) {
  std::string text;
  const char* from = disk;
  std::size_t available = disk_bytes;
  if (is_control(path)) {
    text = description();
    from = text.data();
    available = text.size();
  }
  auto at = static_cast<std::size_t>(offset);
  if (at >= available) return 0;
  std::size_t part = std::min(length, available - at);
  std::memcpy(buffer, from + at, part);
  return static_cast<int>(part);
}

int command(const std::string& text) {
  unsigned long long position = 0;
  unsigned long long seed = 0;
  if (text.rfind("mark", 0) == 0)
    log({Kind::mark, 0, {}});
  else if (std::sscanf(text.c_str(), "state %llu %llu", &position, &seed) == 2)
    make_state(position, seed);
  else
    return -EINVAL;
  return static_cast<int>(text.size());
}

int write_file(const char* path, const char* buffer, size_t length, off_t offset, struct fuse_file_info*) {
  if (is_control(path)) return command(std::string(buffer, length));
  if (static_cast<std::size_t>(offset) + length > disk_bytes) return -ENOSPC;
  std::memcpy(disk + offset, buffer, length);
  log({Kind::write, offset, std::string(buffer, length)});
  return static_cast<int>(length);
}

int flush_file(const char* path, int, struct fuse_file_info*) {
  if (is_disk(path)) log({Kind::flush, 0, {}});
  return 0;
}

int truncate_file(const char*, off_t, struct fuse_file_info*) {
  return 0;  // of `control`, by a shell's >
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "block_log: needs BASE MOUNTPOINT\n");
    return 2;
  }
  base = ::open(argv[1], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (base < 0 || ::fstat(base, &status) != 0) {
    std::perror(argv[1]);
    return 2;
  }
  disk_bytes = static_cast<std::size_t>(status.st_size);
  reset_disk();
  struct fuse_operations operations = {};
  operations.getattr = get_attributes;
  operations.readdir = list;
  operations.open = open_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.fsync = flush_file;
  operations.truncate = truncate_file;
  const char* arguments[] = {argv[0], "-f", "-s", argv[2], nullptr};
  return ::fuse_main(4, const_cast<char**>(arguments), &operations, nullptr);
}
