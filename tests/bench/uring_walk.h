// The bare walk with openat and statx through io_uring: a ring for each thread, so many calls in flight,
// getdents64 as ever (the ring has none).
// SPDX-License-Identifier: MIT
#pragma once

#include <liburing.h>

#include <cerrno>
#include <deque>
#include <system_error>

#include "bare_walk.h"

namespace pwalk::bench {

class UringWalk {
 public:
  UringWalk(const WalkOptions& options, unsigned depth) : options_(options), depth_(depth) {}

  Sums run(const char* root) {
    shared_work_.push_back({nullptr, root});
    std::vector<std::unique_ptr<Thread>> workers;
    for (unsigned i = 0; i < options_.threads; ++i) workers.push_back(std::make_unique<Thread>(*this));
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
  struct Directory {
    int descriptor;
    std::atomic<int> users{1};
  };
  struct Subdirectory {
    Directory* parent;
    std::string name;
  };
  /// A call in flight: an openat of `opening`, or a statx of `name` in `directory`.
  struct Call {
    bool is_open = false;
    Subdirectory opening;
    Directory* directory = nullptr;
    std::string name;
    struct statx stat {};
  };

  class Thread {
   public:
    explicit Thread(UringWalk& walk) : walk_(walk), calls_(walk.depth_) {
      for (Call& call : calls_) free_.push_back(&call);
    }
    Sums sums;

    void run() {
      // Of one thread's own: that saves the kernel locks and interrupts.
      int error = ::io_uring_queue_init(walk_.depth_, &ring_,
                                        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
      if (error < 0) throw std::system_error(-error, std::generic_category(), "io_uring");
      for (;;) {
        while (!opened_.empty()) {
          Directory* directory = opened_.back();
          opened_.pop_back();
          list(directory);
        }
        while (!own_.empty() && !free_.empty()) {
          Subdirectory next = std::move(own_.back());
          own_.pop_back();
          open(std::move(next));
        }
        if (walk_.idle_.load(std::memory_order_relaxed) != 0) share_half();
        if (free_.size() < calls_.size()) {
          reap(1);
          continue;
        }
        Subdirectory next{};
        if (!take(next)) break;
        open(std::move(next));
      }
      ::io_uring_queue_exit(&ring_);
    }

   private:
    bool take(Subdirectory& next) {
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
      next = std::move(walk_.shared_work_.front());
      walk_.shared_work_.pop_front();
      return true;
    }
    void share_half() {
      std::size_t half = own_.size() / 2;
      if (half == 0) return;
      std::lock_guard lock(walk_.mutex_);
      for (std::size_t i = 0; i < half; ++i) walk_.shared_work_.push_back(std::move(own_[i]));
      own_.erase(own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(half));
      walk_.work_there_.notify_all();
    }

    struct io_uring_sqe* entry() {
      struct io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
      while (sqe == nullptr) {
        ::io_uring_submit(&ring_);
        sqe = ::io_uring_get_sqe(&ring_);
      }
      return sqe;
    }
    void open(Subdirectory next) {
      Call* call = free_.back();
      free_.pop_back();
      call->is_open = true;
      call->opening = std::move(next);
      struct io_uring_sqe* sqe = entry();
      int parent = call->opening.parent != nullptr ? call->opening.parent->descriptor : AT_FDCWD;
      ::io_uring_prep_openat(sqe, parent, call->opening.name.c_str(), open_flags, 0);
      ::io_uring_sqe_set_data(sqe, call);
    }

    void list(Directory* directory) {
      ++sums.directories;
      alignas(8) char bytes[names_bytes];
      for (;;) {
        long got = ::syscall(SYS_getdents64, directory->descriptor, bytes, names_bytes);
        if (got < 0) ++sums.errors;
        if (got <= 0) break;
        for (long at = 0; at < got;) {
          const auto* listed = reinterpret_cast<const struct dirent64*>(bytes + at);
          at += listed->d_reclen;
          if (!is_dots(listed->d_name)) look_at(directory, listed->d_name);
        }
      }
      release(directory);
    }
    void look_at(Directory* directory, const char* name) {
      if (free_.empty()) reap(std::max(1u, walk_.depth_ / 4));
      Call* call = free_.back();
      free_.pop_back();
      call->is_open = false;
      call->directory = directory;
      call->name = name;
      directory->users.fetch_add(1, std::memory_order_relaxed);
      struct io_uring_sqe* sqe = entry();
      ::io_uring_prep_statx(sqe, directory->descriptor, call->name.c_str(), walk_.options_.statx_flags,
                            STATX_BASIC_STATS, &call->stat);
      ::io_uring_sqe_set_data(sqe, call);
    }

    void reap(unsigned least) {
      ::io_uring_submit_and_wait(&ring_, least);
      struct io_uring_cqe* cqe;
      unsigned head;
      unsigned seen = 0;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        ++seen;
        auto* call = static_cast<Call*>(::io_uring_cqe_get_data(cqe));
        if (call->is_open)
          opened(*call, cqe->res);
        else
          looked_at(*call, cqe->res);
        free_.push_back(call);
      }
      ::io_uring_cq_advance(&ring_, seen);
    }
    void opened(Call& call, int result) {
      if (result < 0)
        ++sums.errors;
      else
        opened_.push_back(new Directory{result});
      release(call.opening.parent);
    }
    void looked_at(Call& call, int result) {
      if (result < 0) {
        ++sums.errors;
      } else {
        ++sums.entries;
        sums.bytes += call.stat.stx_size;
        if (S_ISDIR(call.stat.stx_mode)) {
          call.directory->users.fetch_add(1, std::memory_order_relaxed);
          own_.push_back({call.directory, call.name});
        }
      }
      release(call.directory);
    }
    static void release(Directory* directory) {
      if (directory == nullptr || directory->users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
      ::close(directory->descriptor);
      delete directory;
    }

    UringWalk& walk_;
    struct io_uring ring_ {};
    std::vector<Call> calls_;
    std::vector<Call*> free_;
    std::vector<Directory*> opened_;
    std::vector<Subdirectory> own_;
  };

  WalkOptions options_;
  unsigned depth_;
  std::mutex mutex_;  // shared_work_, ended_
  std::condition_variable work_there_;
  std::deque<Subdirectory> shared_work_;
  bool ended_ = false;
  alignas(128) std::atomic<unsigned> idle_{0};
};

}  // namespace pwalk::bench
