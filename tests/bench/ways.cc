// ways [-t THREADS] [-o DIR] WAY TREE: the bare walk of `floor` with something more that a scanner may do, in
// one of the ways in which it can be done; tests/bench/settle compares them. Output goes to files in DIR,
// which are removed. Prints what floor prints. WAY:
//   none                        nothing more
//   record-write                64 bytes and the name of each entry, per thread, written in pieces of 1 MiB
//   record-mmap, -populate      the same into mapped files; with pages asked for in steps of 2 MiB
//   record-direct               the same with O_DIRECT
//   record-locked               the same through one buffer and one lock for all threads
//   record-single               the same with one write for each entry
//   record-path                 112 bytes and the path of each entry, written as in record-write
//   count-worker, -atomic, -mutex   entries counted in a cache line of each thread; in one for all; locked
//   sort-memcmp, -prefix, -simd     names sorted with memcmp; by eight bytes as a number first; by 32 bytes
//   pinned                          each thread on a processor of its own
//   least                           the least that a scan with sorted, hashed and summed records does, done
//                                   plainly: record-write, what each getdents64 lists sorted by name and
//                                   summed, what is written hashed with XXH3
//   uring-DEPTH                     openat and statx through io_uring, so many at a time for each thread
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bare_walk.h"
#include "base/hash.h"
#ifdef HAVE_LIBURING
#include "uring_walk.h"
#endif
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace {

using pwalk::bench::is_dots;

enum class Output { none, write, mapped, populated, direct, locked, single };
enum class Count { none, worker, atomic, mutex };
enum class Sort { none, memcmp, prefix, simd };

Output output = Output::none;
bool with_path = false;
bool least = false;
Count count = Count::none;
Sort sort = Sort::none;
std::string output_directory = ".";

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(2);
}

// ---- output -----------------------------------------------------------------------------------------------

constexpr std::size_t piece = std::size_t{1} << 20;
constexpr std::size_t step = std::size_t{2} << 20;
constexpr std::size_t reserved = std::size_t{64} << 30;
constexpr std::size_t growth = std::size_t{64} << 20;
constexpr std::size_t hashed = 65536;

/// One file, nameless from the beginning: nothing is left behind.
int new_file(int flags) {
  int file = ::open(output_directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
  if (file < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) {
    std::fputs("ways: this file system knows no O_DIRECT\n", stderr);
    std::_Exit(77);
  }
  if (file < 0) fail("ways: cannot make a file in the output's directory");
  return file;
}

/// A file that is appended to, in the way chosen.
class Appended {
 public:
  Appended() {
    if (output == Output::none) return;
    file_ = new_file(output == Output::direct ? O_DIRECT : 0);
    if (is_mapped()) {
      void* memory = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
      if (memory == MAP_FAILED) fail("ways: mmap");
      memory_ = static_cast<char*>(memory);
    } else {
      memory_ = static_cast<char*>(std::aligned_alloc(4096, piece));
    }
  }
  Appended(const Appended&) = delete;
  Appended& operator=(const Appended&) = delete;

  void append(const void* bytes, std::size_t length) {
    if (output == Output::single) {
      put(bytes, length);
    } else if (is_mapped()) {
      if (used_ + length > mapped_) {
        mapped_ += growth;
        if (::ftruncate(file_, static_cast<off_t>(mapped_)) != 0) fail("ways: ftruncate");
      }
      if (output == Output::populated && used_ + length > populated_) {
        ::madvise(memory_ + populated_, step, MADV_POPULATE_WRITE);
        populated_ += step;
      }
      std::memcpy(memory_ + used_, bytes, length);
      used_ += length;
    } else {
      const auto* from = static_cast<const char*>(bytes);
      while (length > 0) {
        std::size_t part = std::min(length, piece - used_);
        std::memcpy(memory_ + used_, from, part);
        used_ += part;
        from += part;
        length -= part;
        if (used_ < piece) continue;
        put(memory_, piece);
        used_ = 0;
      }
    }
  }
  void end() {
    if (output == Output::none) return;
    if (is_mapped()) {
      ::munmap(memory_, reserved);
      if (::ftruncate(file_, static_cast<off_t>(used_)) != 0) fail("ways: ftruncate");
    } else {
      std::size_t whole = output == Output::direct ? (used_ + 4095) / 4096 * 4096 : used_;
      if (whole > 0) put(memory_, whole);
      std::free(memory_);
    }
    ::close(file_);
  }

 private:
  static bool is_mapped() { return output == Output::mapped || output == Output::populated; }
  void put(const void* bytes, std::size_t length) {
    if (least)
      for (std::size_t at = 0; at < length; at += hashed)
        hashes_.push_back(pwalk::hash64(static_cast<const char*>(bytes) + at, std::min(hashed, length - at)));
    if (::write(file_, bytes, length) != static_cast<ssize_t>(length)) fail("ways: write");
  }

  int file_ = -1;
  char* memory_ = nullptr;
  std::size_t used_ = 0;
  std::size_t mapped_ = 0;
  std::size_t populated_ = 0;
  std::vector<std::uint64_t> hashes_;
};

struct Record {
  std::uint64_t inode, size, blocks;
  std::int64_t atime, mtime, ctime, btime;
  std::uint32_t name, attributes;
};
static_assert(sizeof(Record) == 64);

std::int64_t nanoseconds(const struct statx_timestamp& time) {
  return time.tv_sec * 1000000000 + time.tv_nsec;
}

std::mutex output_mutex;

Appended& shared_records() {
  static Appended file;
  return file;
}
Appended& shared_names() {
  static Appended file;
  return file;
}

// ---- counting ---------------------------------------------------------------------------------------------

struct alignas(128) Counter {
  std::atomic<std::uint64_t> entries{0};
};
Counter shared_counter;
std::mutex count_mutex;
std::uint64_t counted = 0;
std::atomic<std::uint64_t> least_entries{0};
std::atomic<std::uint64_t> least_bytes{0};

// ---- sorting ----------------------------------------------------------------------------------------------

struct Name {
  std::uint64_t prefix;
  const char* text;
  std::uint32_t length;
};

bool by_memcmp(const Name& a, const Name& b) {
  int order = std::memcmp(a.text, b.text, std::min(a.length, b.length));
  return order != 0 ? order < 0 : a.length < b.length;
}
bool by_prefix(const Name& a, const Name& b) {
  return a.prefix != b.prefix ? a.prefix < b.prefix : by_memcmp(a, b);
}
#ifdef __x86_64__
__attribute__((target("avx2"))) bool by_vector(const Name& a, const Name& b) {
  std::uint32_t length = std::min(a.length, b.length);
  for (std::uint32_t at = 0; at < length; at += 32) {
    __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a.text + at));
    __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b.text + at));
    auto same = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(left, right)));
    if (same == 0xffffffff) continue;
    std::uint32_t different = at + static_cast<std::uint32_t>(__builtin_ctz(~same));
    if (different >= length) break;
    return static_cast<unsigned char>(a.text[different]) < static_cast<unsigned char>(b.text[different]);
  }
  return a.length < b.length;
}
#else
bool by_vector(const Name& a, const Name& b) {
  return by_memcmp(a, b);
}
#endif

// ---- the visitor ------------------------------------------------------------------------------------------

class Ways {
 public:
  static constexpr bool wants_paths = true;
  explicit Ways(unsigned) {}

  void listed(const char* bytes, std::uint32_t length) {
    if (least) return;
    if (sort == Sort::none) return;
    names_.clear();
    for (std::uint32_t at = 0; at < length;) {
      const auto* entry = reinterpret_cast<const struct dirent64*>(bytes + at);
      at += entry->d_reclen;
      if (is_dots(entry->d_name)) continue;
      auto name_length = static_cast<std::uint32_t>(std::strlen(entry->d_name));
      std::uint64_t prefix;
      std::memcpy(&prefix, entry->d_name, sizeof prefix);
      prefix = __builtin_bswap64(prefix);
      if (name_length < 8) prefix &= ~(~std::uint64_t{0} >> (8 * name_length));
      names_.push_back({prefix, entry->d_name, name_length});
    }
    if (sort == Sort::memcmp) std::sort(names_.begin(), names_.end(), by_memcmp);
    if (sort == Sort::prefix) std::sort(names_.begin(), names_.end(), by_prefix);
    if (sort == Sort::simd) std::sort(names_.begin(), names_.end(), by_vector);
  }

  void entry(const std::string& path, const char* name, const struct statx& stat) {
    if (least) return keep(name, stat);
    if (output != Output::none) write(path, name, stat);
    if (count == Count::worker)
      own_.entries.store(own_.entries.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (count == Count::atomic) shared_counter.entries.fetch_add(1, std::memory_order_relaxed);
    if (count == Count::mutex) {
      std::lock_guard lock(count_mutex);
      ++counted;
    }
  }

  void looked() {
    if (least) write_directory();
  }
  void end() {
    if (least) {
      least_entries += sums_[0];
      least_bytes += sums_[1];
    }
    records_.end();
    file_names_.end();
  }

 private:
  static Record record_of(const struct statx& stat, std::uint32_t name) {
    return {stat.stx_ino,
            stat.stx_size,
            stat.stx_blocks,
            nanoseconds(stat.stx_atime),
            nanoseconds(stat.stx_mtime),
            nanoseconds(stat.stx_ctime),
            nanoseconds(stat.stx_btime),
            name,
            stat.stx_mode};
  }

  /// An entry's record, and its name, which starts at `name` in texts_; the prefix as it is sorted by.
  struct Kept {
    Record record;
    std::uint64_t prefix;
    std::uint32_t length;
  };
  void keep(const char* name, const struct statx& stat) {
    auto length = static_cast<std::uint32_t>(std::strlen(name));
    auto begin = static_cast<std::uint32_t>(texts_.size());
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, name, std::min<std::size_t>(length, sizeof prefix));
    texts_.append(name, length + 1);
    kept_.push_back({record_of(stat, begin), __builtin_bswap64(prefix), length});
  }
  /// What one call listed, or the part of it that this thread looked at, is what is sorted together: of all
  /// but large directories everything.
  void write_directory() {
    order_.clear();
    for (const Kept& kept : kept_) order_.push_back(&kept);
    std::sort(order_.begin(), order_.end(), [this](const Kept* a, const Kept* b) {
      return a->prefix != b->prefix ? a->prefix < b->prefix
                                    : std::string_view(&texts_[a->record.name], a->length) <
                                          std::string_view(&texts_[b->record.name], b->length);
    });
    for (const Kept* kept : order_) {
      Record record = kept->record;
      sums_[0] += 1;
      sums_[1] += record.size;
      sums_[2] += record.blocks;
      newest_ = std::max({newest_, record.mtime, record.ctime});
      const char* name = &texts_[record.name];
      record.name = name_bytes_;
      name_bytes_ += kept->length + 1;
      records_.append(&record, sizeof record);
      file_names_.append(name, kept->length + 1);
    }
    kept_.clear();
    texts_.clear();
  }

  void write(const std::string& path, const char* name, const struct statx& stat) {
    Record record = record_of(stat, name_bytes_);
    std::size_t length = std::strlen(name) + 1;
    if (with_path) {
      struct Long {
        Record record;
        char rest[48];
      } long_record{record, {}};
      std::memcpy(long_record.rest, &stat.stx_uid, 16);
      records_.append(&long_record, sizeof long_record);
      file_names_.append(path.data(), path.size());
      file_names_.append("/", 1);
      file_names_.append(name, length);
      return;
    }
    name_bytes_ += static_cast<std::uint32_t>(length);
    if (output == Output::locked) {
      std::lock_guard lock(output_mutex);
      shared_records().append(&record, sizeof record);
      shared_names().append(name, length);
      return;
    }
    records_.append(&record, sizeof record);
    file_names_.append(name, length);
  }

  Appended records_;
  Appended file_names_;
  std::uint32_t name_bytes_ = 0;
  Counter own_;
  std::vector<Name> names_;
  std::vector<Kept> kept_;
  std::string texts_;
  std::vector<const Kept*> order_;
  std::uint64_t sums_[3] = {};
  std::int64_t newest_ = 0;
};

/// Whether `way` is known; sets what it means.
bool choose(std::string_view way, pwalk::bench::WalkOptions& options) {
  struct {
    const char* name;
    Output output;
  } const outputs[] = {{"record-write", Output::write},        {"record-mmap", Output::mapped},
                       {"record-populate", Output::populated}, {"record-direct", Output::direct},
                       {"record-locked", Output::locked},      {"record-single", Output::single},
                       {"record-path", Output::write},         {"least", Output::write}};
  for (const auto& each : outputs)
    if (way == each.name) output = each.output;
  with_path = way == "record-path";
  least = way == "least";
  if (least) options.statx_mask |= STATX_BTIME | STATX_MNT_ID;
  if (way == "count-worker") count = Count::worker;
  if (way == "count-atomic") count = Count::atomic;
  if (way == "count-mutex") count = Count::mutex;
  if (way == "sort-memcmp") sort = Sort::memcmp;
  if (way == "sort-prefix") sort = Sort::prefix;
  if (way == "sort-simd") sort = Sort::simd;
  options.pinned = way == "pinned";
  return way == "none" || options.pinned || output != Output::none || count != Count::none ||
         sort != Sort::none;
}

int usage() {
  std::fputs("usage: ways [-t THREADS] [-o DIR] WAY TREE\n", stderr);
  return 2;
}

}  // namespace

int main(int words_count, char** words) {
  pwalk::bench::WalkOptions options;
  for (int option = ::getopt(words_count, words, "t:o:"); option != -1;
       option = ::getopt(words_count, words, "t:o:")) {
    if (option == 't')
      options.threads = static_cast<unsigned>(std::atoi(optarg));
    else if (option == 'o')
      output_directory = optarg;
    else
      return usage();
  }
  if (optind + 2 != words_count || options.threads == 0 || options.threads > 4096) return usage();
  std::string_view way = words[optind];
  const char* tree = words[optind + 1];
  pwalk::bench::raise_descriptor_limit();
  auto began = std::chrono::steady_clock::now();
  pwalk::bench::Sums sum;
  if (way.starts_with("uring-")) {
#ifdef HAVE_LIBURING
    int depth = std::atoi(way.data() + std::strlen("uring-"));
    if (depth < 2) return usage();
    sum = pwalk::bench::UringWalk(options, static_cast<unsigned>(depth)).run(tree);
#else
    std::fputs("ways: built without liburing\n", stderr);
    return 77;
#endif
  } else {
    if (!choose(way, options)) return usage();
    sum = pwalk::bench::BareWalk<Ways>(options).run(tree);
    if (output == Output::locked) {
      shared_records().end();
      shared_names().end();
    }
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  if (least && (least_entries != sum.entries || least_bytes != sum.bytes)) {
    std::fputs("ways: least has summed something else\n", stderr);
    return 2;
  }
  std::printf("entries=%llu directories=%llu bytes=%llu errors=%llu seconds=%.3f\n",
              static_cast<unsigned long long>(sum.entries), static_cast<unsigned long long>(sum.directories),
              static_cast<unsigned long long>(sum.bytes), static_cast<unsigned long long>(sum.errors),
              seconds.count());
  return sum.errors == 0 ? 0 : 1;
}
