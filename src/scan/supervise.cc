// SPDX-License-Identifier: MIT
#include "scan/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/leave.h"

namespace pwalk::scan {

namespace {

constexpr int look_every_milliseconds = 200;
constexpr std::chrono::milliseconds look_counts_most{300};  // what is beyond it was a stop, as for the walk

/// In the child: does the job, tells its status, and lets go of everything that others may be waiting for.
[[noreturn]] void do_job(const std::function<int()>& job, pid_t parent, int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) leave(2);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::signal(signal_number, SIG_IGN);
  auto status = static_cast<unsigned char>(job());
  std::fflush(nullptr);
  // A stuck thread keeps the process, and with it whatever is open: a reader of our output would wait for
  // ever.
  auto number = static_cast<unsigned>(pipe);
  if (number > 0) ::close_range(0, number - 1, 0);
  ::close_range(number + 1, std::numeric_limits<unsigned>::max(), 0);
  while (::write(pipe, &status, 1) < 0 && errno == EINTR) {
  }
  leave(status);
}

/// The signal that the process died of; 0 if it cannot be waited for, since a thread of it is stuck.
int signal_of(pid_t process) {
  for (int tries = 0; tries < 100; ++tries) {
    int how = 0;
    if (::waitpid(process, &how, WNOHANG) == process) return WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // its descriptors go before it does
  }
  return 0;
}

/// Whether nothing but stuck threads is left of the process, as far as can be seen.
bool is_dead(pid_t process) {
  char text[512] = {};
  Fd stat(::open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!stat) return ::kill(process, 0) != 0 && errno == ESRCH;  // no /proc, or no descriptor left
  ssize_t length = ::read(stat.get(), text, sizeof text - 1);
  std::string_view line(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  std::size_t state = line.rfind(") ");  // the name in parentheses may hold anything
  return state != std::string_view::npos && state + 2 < line.size() &&
         (line[state + 2] == 'Z' || line[state + 2] == 'X');
}

}  // namespace

Orders& shared_orders() {
  void* memory = ::mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_errno("cannot get shared memory");
  return *new (memory) Orders;
}

Supervised supervise(const std::function<int()>& job, Orders& orders, double patience_seconds) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  std::fflush(nullptr);
  pid_t parent = ::getpid();
  pid_t child = ::fork();
  if (child < 0) throw_errno("cannot start a process for the scan");
  if (child == 0) {
    reading = Fd();
    do_job(job, parent, writing.get());
  }
  writing = Fd();
  using Clock = std::chrono::steady_clock;
  auto looked = Clock::now();
  Clock::duration waited{};
  bool dead = false;
  for (;;) {
    struct pollfd pipe {
      reading.get(), POLLIN, 0
    };
    int ready = ::poll(&pipe, 1, dead ? 0 : look_every_milliseconds);
    unsigned char status = 0;
    if (ready > 0 && ::read(reading.get(), &status, 1) == 1) return {Supervised::End::status, status};
    if (ready > 0 || dead) return {Supervised::End::died, signal_of(child)};
    // What it told between that look and its end is there by now: only who is looked at once more has died
    // without a word.
    dead = is_dead(child);
    if (dead) continue;
    // Who was stopped (SIGSTOP, a frozen control group) has not waited meanwhile.
    auto now = Clock::now();
    waited += std::min<Clock::duration>(now - looked, look_counts_most);
    looked = now;
    if (orders.walking()) continue;
    // Nothing is there yet that could be ended in good order, and the root may never answer.
    bool stop = orders.stop.load();
    if ((stop || std::chrono::duration<double>(waited).count() > patience_seconds) && orders.give_up())
      return {stop ? Supervised::End::stopped : Supervised::End::no_answer, 0};
  }
}

}  // namespace pwalk::scan
