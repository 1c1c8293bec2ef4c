// A walk that does nothing but the system calls every walk needs, openat, getdents64, statx and close, and
// adds up what it sees. A visitor of each thread is told of all that, so that whatever a scanner does beside
// the calls can be added and its cost measured.
// SPDX-License-Identifier: MIT
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pwalk::bench {

constexpr std::size_t names_bytes = 32768;       // asked of one getdents64
constexpr std::size_t names_slack = 64;          // readable behind them
constexpr std::uint32_t worth_a_wake_up = 1024;  // bytes of names: about 32 entries
constexpr int open_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

inline bool is_dots(const char* name) noexcept {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

/// As many descriptors as the system allows this process.
inline void raise_descriptor_limit() noexcept {
  struct rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

struct alignas(128) Sums {
  std::uint64_t entries = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t errors = 0;
};

struct WalkOptions {
  unsigned threads = 2;
  int statx_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  unsigned statx_mask = STATX_BASIC_STATS;
  bool pinned = false;  // each thread to a processor of its own, as far as there are
};

/// Visitor: `static constexpr bool wants_paths`; a constructor from the thread's number; listed(names, bytes)
/// for each getdents64, entry(path of the directory, name, stat) for each entry, looked() after those of one
/// getdents64 or of the part of it that this thread looked at, end() when there are no more.
template <class Visitor>
class BareWalk {
 public:
  explicit BareWalk(const WalkOptions& options) : options_(options) {}

  Sums run(const char* root) {
    shared_work_.push_back({nullptr, root, nullptr, 0, 0});
    std::vector<std::unique_ptr<Thread>> workers;
    for (unsigned i = 0; i < options_.threads; ++i) workers.push_back(std::make_unique<Thread>(*this, i));
    {
      std::vector<std::jthread> running;
      running.reserve(workers.size());
      for (auto& worker : workers) running.emplace_back([&worker] { worker->run(); });
    }
    Sums sum;
    for (const auto& worker : workers) {
      sum.entries += worker->sums.entries;
      sum.directories += worker->sums.directories;
      sum.bytes += worker->sums.bytes;
      sum.errors += worker->sums.errors;
    }
    return sum;
  }

 private:
  /// Counted by everybody who still needs it.
  struct Directory {
    int descriptor;
    std::string path;  // if wanted
    std::atomic<int> users{1};
  };
  struct Names {
    std::atomic<int> users{1};
    alignas(8) char bytes[names_bytes + names_slack];  // as the kernel lays records out
  };
  /// A subdirectory to open, or, with names, a range of them to look at.
  struct Work {
    Directory* directory = nullptr;
    std::string name;
    Names* names = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };

  class Thread {
   public:
    Thread(BareWalk& walk, unsigned number) : walk_(walk), number_(number), visitor_(number) {}
    Sums sums;

    void run() {
      if (walk_.options_.pinned) pin();
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
      visitor_.end();
    }

   private:
    void pin() const noexcept {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(number_ % std::thread::hardware_concurrency(), &set);
      ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    }

    bool take(Work& work) {
      if (!own_.empty()) {
        work = std::move(own_.back());
        own_.pop_back();
        return true;
      }
      std::unique_lock lock(walk_.mutex_);
      while (walk_.shared_work_.empty()) {
        if (walk_.ended_) return false;
        if (walk_.idle_.fetch_add(1) + 1 == walk_.options_.threads) {
          walk_.ended_ = true;
          walk_.work_there_.notify_all();
          return false;
        }
        walk_.work_there_.wait(lock);
        walk_.idle_.fetch_sub(1);
      }
      work = std::move(walk_.shared_work_.back());
      walk_.shared_work_.pop_back();
      return true;
    }

    /// The oldest half of the own work for those who have none.
    void share_half() {
      std::size_t half = own_.size() / 2;
      if (half == 0) return;
      std::lock_guard lock(walk_.mutex_);
      for (std::size_t i = 0; i < half; ++i) walk_.shared_work_.push_back(std::move(own_[i]));
      own_.erase(own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(half));
      walk_.work_there_.notify_all();
    }

    void read(Work& work) {
      int descriptor = ::openat(work.directory != nullptr ? work.directory->descriptor : AT_FDCWD,
                                work.name.c_str(), open_flags);
      if (descriptor < 0) {
        ++sums.errors;
        return;
      }
      ++sums.directories;
      auto* directory = new Directory{descriptor, {}};
      if (Visitor::wants_paths)
        directory->path = work.directory != nullptr ? work.directory->path + "/" + work.name : work.name;
      for (;;) {
        Names* names = fresh();
        long got = ::syscall(SYS_getdents64, descriptor, names->bytes, names_bytes);
        if (got > 0) {
          visitor_.listed(names->bytes, static_cast<std::uint32_t>(got));
          look_at(directory, names, 0, static_cast<std::uint32_t>(got));
        }
        release(names);
        if (got < 0) ++sums.errors;
        if (got <= 0) break;
      }
      if (walk_.idle_.load(std::memory_order_relaxed) != 0) share_half();
      release(directory);
    }

    void look_at(Directory* directory, Names* names, std::uint32_t at, std::uint32_t end) {
      while (at < end) {
        const auto* entry = reinterpret_cast<const struct dirent64*>(names->bytes + at);
        at += entry->d_reclen;
        const char* name = entry->d_name;
        if (is_dots(name)) continue;
        struct statx stat;
        if (::statx(directory->descriptor, name, walk_.options_.statx_flags, walk_.options_.statx_mask,
                    &stat) != 0) {
          ++sums.errors;
          continue;
        }
        ++sums.entries;
        sums.bytes += stat.stx_size;
        visitor_.entry(directory->path, name, stat);
        if (S_ISDIR(stat.stx_mode)) {
          directory->users.fetch_add(1, std::memory_order_relaxed);
          own_.push_back({directory, name, nullptr, 0, 0});
        }
        if (walk_.idle_.load(std::memory_order_relaxed) == 0) continue;
        share_half();
        if (end - at > worth_a_wake_up) end = share_names(directory, names, at, end);
      }
      visitor_.looked();
    }

    /// Gives away the second half of the names; where the first ends.
    std::uint32_t share_names(Directory* directory, Names* names, std::uint32_t at, std::uint32_t end) {
      std::uint32_t middle = at;
      while (middle < at + (end - at) / 2)
        middle += reinterpret_cast<const struct dirent64*>(names->bytes + middle)->d_reclen;
      directory->users.fetch_add(1);
      names->users.fetch_add(1);
      std::lock_guard lock(walk_.mutex_);
      walk_.shared_work_.push_back({directory, {}, names, middle, end});
      walk_.work_there_.notify_one();
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

    BareWalk& walk_;
    unsigned number_;
    Visitor visitor_;
    std::vector<Work> own_;
    std::vector<Names*> free_;
  };

  WalkOptions options_;
  std::mutex mutex_;  // shared_work_, ended_
  std::condition_variable work_there_;
  std::vector<Work> shared_work_;
  bool ended_ = false;
  alignas(128) std::atomic<unsigned> idle_{0};
};

}  // namespace pwalk::bench
