// floor [-t THREADS] [-D] [-b] DIR: what a walk costs that does nothing but the system calls every walk needs
// (see bare_walk.h). Nobody who stats every entry by name can be faster, so it is what scanners are measured
// against. THREADS 1 to 4096, 2 if not given; -D: AT_STATX_DONT_SYNC; -b: statx is asked for all that a
// scan records, birth time and mount too. Prints one line: entries, directories, bytes, errors, seconds.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bare_walk.h"

namespace {

struct Nothing {
  static constexpr bool wants_paths = false;
  explicit Nothing(unsigned) {}
  void listed(const char*, std::uint32_t) {}
  void entry(const std::string&, const char*, const struct statx&) {}
  void looked() {}
  void end() {}
};

int usage() {
  std::fputs("usage: floor [-t THREADS] [-D] [-b] DIR\n", stderr);
  return 2;
}

}  // namespace

int main(int count, char** words) {
  pwalk::bench::WalkOptions options;
  for (int option = ::getopt(count, words, "t:Db"); option != -1; option = ::getopt(count, words, "t:Db")) {
    if (option == 't')
      options.threads = static_cast<unsigned>(std::atoi(optarg));
    else if (option == 'D')
      options.statx_flags |= AT_STATX_DONT_SYNC;
    else if (option == 'b')
      options.statx_mask |= STATX_BTIME | STATX_MNT_ID;
    else
      return usage();
  }
  if (optind + 1 != count || options.threads == 0 || options.threads > 4096) return usage();
  pwalk::bench::raise_descriptor_limit();
  auto began = std::chrono::steady_clock::now();
  pwalk::bench::Sums sum = pwalk::bench::BareWalk<Nothing>(options).run(words[optind]);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::printf("entries=%llu directories=%llu bytes=%llu errors=%llu seconds=%.3f\n",
              static_cast<unsigned long long>(sum.entries), static_cast<unsigned long long>(sum.directories),
              static_cast<unsigned long long>(sum.bytes), static_cast<unsigned long long>(sum.errors),
              seconds.count());
  return sum.errors == 0 ? 0 : 1;
}
