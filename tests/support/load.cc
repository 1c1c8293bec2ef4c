// Clients of a mounted file system, as many and as rude as one likes:
//   load mix [--threads N] [--operations N] [--handles N] [--seconds N] [--until-gone] DIRECTORY...
// does so many random operations in so many threads; with --until-gone each thread goes on until an answer
// says that nobody serves the file system any more. Prints how many operations there were, the errors that
// they met, and whether each thread came to its end.
//   load attack [--processes N] [--handles N] [--seconds N] [--nice N] DIRECTORY...
// the same as fast as possible in processes that hold so many files and directories open and ask for the
// largest pieces there are; prints `ready` once all are open, and ends after so many seconds or with its
// input.
//   load measure [--operations N] DIRECTORY...
// asks for attributes, lists a directory and reads its summary, so often, a millisecond apart, and prints how
// long each took: `NAME median P50 p99 P99 longest MAX`, in microseconds. Status 1 if one of them failed,
// other than for want of rights.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "support/load_operations.h"

namespace {

using load::Handles;
using load::Places;
using load::Random;
using Clock = std::chrono::steady_clock;

constexpr std::size_t places_limit = 3000;

struct Options {
  unsigned threads = 4;
  unsigned processes = 64;
  std::size_t handles = 16;
  std::uint64_t operations = 10000;
  unsigned seconds = 600;
  int nice = 0;
  bool until_gone = false;
  Places places;
};

bool is_gone(int error) {
  return error == ENOTCONN || error == ECONNABORTED || error == ENODEV;
}

// ---- mix --------------------------------------------------------------------------------------------------

class Mix {
 public:
  explicit Mix(const Options& options) : options_(options) {}

  int run() {
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < options_.threads; ++number)
      threads.emplace_back([this, number] { work(number); });
    for (std::thread& thread : threads) thread.join();
    std::printf("operations %llu\n", static_cast<unsigned long long>(done_.load()));
    for (const auto& [error, count] : errors_)
      std::printf("error %s %llu\n", strerrorname_np(error), static_cast<unsigned long long>(count));
    std::printf("threads %u\n", ended_);
    return ended_ == options_.threads ? 0 : 1;
  }

 private:
  void work(unsigned number) {
    Random random(number + 1);
    Handles handles(options_.handles);
    std::map<int, std::uint64_t> errors;
    const Clock::time_point end = Clock::now() + std::chrono::seconds(options_.seconds);
    bool in_time = true;
    for (std::uint64_t mine = 0; in_time; ++mine) {
      int error = load::operate(options_.places, handles, random, load::Patience::some);
      if (error != 0) ++errors[error];
      std::uint64_t all = ++done_;
      if (options_.until_gone ? is_gone(error) : all >= options_.operations) break;
      if (mine % 64 == 63) in_time = Clock::now() < end;
    }
    std::lock_guard lock(mutex_);
    for (const auto& [error, count] : errors) errors_[error] += count;
    ended_ += in_time ? 1 : 0;
  }

  const Options& options_;
  std::atomic<std::uint64_t> done_ = 0;
  std::mutex mutex_;                     // guards what follows
  std::map<int, std::uint64_t> errors_;  // how often which
  unsigned ended_ = 0;                   // threads that were not out of time
};

// ---- attack -----------------------------------------------------------------------------------------------

/// Shared by the processes.
struct Tally {
  std::atomic<std::uint64_t> operations;
  std::atomic<std::uint64_t> errors;
  std::atomic<std::uint64_t> handles;
  std::atomic<unsigned> ready;
};

[[noreturn]] void attack_alone(const Options& options, unsigned number, Tally& tally) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  errno = 0;
  if (nice(options.nice) == -1 && errno != 0) std::perror("load: nice");
  Random random(1000 + number);
  Handles handles(options.handles);
  tally.handles += handles.fill(options.places, random);
  ++tally.ready;
  const load::Patience patience = number % 4 == 0 ? load::Patience::none : load::Patience::little;
  for (;;) {
    int error = load::operate(options.places, handles, random, patience);
    tally.operations.fetch_add(1, std::memory_order_relaxed);
    if (error != 0) tally.errors.fetch_add(1, std::memory_order_relaxed);
  }
}

void allow_descriptors(std::size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, wanted + 64));
  setrlimit(RLIMIT_NOFILE, &limit);
}

int attack(const Options& options) {
  allow_descriptors(options.handles);
  void* shared = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  auto& tally = *new (shared) Tally{};
  std::vector<pid_t> children;
  for (unsigned number = 0; number < options.processes; ++number) {
    pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) attack_alone(options, number, tally);
    children.push_back(child);
  }
  const Clock::time_point end = Clock::now() + std::chrono::seconds(options.seconds);
  while (tally.ready < options.processes && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::printf("ready %llu handles\n", static_cast<unsigned long long>(tally.handles.load()));
  std::fflush(stdout);
  // The input ends when whoever started this has seen enough.
  pollfd input{STDIN_FILENO, POLLIN, 0};
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  poll(&input, 1, static_cast<int>(std::max<long>(left, 0)));
  for (pid_t child : children) kill(child, SIGKILL);
  for (pid_t child : children) waitpid(child, nullptr, 0);
  std::printf("operations %llu\nerrors %llu\n", static_cast<unsigned long long>(tally.operations.load()),
              static_cast<unsigned long long>(tally.errors.load()));
  return 0;
}

// ---- measure ----------------------------------------------------------------------------------------------

void tell_times(const char* name, std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::printf("%s median %.0f p99 %.0f longest %.0f\n", name, at(0.5), at(0.99), at(1));
}

int measure(const Options& options) {
  std::vector<double> stat_times, list_times, read_times;
  Random random(7);
  int failed = 0;
  auto timed = [&](std::vector<double>& times, auto function, const std::string& path) {
    const Clock::time_point begin = Clock::now();
    int error = function(path);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    if (error != 0 && error != EACCES && failed++ == 0)
      std::printf("failed '%s': %s\n", path.c_str(), std::strerror(error));
  };
  const std::vector<std::string>& directories = options.places.directories;
  for (std::uint64_t round = 0; round < options.operations && !directories.empty(); ++round) {
    const std::string& directory = directories[random() % directories.size()];
    timed(stat_times, load::ask_attributes, directory);
    timed(list_times, load::list_all, directory);
    timed(read_times, load::read_afresh, directory + "/.pwalk/summary");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (stat_times.empty()) return 2;
  tell_times("stat", stat_times);
  tell_times("list", list_times);
  tell_times("summary", read_times);
  return failed == 0 ? 0 : 1;
}

int usage() {
  std::fprintf(stderr,
               "usage: load mix|attack|measure [--threads N] [--processes N] [--operations N] [--handles N] "
               "[--seconds N] [--nice N] [--until-gone] DIRECTORY...\n");
  return 2;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return usage();
  const std::string mode = words[1];
  Options options;
  for (int i = 2; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--until-gone") {
      options.until_gone = true;
    } else if (word.compare(0, 2, "--") != 0) {
      options.places.collect(word, places_limit);
    } else {
      if (i + 1 == count) return usage();
      const unsigned long long value = std::strtoull(words[++i], nullptr, 10);
      if (word == "--threads")
        options.threads = static_cast<unsigned>(value);
      else if (word == "--processes")
        options.processes = static_cast<unsigned>(value);
      else if (word == "--operations")
        options.operations = value;
      else if (word == "--handles")
        options.handles = value;
      else if (word == "--seconds")
        options.seconds = static_cast<unsigned>(value);
      else if (word == "--nice")
        options.nice = static_cast<int>(value);
      else
        return usage();
    }
  }
  if (options.places.directories.empty()) return 2;
  if (mode == "mix") return Mix(options).run();
  if (mode == "attack") return attack(options);
  if (mode == "measure") return measure(options);
  return usage();
}
