// kill_at SIGNAL NUMBER PROGRAM [ARGUMENT]...: runs a program and sends it SIGNAL at its NUMBER-th system
// call, counted over all its threads, or at no call for 0: at an odd number before the call, at an even one
// after it (so that 2n-1 and 2n are the two sides of one call). Exit status: the program's, 128 + N where
// signal N ended it. The last line on standard output is the number of stops that there were.
// SPDX-License-Identifier: MIT
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

/// Follows `process` to its end.
int follow(pid_t process, int signal_number, unsigned long number) {
  unsigned long stops = 0;
  int how = 0;
  int result = 2;
  for (pid_t thread; (thread = ::waitpid(-1, &how, __WALL)) > 0 || errno == EINTR;) {
    if (thread < 0) continue;
    if (WIFEXITED(how) || WIFSIGNALED(how)) {
      if (thread == process) result = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
      continue;
    }
    if (!WIFSTOPPED(how)) continue;
    int pass_on = 0;
    if (WSTOPSIG(how) == (SIGTRAP | 0x80)) {
      if (++stops == number) ::kill(process, signal_number);
    } else if (how >> 16 == 0 && WSTOPSIG(how) != SIGSTOP) {
      pass_on = WSTOPSIG(how);
    }
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, static_cast<std::uintptr_t>(pass_on));
  }
  std::printf("%lu\n", stops);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "kill_at: needs SIGNAL NUMBER PROGRAM [ARGUMENT]...\n");
    return 2;
  }
  pid_t process = ::fork();
  if (process == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::execv(argv[3], argv + 3);
    ::_exit(2);
  }
  int how = 0;
  if (process < 0 || ::waitpid(process, &how, 0) != process) return 2;
  constexpr long options =
      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SETOPTIONS, process, nullptr, options) != 0) {
    std::perror("kill_at: cannot trace");
    ::kill(process, SIGKILL);
    return 2;
  }
  ::ptrace(PTRACE_SYSCALL, process, nullptr, nullptr);
  return follow(process, std::atoi(argv[1]), std::strtoul(argv[2], nullptr, 10));
}
