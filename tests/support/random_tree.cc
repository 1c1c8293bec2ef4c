// SPDX-License-Identifier: MIT
#include "support/random_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <stdexcept>
#include <vector>

#include "base/fd.h"

namespace pwalk::test {

namespace {

class Maker {
 public:
  Maker(const std::string& root, std::uint64_t seed) : random_(seed), directories_{root} {}

  void make(unsigned entries) {
    for (unsigned i = 0; i < entries; ++i) add_entry();
    // Modes last: a directory that forbids it could not be filled by an ordinary user.
    for (std::size_t i = directories_.size(); i-- > 1;)
      if (pick(3) == 0) require(::chmod(directories_[i].c_str(), 0500 | pick(0100)) == 0);
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  static void require(bool done) {
    if (!done) throw std::runtime_error("cannot make a random tree");
  }

  std::string name() {
    static constexpr char letters[] = "abcxyzABC019._-~ \n\t\"\\%\xc3\xa9\xff";
    std::string name = std::to_string(serial_++);
    std::string tail(pick(20) == 0 ? 200 : pick(12), 'x');
    for (char& c : tail) c = letters[pick(sizeof letters - 1)];
    // In front or behind: sorting must not depend on the number.
    return pick(2) == 0 ? name + tail : tail + name;
  }

  void add_entry() {
    // Newer directories are likelier, so that trees get deep as well as wide.
    std::size_t parents = directories_.size();
    std::size_t parent = pick(2) == 0
                             ? parents - 1 - pick(static_cast<unsigned>(std::min<std::size_t>(parents, 3)))
                             : pick(static_cast<unsigned>(parents));
    std::string path = directories_[parent] + "/" + name();
    unsigned kind = pick(100);
    if (kind < 22) {
      require(::mkdir(path.c_str(), 0700) == 0);
      directories_.push_back(path);
    } else if (kind < 32) {
      require(::symlink(std::string(1 + pick(300), 't').c_str(), path.c_str()) == 0);
      // Read after it was last changed, so that reading the target again does not change the access time.
      struct timespec times[2] = {{2000000000, 0}, {1000000000, 0}};
      require(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
    } else if (kind < 36) {
      require(::mkfifo(path.c_str(), 0600) == 0);
    } else if (kind < 50 && !files_.empty()) {
      require(::link(files_[pick(static_cast<unsigned>(files_.size()))].c_str(), path.c_str()) == 0);
    } else {
      Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
      require(static_cast<bool>(file) && ::ftruncate(file.get(), pick(100000)) == 0);
      if (pick(4) == 0) require(::write(file.get(), "data", 4) == 4);
      struct timespec times[2] = {
          {static_cast<time_t>(pick(2000000000)), static_cast<long>(pick(1000000000))},
          {static_cast<time_t>(pick(2000000000)), static_cast<long>(pick(1000000000))}};
      require(::futimens(file.get(), times) == 0 && ::fchmod(file.get(), pick(010000)) == 0);
      files_.push_back(path);
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> directories_;
  std::vector<std::string> files_;
  unsigned serial_ = 0;
};

}  // namespace

void make_random_tree(const std::string& root, std::uint64_t seed, unsigned entries) {
  Maker(root, seed).make(entries);
}

}  // namespace pwalk::test
