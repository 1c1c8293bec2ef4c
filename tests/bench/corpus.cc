// corpus src|wide|deep|acls DIR [ENTRIES [SEED]]: makes a tree to measure scans with, the same one from the
// same words. DIR must not exist.
//   src   about ENTRIES (540000) entries, a twelfth of them directories up to about 20 levels deep
//         most of them small, some of thousands
//         symbolic links, hard links, sixty owners where the user may give files away
//   wide  ENTRIES (500000) files in one directory
//   deep  ENTRIES / 4 (8000 / 4) levels of three files and a directory
//   acls  ENTRIES / 2 (80000 / 2) directories of one file, each with an access and a default ACL
//         status 77 where the file system has none
// Files are sparse: sizes without contents.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr const char* words[] = {"index",  "main",  "test",   "core",   "data",   "config",
                                 "module", "lib",   "draft",  "sample", "run",    "reads",
                                 "align",  "batch", "model",  "image",  "video",  "report",
                                 "backup", "cache", "kernel", "driver", "matrix", "readme"};
constexpr const char* endings[] = {".c",    ".h",   ".o",   ".py",  ".txt", ".gz",
                                   ".json", ".png", ".bam", ".log", ""};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "corpus: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

class Corpus {
 public:
  Corpus(std::uint64_t entries, std::uint64_t seed) : entries_max_(entries), random_(seed) {}

  void source_tree(const std::string& root) {
    struct Pending {
      std::string path;
      unsigned depth;
    };
    std::vector<Pending> pending{{root, 0}};
    while (entries_ < entries_max_) {
      if (pending.empty()) pending.push_back({new_directory(root), 1});  // all has been filled: one more top
      // Mostly the newest, sometimes any: as a file system is that has grown for a while.
      std::size_t chosen = below(16) == 0 ? below(pending.size()) : pending.size() - 1;
      Pending here = pending[chosen];
      pending[chosen] = pending.back();
      pending.pop_back();
      int directory = ::open(here.path.c_str(), O_RDONLY | O_DIRECTORY);
      if (directory < 0) fail(here.path);
      bool empty = here.depth > 3 && below(25) == 0;
      if (!empty) {
        fill(directory, below(4000) == 0 ? 3000 + below(7000) : lognormal(1.55, 1.25));
        std::uint64_t subdirectories = here.depth < 3 ? 12 : below(here.depth < 9 ? 4 : 2);
        if (pending.size() < 200 && here.depth < 9 && subdirectories < 3) subdirectories = 3;
        for (; subdirectories > 0 && entries_ < entries_max_; --subdirectories) {
          std::string name = new_name(true);
          if (::mkdirat(directory, name.c_str(), 0755) != 0) fail(here.path + "/" + name);
          ++entries_;
          pending.push_back({here.path + "/" + name, here.depth + 1});
        }
      }
      ::close(directory);
    }
  }

  /// A new directory in `parent`; its path.
  std::string new_directory(const std::string& parent) {
    std::string path = parent + "/" + new_name(true);
    if (::mkdir(path.c_str(), 0755) != 0) fail(path);
    ++entries_;
    return path;
  }

  void wide_directory(const std::string& root) {
    int directory = ::open(root.c_str(), O_RDONLY | O_DIRECTORY);
    if (directory < 0) fail(root);
    while (entries_ < entries_max_) make_file(directory, new_name(false));
    ::close(directory);
  }

  void deep_tree(const std::string& root) {
    int directory = ::open(root.c_str(), O_RDONLY | O_DIRECTORY);
    if (directory < 0) fail(root);
    while (entries_ < entries_max_) {
      for (int i = 0; i < 3; ++i) make_file(directory, new_name(false));
      std::string name = "level" + std::to_string(entries_ / 4);
      if (::mkdirat(directory, name.c_str(), 0755) != 0) fail(name);
      ++entries_;
      int next = ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY);
      if (next < 0) fail(name);
      ::close(directory);
      directory = next;
    }
    ::close(directory);
  }

  void shared_directories(const std::string& root) {
    std::string top;
    for (std::uint64_t made = 0; entries_ < entries_max_; ++made) {
      if (made % 200 == 0) top = new_directory(root);
      std::string path = new_directory(top);
      int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
      if (directory < 0) fail(path);
      make_file(directory, new_name(false));
      set_acls(directory, path);
      ::close(directory);
    }
  }

  std::uint64_t entries() const noexcept { return entries_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  /// Not std::lognormal_distribution: its numbers are not the same everywhere.
  std::uint64_t lognormal(double mean, double deviation) {
    double first = (static_cast<double>(random_() >> 11) + 1) / 9007199254740993.0;
    double second = static_cast<double>(random_() >> 11) / 9007199254740992.0;
    double normal = std::sqrt(-2 * std::log(first)) * std::cos(2 * 3.14159265358979 * second);
    return static_cast<std::uint64_t>(std::exp(mean + deviation * normal));
  }

  std::string new_name(bool directory) {
    std::string name = words[below(std::size(words))];
    for (std::uint64_t more = below(directory ? 2 : 3); more > 0; --more)
      (name += "_-."[below(3)]) += words[below(std::size(words))];
    if (below(40) == 0) name += "-" + std::to_string(random_());
    name += std::to_string(serial_++);  // no two of one directory are alike
    return directory ? name : name + endings[below(std::size(endings))];
  }

  void make_file(int directory, const std::string& name) {
    int file = ::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (file < 0) fail(name);
    auto bytes = static_cast<off_t>(below(10) == 0 ? 0 : lognormal(8.5, 2.6) % (std::uint64_t{8} << 30));
    if (::ftruncate(file, bytes) != 0) fail(name);
    // Who may not give files away measures with one owner.
    if (::fchown(file, static_cast<uid_t>(1000 + below(60)), static_cast<gid_t>(1000 + below(12))) != 0 &&
        errno != EPERM)
      fail(name);
    struct timespec times[2] = {
        {static_cast<time_t>(1500000000 + below(250000000)), static_cast<long>(below(1000000000))},
        {static_cast<time_t>(1400000000 + below(350000000)), static_cast<long>(below(1000000000))}};
    ::futimens(file, times);
    ::close(file);
    ++entries_;
  }

  /// Somebody else may read it too, and what is made in it.
  void set_acls(int directory, const std::string& path) {
    // What setxattr(2) takes: POSIX_ACL_XATTR_VERSION, then tag, permissions and id of each entry.
    struct [[gnu::packed]] Entry {
      std::uint16_t tag;
      std::uint16_t permissions;
      std::uint32_t id;
    };
    struct [[gnu::packed]] {
      std::uint32_t version = 2;
      Entry entries[5] = {{0x01, 7, ~0u}, {0x02, 5, 0}, {0x04, 5, ~0u}, {0x10, 5, ~0u}, {0x20, 5, ~0u}};
    } acl;
    acl.entries[1].id = static_cast<std::uint32_t>(1000 + below(60));
    for (const char* name : {"system.posix_acl_access", "system.posix_acl_default"}) {
      if (::fsetxattr(directory, name, &acl, sizeof acl, 0) == 0) continue;
      if (errno != EOPNOTSUPP) fail(path);
      std::fputs("corpus: this file system has no ACLs\n", stderr);
      std::exit(77);
    }
  }

  void fill(int directory, std::uint64_t files) {
    std::string last;
    for (; files > 0 && entries_ < entries_max_; --files) {
      std::string name = new_name(false);
      std::uint64_t kind = last.empty() ? 1000 : below(1000);
      if (kind < 35) {
        if (::symlinkat(last.c_str(), directory, name.c_str()) != 0) fail(name);
        ++entries_;
      } else if (kind < 45) {
        if (::linkat(directory, last.c_str(), directory, name.c_str(), 0) != 0) fail(name);
        ++entries_;
      } else {
        make_file(directory, name);
        last = name;
      }
    }
  }

  std::uint64_t entries_max_;
  std::uint64_t entries_ = 0;
  std::uint64_t serial_ = 0;
  std::mt19937_64 random_;  // the standard gives its numbers
};

}  // namespace

int main(int count, char** arguments) {
  std::string kind = count > 1 ? arguments[1] : "";
  if (count < 3 || count > 5 || (kind != "src" && kind != "wide" && kind != "deep" && kind != "acls")) {
    std::fputs("usage: corpus src|wide|deep|acls DIR [ENTRIES [SEED]]\n", stderr);
    return 2;
  }
  std::string root = arguments[2];
  std::uint64_t usual = kind == "src" ? 540000 : kind == "wide" ? 500000 : kind == "acls" ? 80000 : 8000;
  std::uint64_t entries = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : usual;
  Corpus corpus(entries, count > 4 ? std::strtoull(arguments[4], nullptr, 10) : 1);
  if (::mkdir(root.c_str(), 0755) != 0) fail(root);
  if (kind == "src")
    corpus.source_tree(root);
  else if (kind == "wide")
    corpus.wide_directory(root);
  else if (kind == "acls")
    corpus.shared_directories(root);
  else
    corpus.deep_tree(root);
  std::printf("%s: %llu entries\n", root.c_str(), static_cast<unsigned long long>(corpus.entries()));
  return 0;
}
