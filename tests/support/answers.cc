// A library for LD_PRELOAD: counts, in a daemon that serves a FUSE file system, the requests that it reads
// from /dev/fuse and the answers that it writes there, each by the request's number. When the daemon ends,
// the counts go to the file that PWALK_ANSWERS names, a line each:
//   requests N    that need an answer
//   silent N      that need none (forget, interrupt)
//   answered N    of the requests, by their first answer
//   unanswered N  that were left without, and for each opcode among them a line `unanswered opcode CODE N`
//   again N       answers to what was answered already or never asked
// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace {

constexpr unsigned device_major = 10;
constexpr unsigned device_minor = 229;

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

class Answers {
 public:
  Answers() {
    // While anything can be opened.
    if (const char* path = std::getenv("PWALK_ANSWERS"))
      report_ = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }

  bool is_device(int descriptor) {
    if (descriptor == device_.load(std::memory_order_relaxed)) return true;
    struct stat facts {};
    if (fstat(descriptor, &facts) != 0 || !S_ISCHR(facts.st_mode) ||
        facts.st_rdev != makedev(device_major, device_minor))
      return false;
    device_.store(descriptor, std::memory_order_relaxed);
    return true;
  }

  void asked(const fuse_in_header& request) {
    std::lock_guard lock(mutex_);
    if (request.opcode == FUSE_INTERRUPT) interrupts_.insert(request.unique);
    if (request.opcode == FUSE_FORGET || request.opcode == FUSE_BATCH_FORGET ||
        request.opcode == FUSE_INTERRUPT) {
      ++silent_;
    } else {
      ++requests_;
      open_[request.unique] = request.opcode;
    }
  }

  void answered(const fuse_out_header& answer) {
    if (answer.unique == 0) return;  // the daemon's own message
    std::lock_guard lock(mutex_);
    if (open_.erase(answer.unique) != 0)
      ++answered_;
    else if (interrupts_.erase(answer.unique) == 0)  // it may be told to come again
      ++again_;
  }

  void report() {
    std::lock_guard lock(mutex_);
    if (report_ < 0 || requests_ == 0) return;
    std::map<std::uint32_t, unsigned> left;
    for (const auto& [number, opcode] : open_) ++left[opcode];
    dprintf(report_, "requests %llu\nsilent %llu\nanswered %llu\nunanswered %zu\nagain %llu\n", requests_,
            silent_, answered_, open_.size(), again_);
    for (const auto& [opcode, count] : left) dprintf(report_, "unanswered opcode %u %u\n", opcode, count);
    report_ = -1;
  }

 private:
  std::atomic<int> device_ = -1;
  int report_ = -1;
  std::mutex mutex_;                                       // guards what follows
  std::unordered_map<std::uint64_t, std::uint32_t> open_;  // unanswered requests and their opcodes
  std::unordered_set<std::uint64_t> interrupts_;
  unsigned long long requests_ = 0;
  unsigned long long silent_ = 0;
  unsigned long long answered_ = 0;
  unsigned long long again_ = 0;
};

Answers& answers() {
  static auto* all = new Answers;  // there until the last thread is gone
  return *all;
}

[[gnu::constructor]] void begin() {
  answers();
}
[[gnu::destructor]] void end() {
  answers().report();
}

}  // namespace

extern "C" ssize_t read(int descriptor, void* bytes, std::size_t room) {
  static const auto real = next<ssize_t (*)(int, void*, std::size_t)>("read");
  const ssize_t got = real(descriptor, bytes, room);
  if (got >= static_cast<ssize_t>(sizeof(fuse_in_header))) {
    const int error = errno;
    if (answers().is_device(descriptor)) {
      fuse_in_header request;
      std::memcpy(&request, bytes, sizeof request);
      answers().asked(request);
    }
    errno = error;
  }
  return got;
}

extern "C" ssize_t writev(int descriptor, const iovec* pieces, int count) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  // Before it is sent: the number may be given again as soon as it is.
  if (count > 0 && pieces[0].iov_len >= sizeof(fuse_out_header) && answers().is_device(descriptor)) {
    fuse_out_header answer;
    std::memcpy(&answer, pieces[0].iov_base, sizeof answer);
    answers().answered(answer);
  }
  return real(descriptor, pieces, count);
}
