// adversary KIND TREE OUTSIDE [NUMBER]: changes a tree for as long as it is let, faster than anything that
// walks it, and then says how often: one line `N changes in S seconds` on standard output when it is ended by
// SIGTERM or SIGINT. It works on what it finds in TREE, in the order of names:
//   swap     each directory dN there changes places with lN, a symbolic link: whoever took the name for a
//            directory's stands before a link
//   move     each directory mN/below there is moved to OUTSIDE/N and back, half of them being away:
//            whoever goes up from what lies in it comes out in OUTSIDE
//   mount    OUTSIDE is bound over each directory bN there, on half of them, and taken off again
//   churn    in each directory of TREE up to NUMBER (100) names `passing…` come, are renamed and go
// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

/// Whether SIGTERM or SIGINT has come, which main() blocks. No handler: the thread sanitizer holds it back
/// until a call that it knows, and there may be none.
bool ended() noexcept {
  sigset_t pending;
  sigemptyset(&pending);
  return ::sigpending(&pending) == 0 &&
         (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "adversary: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

int open_directory(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) give_up(path);
  return descriptor;
}

/// Numbers of the directories PREFIX0, PREFIX1, … of `tree`.
std::size_t count_numbered(int tree, const std::string& prefix) {
  std::size_t number = 0;
  struct stat status;
  while (::fstatat(tree, (prefix + std::to_string(number)).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    ++number;
  if (number == 0) give_up("no " + prefix + "0");
  return number;
}

/// `turns` of one change for each of `count`, until ended; what each does is a change.
template <typename Change>
std::uint64_t change_until_ended(std::size_t count, const Change& change) {
  std::uint64_t changes = 0;
  constexpr std::uint64_t looks_every = 16;  // turns
  for (std::uint64_t turn = 0; turn % looks_every != 0 || !ended(); ++turn) changes += change(turn % count);
  return changes;
}

std::uint64_t swap(int tree) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0, count = count_numbered(tree, "d"); i < count; ++i)
    pairs.emplace_back("d" + std::to_string(i), "l" + std::to_string(i));
  return change_until_ended(pairs.size(), [&](std::size_t i) -> std::uint64_t {
    if (::renameat2(tree, pairs[i].first.c_str(), tree, pairs[i].second.c_str(), RENAME_EXCHANGE) != 0)
      give_up("cannot swap " + pairs[i].first);
    return 1;
  });
}

/// Turns each of `count` things on and off again, so that half of them are on at any time; in the end none
/// is.
template <typename Turn>
std::uint64_t toggle_until_ended(std::size_t count, const Turn& turn) {
  std::vector<bool> on(count);
  auto toggle = [&](std::size_t i) -> std::uint64_t {
    turn(i, !on[i]);
    on[i] = !on[i];
    return 1;
  };
  std::uint64_t changes = change_until_ended(count, toggle);
  for (std::size_t i = 0; i < count; ++i)
    if (on[i]) changes += toggle(i);
  return changes;
}

std::uint64_t move(int tree, int outside) {
  return toggle_until_ended(count_numbered(tree, "m"), [&](std::size_t i, bool out) {
    std::string there = std::to_string(i);
    std::string here = "m" + there + "/below";
    if ((out ? ::renameat(tree, here.c_str(), outside, there.c_str())
             : ::renameat(outside, there.c_str(), tree, here.c_str())) != 0)
      give_up("cannot move " + here);
  });
}

std::uint64_t mount_over(const std::string& tree, const std::string& outside, std::size_t count) {
  return toggle_until_ended(count, [&](std::size_t i, bool on) {
    std::string point = tree + "/b" + std::to_string(i);
    if ((on ? ::mount(outside.c_str(), point.c_str(), nullptr, MS_BIND, nullptr)
            : ::umount2(point.c_str(), MNT_DETACH)) != 0)
      give_up("cannot mount over " + point);
  });
}

std::vector<int> open_directories(const std::string& tree) {
  std::vector<int> found;
  DIR* stream = ::opendir(tree.c_str());
  if (stream == nullptr) give_up(tree);
  while (const dirent* entry = ::readdir(stream))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      found.push_back(open_directory(tree + "/" + entry->d_name));
  ::closedir(stream);
  if (found.empty()) give_up("no directory in " + tree);
  return found;
}

/// Names of different lengths, so that directories grow, split their blocks and move what is in them.
std::string passing_name(std::uint64_t number) {
  return "passing " + std::string(number % 180, 'x') + std::to_string(number);
}

std::uint64_t churn(const std::vector<int>& directories, std::uint64_t names) {
  std::uint64_t random = 88172645463325252;  // xorshift64
  return change_until_ended(directories.size(), [&](std::size_t i) -> std::uint64_t {
    for (int step = 0; step < 8; ++step) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      std::string name = passing_name(random % names);
      switch (random >> 61) {
        case 0:
        case 1:
        case 2: {
          int file = ::openat(directories[i], name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
          if (file >= 0) ::close(file);
          break;
        }
        case 3:
          ::mkdirat(directories[i], name.c_str(), 0700);
          break;
        case 4:
        case 5:
          ::renameat(directories[i], name.c_str(), directories[i],
                     passing_name((random >> 20) % names).c_str());
          break;
        default:
          if (::unlinkat(directories[i], name.c_str(), 0) != 0 && errno == EISDIR)
            ::unlinkat(directories[i], name.c_str(), AT_REMOVEDIR);
      }
    }
    return 8;
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "adversary: needs KIND TREE OUTSIDE [NUMBER]\n");
    return 2;
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  std::string kind = argv[1];
  int tree = open_directory(argv[2]);
  int outside = open_directory(argv[3]);
  auto began = std::chrono::steady_clock::now();
  std::uint64_t changes = 0;
  if (kind == "swap")
    changes = swap(tree);
  else if (kind == "move")
    changes = move(tree, outside);
  else if (kind == "mount")
    changes = mount_over(argv[2], argv[3], count_numbered(tree, "b"));
  else if (kind == "churn")
    changes = churn(open_directories(argv[2]), argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 100);
  else
    give_up(kind);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::printf("%llu changes in %.2f seconds\n", static_cast<unsigned long long>(changes), seconds.count());
  return 0;
}
