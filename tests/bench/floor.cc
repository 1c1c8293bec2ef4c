// floor [-t THREADS] [-D] DIR: what a walk costs that does nothing but the system calls every walk needs,
// openat, getdents64, statx and close, and adds up what it sees. Nobody who stats every entry by name can be
// faster, so it is what scanners are measured against. THREADS 1 to 4096, 2 if not given; -D:
// AT_STATX_DONT_SYNC. Prints one line: entries, directories, bytes, errors, seconds.
// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t names_bytes = 32768;       // asked of one getdents64
constexpr std::uint32_t worth_a_wake_up = 1024;  // bytes of names: about 32 entries
constexpr int open_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Counted by everybody who still needs it.
struct Directory {
  int descriptor;
  std::atomic<int> users{1};
};
struct Names {
  std::atomic<int> users{1};
  alignas(8) char bytes[names_bytes];  // as the kernel lays records out
};
/// A subdirectory to open, or, with names, a range of them to look at.
struct Work {
  Directory* directory = nullptr;
  std::string name;
  Names* names = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct alignas(128) Sums {
  std::uint64_t entries = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t errors = 0;
};

unsigned threads = 2;
int statx_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

std::mutex mutex;  // shared_work, ended
std::condition_variable work_there;
std::vector<Work> shared_work;
bool ended = false;
alignas(128) std::atomic<unsigned> idle{0};

class Thread {
 public:
  Sums sums;

  void run() {
    Work work;
    while (take(work)) {
      if (work.names != nullptr) {
        look_at(work.directory, work.names, work.begin, work.end);
        release(work.names);
      } else {
        read(work);
      }
      release(work.directory);
    }
    for (Names* names : free_) delete names;
  }

 private:
  bool take(Work& work) {
    if (!own_.empty()) {
      work = std::move(own_.back());
      own_.pop_back();
      return true;
    }
    std::unique_lock lock(mutex);
    while (shared_work.empty()) {
      if (ended) return false;
      if (idle.fetch_add(1) + 1 == threads) {
        ended = true;
        work_there.notify_all();
        return false;
      }
      work_there.wait(lock);
      idle.fetch_sub(1);
    }
    work = std::move(shared_work.back());
    shared_work.pop_back();
    return true;
  }

  /// The oldest half of the own work, or what is given, for those who have none.
  void share_half() {
    std::size_t half = own_.size() / 2;
    if (half == 0) return;
    std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < half; ++i) shared_work.push_back(std::move(own_[i]));
    own_.erase(own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(half));
    work_there.notify_all();
  }

  void read(Work& work) {
    int descriptor = ::openat(work.directory != nullptr ? work.directory->descriptor : AT_FDCWD,
                              work.name.c_str(), open_flags);
    if (descriptor < 0) {
      ++sums.errors;
      return;
    }
    ++sums.directories;
    auto* directory = new Directory{descriptor};
    for (;;) {
      Names* names = fresh();
      long got = ::syscall(SYS_getdents64, descriptor, names->bytes, names_bytes);
      if (got > 0) look_at(directory, names, 0, static_cast<std::uint32_t>(got));
      release(names);
      if (got < 0) ++sums.errors;
      if (got <= 0) break;
    }
    if (idle.load(std::memory_order_relaxed) != 0) share_half();
    release(directory);
  }

  void look_at(Directory* directory, Names* names, std::uint32_t at, std::uint32_t end) {
    while (at < end) {
      const auto* entry = reinterpret_cast<const struct dirent64*>(names->bytes + at);
      at += entry->d_reclen;
      const char* name = entry->d_name;
      if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
      struct statx stat;
      if (::statx(directory->descriptor, name, statx_flags, STATX_BASIC_STATS, &stat) != 0) {
        ++sums.errors;
        continue;
      }
      ++sums.entries;
      sums.bytes += stat.stx_size;
      if (S_ISDIR(stat.stx_mode)) {
        directory->users.fetch_add(1, std::memory_order_relaxed);
        own_.push_back({directory, name, nullptr, 0, 0});
      }
      if (idle.load(std::memory_order_relaxed) == 0) continue;
      share_half();
      if (end - at > worth_a_wake_up) end = share_names(directory, names, at, end);
    }
  }

  /// Gives away the second half of the names; where the first ends.
  std::uint32_t share_names(Directory* directory, Names* names, std::uint32_t at, std::uint32_t end) {
    std::uint32_t middle = at;
    while (middle < at + (end - at) / 2)
      middle += reinterpret_cast<const struct dirent64*>(names->bytes + middle)->d_reclen;
    directory->users.fetch_add(1);
    names->users.fetch_add(1);
    std::lock_guard lock(mutex);
    shared_work.push_back({directory, {}, names, middle, end});
    work_there.notify_one();
    return middle;
  }

  Names* fresh() {
    if (free_.empty()) return new Names;
    Names* names = free_.back();
    free_.pop_back();
    names->users.store(1, std::memory_order_relaxed);
    return names;
  }
  void release(Names* names) {
    if (names->users.fetch_sub(1, std::memory_order_acq_rel) == 1) free_.push_back(names);
  }
  static void release(Directory* directory) {
    if (directory == nullptr || directory->users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ::close(directory->descriptor);
    delete directory;
  }

  std::vector<Work> own_;
  std::vector<Names*> free_;
};

int usage() {
  std::fputs("usage: floor [-t THREADS] [-D] DIR\n", stderr);
  return 2;
}

}  // namespace

int main(int count, char** words) {
  for (int option = ::getopt(count, words, "t:D"); option != -1; option = ::getopt(count, words, "t:D")) {
    if (option == 't')
      threads = static_cast<unsigned>(std::atoi(optarg));
    else if (option == 'D')
      statx_flags |= AT_STATX_DONT_SYNC;
    else
      return usage();
  }
  if (optind + 1 != count || threads == 0 || threads > 4096) return usage();
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  auto began = std::chrono::steady_clock::now();
  shared_work.push_back({nullptr, words[optind], nullptr, 0, 0});
  std::vector<Thread> workers(threads);
  {
    std::vector<std::jthread> running;
    running.reserve(threads);
    for (Thread& worker : workers) running.emplace_back([&worker] { worker.run(); });
  }
  Sums sum;
  for (const Thread& worker : workers) {
    sum.entries += worker.sums.entries;
    sum.directories += worker.sums.directories;
    sum.bytes += worker.sums.bytes;
    sum.errors += worker.sums.errors;
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::printf("entries=%llu directories=%llu bytes=%llu errors=%llu seconds=%.3f\n",
              static_cast<unsigned long long>(sum.entries), static_cast<unsigned long long>(sum.directories),
              static_cast<unsigned long long>(sum.bytes), static_cast<unsigned long long>(sum.errors),
              seconds.count());
  return sum.errors == 0 ? 0 : 1;
}
