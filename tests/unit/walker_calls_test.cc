// What the walk makes of calls that fail, are interrupted, or answer what only an odd file system does: an
// entry's errno is data, nothing is lost without a word, and nothing is entered that was not listed.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "support/recorded_walk.h"
#include "walk/shared_stats.h"

namespace pwalk::walk {
namespace {

namespace fs = std::filesystem;
using test::fail_with;
namespace instead = test::instead;
namespace real = test::real;

class WalkerCalls : public RecordedWalk {
 protected:
  ~WalkerCalls() override { test::answer_nothing(); }

  /// Makes statx fail for one name.
  static void fail_statx(const std::string& name, int error) {
    instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
      return p == name ? fail_with(error) : real::statx(d, p, f, m, s);
    };
  }
  /// Lets `change` work on what statx says of one name ("": of what is open).
  static void change_stat(const std::string& name, const std::function<void(struct statx&)>& change) {
    instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
      int result = real::statx(d, p, f, m, s);
      if (p == name) change(*s);
      return result;
    };
  }
  static void fail_openat(const std::string& name, int error) {
    instead::openat = [=](int d, const char* p, int f, unsigned m) {
      return p == name ? fail_with(error) : real::openat(d, p, f, m);
    };
  }
  void fail_listing(const std::string& name, int error) {
    struct stat listed {};
    ASSERT_EQ(::stat(directory_.path(name).c_str(), &listed), 0);
    instead::getdents64 = [=](int d, void* b, std::size_t n) -> long {
      struct stat status {};
      bool meant = ::fstat(d, &status) == 0 && status.st_ino == listed.st_ino;
      return meant ? fail_with(error) : real::getdents64(d, b, n);
    };
  }
  /// Lets `change` work on every dirent.
  static void change_dirents(const std::function<void(struct dirent64&)>& change) {
    instead::getdents64 = [=](int d, void* buffer, std::size_t bytes) {
      long got = real::getdents64(d, buffer, bytes);
      for (long at = 0; at < got;) {
        auto& dirent = *reinterpret_cast<struct dirent64*>(static_cast<char*>(buffer) + at);
        change(dirent);
        at += dirent.d_reclen;
      }
      return got;
    };
  }
};

// ---- entries ---------------------------------------------------------------------------------------------

TEST_F(WalkerCalls, AnEntryWithoutAStatKeepsItsErrnoNameAndType) {
  directory_.write_file("file", "");
  directory_.make_directory("unsearchable/below");
  fail_statx("unsearchable", EACCES);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/unsearchable").stat, nullptr);
  EXPECT_EQ(child("/unsearchable").stat_error, EACCES);
  EXPECT_EQ(child("/unsearchable").dirent_type, S_IFDIR);
  EXPECT_TRUE(child("/unsearchable").is_directory);
  EXPECT_EQ(seen_.outcomes.size(), 1u) << "what has no stat is not entered";
  EXPECT_NE(child("/file").stat, nullptr);
  EXPECT_EQ(child("/file").stat_error, 0);
  EXPECT_EQ(counts_.errors, 1u);
  EXPECT_EQ(counts_.entries, 2u);
  EXPECT_EQ(counts_.directories, 1u);
}

/// What statx says of file number N of a large directory, and how often it is asked.
class OddStats {
 public:
  OddStats() {
    instead::statx = [this](int d, const char* p, int f, unsigned m, struct statx* s) {
      int result = real::statx(d, p, f, m, s);
      if (result != 0 || *p == '\0') return result;
      auto number = static_cast<unsigned>(std::stoul(p));
      make_odd(number, *s);
      std::lock_guard lock(mutex_);
      ++asked_[number];
      said_[number] = *s;
      return 0;
    };
  }
  static constexpr unsigned kinds = 8;
  static bool is_odd(unsigned number) { return number % kinds != 0; }
  unsigned asked(unsigned number) const { return asked_.at(number); }
  const struct statx& said(unsigned number) const { return said_.at(number); }

 private:
  static void make_odd(unsigned number, struct statx& stat) {
    switch (number % kinds) {
      case 0:
        stat.stx_uid = number;
        break;  // nothing odd about that
      case 1:
        stat.stx_nlink = 100'000;
        break;
      case 2:
        stat.stx_size = std::uint64_t{1} << 60;
        break;
      case 3:
        stat.stx_blocks = std::uint64_t{1} << 40;
        break;
      case 4:
        stat.stx_mtime = {std::int64_t{1} << 40, 5, 0};
        break;
      case 5:
        stat.stx_rdev_major = number;
        break;
      case 6:
        stat.stx_blksize = 1000;
        break;
      case 7:
        stat.stx_dev_minor += 1000;
        break;
    }
  }
  std::mutex mutex_;
  std::map<unsigned, unsigned> asked_;
  std::map<unsigned, struct statx> said_;
};

TEST_F(WalkerCalls, OfALargeDirectoryWhatIsOddIsLookedAtAgain) {
  constexpr unsigned files = 9000;
  Fd at = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
  for (unsigned i = 0; i < files; ++i)
    ASSERT_EQ(::mknodat(at.get(), std::to_string(i).c_str(), S_IFREG | 0644, 0), 0);
  for (unsigned workers : {1u, 2u}) {
    seen_.forget();
    OddStats odd;
    ASSERT_TRUE(walk(workers));
    EXPECT_EQ(counts_.entries, files) << "each once";
    ASSERT_EQ(seen_.stats.size(), files);
    unsigned again = 0;
    for (unsigned i = 0; i < files; ++i) {
      const struct statx& stat = seen_.stats["/" + std::to_string(i)];
      const struct statx& said = odd.said(i);
      ASSERT_EQ(stat.stx_uid, said.stx_uid) << i;
      ASSERT_EQ(stat.stx_nlink, said.stx_nlink) << i;
      ASSERT_EQ(stat.stx_size, said.stx_size) << i;
      ASSERT_EQ(stat.stx_blocks, said.stx_blocks) << i;
      ASSERT_EQ(stat.stx_mtime.tv_sec, said.stx_mtime.tv_sec) << i;
      ASSERT_EQ(stat.stx_rdev_major, said.stx_rdev_major) << i;
      ASSERT_EQ(stat.stx_blksize, said.stx_blksize) << i;
      ASSERT_EQ(stat.stx_ino, said.stx_ino) << i;
      ASSERT_EQ(device_of(stat), device_of(said)) << i;
      ASSERT_LE(odd.asked(i), OddStats::is_odd(i) ? 2u : 1u) << i;
      again += odd.asked(i) - 1;
    }
    EXPECT_GT(again, 0u) << "nothing was looked at ahead";
    test::answer_nothing();
  }
}

TEST_F(WalkerCalls, OfALargeDirectoryNotAllAreLookedAtAgain) {
  constexpr unsigned files = 30'000;
  Fd at = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
  for (unsigned i = 0; i < files; ++i)
    ASSERT_EQ(::mknodat(at.get(), std::to_string(i).c_str(), S_IFREG | 0644, 0), 0);
  std::atomic<unsigned> asked{0};
  instead::statx = [&asked](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    if (*p == '\0') return result;
    ++asked;
    ++s->stx_dev_minor;
    return result;
  };
  for (unsigned workers : {1u, 2u}) {
    seen_.forget();
    asked = 0;
    ASSERT_TRUE(walk(workers));
    EXPECT_EQ(counts_.entries, files);
    EXPECT_EQ(seen_.stats.size(), files);
    EXPECT_GT(asked, files) << "nothing was looked at ahead";
    EXPECT_LT(asked, files + 2048) << "all of another device";
  }
}

TEST_F(WalkerCalls, WhatIsGoneIsCountedAndNotHandedOver) {
  directory_.write_file("gone", "");
  directory_.write_file("stays", "");
  fail_statx("gone", ENOENT);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.count("/gone"), 0u);
  EXPECT_EQ(seen_.vanished, 1u);
  EXPECT_EQ(counts_.errors, 0u);
}

TEST_F(WalkerCalls, AnInterruptedStatIsMadeAgain) {
  directory_.write_file("file", "");
  int left = 3;
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    return std::string(p) == "file" && left-- > 0 ? fail_with(EINTR) : real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/file").stat_error, 0);
}

TEST_F(WalkerCalls, AStatOfNoTypeIsAnError) {
  directory_.write_file("file", "");
  change_stat("file", [](struct statx& stat) { stat.stx_mode = 0644; });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/file").stat_error, EIO);
  EXPECT_EQ(child("/file").dirent_type, S_IFREG);
}

TEST_F(WalkerCalls, EveryTypeOfADirentIsKnownAndNoOther) {
  const std::map<std::string, unsigned char> types = {
      {"block", DT_BLK}, {"char", DT_CHR},    {"dir", DT_DIR},         {"fifo", DT_FIFO},   {"link", DT_LNK},
      {"reg", DT_REG},   {"socket", DT_SOCK}, {"unknown", DT_UNKNOWN}, {"whiteout", DT_WHT}};
  for (const auto& [name, type] : types) directory_.write_file(name, "");
  change_dirents([&](struct dirent64& dirent) {
    if (auto type = types.find(dirent.d_name); type != types.end()) dirent.d_type = type->second;
  });
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    return *p != '\0' ? fail_with(EIO) : real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(1));
  for (const auto& [name, type] : types) {
    bool known = type != DT_UNKNOWN && type != DT_WHT;
    EXPECT_EQ(child("/" + name).dirent_type, known ? DTTOIF(type) : 0) << name;
    EXPECT_EQ(child("/" + name).is_directory, type == DT_DIR) << name;
  }
  EXPECT_EQ(seen_.links[""], 2u) << "a link, and what may be one";
}

TEST_F(WalkerCalls, EveryTypeOfAStatIsKnown) {
  for (mode_t type : {S_IFREG, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK}) {
    seen_.forget();
    directory_.write_file("file", "");
    change_stat("file", [=](struct statx& stat) { stat.stx_mode = static_cast<std::uint16_t>(type | 0644); });
    instead::readlinkat = [](int, const char*, char* buffer, std::size_t) {
      *buffer = 't';
      return 1;
    };
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(child("/file").stat_error, 0) << std::oct << type;
    EXPECT_EQ(seen_.targets["/file"], S_ISLNK(type) ? "t" : "");
  }
}

// ---- symbolic links --------------------------------------------------------------------------------------

TEST_F(WalkerCalls, AnInterruptedReadlinkIsMadeAgain) {
  fs::create_symlink("target", directory_.path("link"));
  int left = 3;
  instead::readlinkat = [&](int d, const char* p, char* b, std::size_t n) {
    return left-- > 0 ? fail_with(EINTR) : real::readlinkat(d, p, b, n);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.targets["/link"], "target");
  EXPECT_EQ(child("/link").target_error, 0);
  EXPECT_EQ(counts_.errors, 0u);
}

TEST_F(WalkerCalls, ALinkThatCannotBeReadKeepsItsErrno) {
  fs::create_symlink("target", directory_.path("link"));
  instead::readlinkat = [](int, const char*, char*, std::size_t) -> ssize_t { return fail_with(EIO); };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/link").target_error, EIO);
  EXPECT_EQ(seen_.targets["/link"], "");
  EXPECT_NE(child("/link").stat, nullptr);
  EXPECT_EQ(counts_.errors, 1u);
}

TEST_F(WalkerCalls, ALinkThatIsGoneWhenItIsReadIsVanished) {
  fs::create_symlink("target", directory_.path("link"));
  instead::readlinkat = [](int, const char*, char*, std::size_t) -> ssize_t { return fail_with(ENOENT); };
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(seen_.children.empty());
  EXPECT_EQ(seen_.vanished, 1u);
}

TEST_F(WalkerCalls, ALinkThatHasBecomeAFileIsLookedAtAgain) {
  fs::create_symlink("target", directory_.path("name"));
  instead::readlinkat = [&](int d, const char* p, char* b, std::size_t n) {
    fs::remove(directory_.path("name"));
    directory_.write_file("name", "a file by now");
    return real::readlinkat(d, p, b, n);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/name").target_error, 0);
  EXPECT_EQ(child("/name").stat_error, 0);
  EXPECT_EQ(seen_.targets["/name"], "");
}

TEST_F(WalkerCalls, ANameThatNeverSettlesIsGivenUp) {
  fs::create_symlink("target", directory_.path("name"));
  unsigned tries = 0;
  instead::readlinkat = [&](int, const char*, char*, std::size_t) -> ssize_t {
    ++tries;
    return fail_with(EINVAL);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/name").target_error, EINVAL);
  EXPECT_EQ(tries, 17u);
}

/// A link to so many bytes.
std::string long_target(std::size_t bytes) {
  return std::string(bytes - 1, 'a') + "z";
}

TEST_F(WalkerCalls, LongTargetsAreReadWhole) {
  fs::create_symlink("target", directory_.path("link"));
  for (std::size_t bytes : {4095u, 4096u, 5000u, 65534u, 65535u, 65536u}) {
    for (bool size_is_told : {false, true}) {
      seen_.forget();
      std::string target = long_target(bytes);
      unsigned calls = 0;
      change_stat("link", [&](struct statx& stat) { stat.stx_size = size_is_told ? bytes : 0; });
      instead::readlinkat = [&](int, const char*, char* buffer, std::size_t room) {
        ++calls;
        std::size_t length = std::min(room, target.size());
        std::memcpy(buffer, target.data(), length);
        return static_cast<ssize_t>(length);
      };
      ASSERT_TRUE(walk(1));
      bool fits = bytes < 65536;
      EXPECT_EQ(seen_.targets["/link"], fits ? target : "") << bytes;
      EXPECT_EQ(child("/link").target_error, fits ? 0 : ENAMETOOLONG) << bytes;
      if (size_is_told && fits) {
        EXPECT_EQ(calls, 1u) << bytes;
      }
    }
  }
}

TEST_F(WalkerCalls, ASizeThatCannotBeIsNotBelieved) {
  fs::create_symlink("target", directory_.path("link"));
  change_stat("link", [&](struct statx& stat) { stat.stx_size = ~std::uint64_t{0} - 1; });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.targets["/link"], "target");
}

// ---- opening ---------------------------------------------------------------------------------------------

TEST_F(WalkerCalls, ADirectoryThatCannotBeOpenedIsAnError) {
  directory_.make_directory("closed/below");
  for (int error : {EACCES, EIO, ESTALE, ETIMEDOUT, EPERM}) {
    seen_.forget();
    fail_openat("closed", error);
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/closed").listed, Listed::failed);
    EXPECT_EQ(outcome("/closed").error, error);
    EXPECT_EQ(outcome("/closed").call, Call::openat);
    EXPECT_EQ(counts_.errors, 1u);
    EXPECT_EQ(seen_.finished, (std::vector<std::string>{"/closed", ""}));
  }
}

TEST_F(WalkerCalls, ADirectoryThatIsGoneIsNoError) {
  directory_.make_directory("gone/below");
  for (int error : {ENOENT, ENOTDIR, ELOOP}) {
    seen_.forget();
    fail_openat("gone", error);
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/gone").listed, Listed::vanished) << error;
    EXPECT_EQ(outcome("/gone").error, error);
    EXPECT_EQ(outcome("/gone").call, Call::none);
    EXPECT_EQ(counts_.errors, 0u);
  }
}

TEST_F(WalkerCalls, OpeningIsTriedAgainWithoutNoAtimeAndAfterAnInterruption) {
  directory_.make_directory("directory/below");
  std::vector<bool> no_atime;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (std::string(p) != "directory") return real::openat(d, p, f, m);
    no_atime.push_back((f & O_NOATIME) != 0);
    if (no_atime.size() == 1) return fail_with(EINTR);
    return (f & O_NOATIME) != 0 ? fail_with(EPERM) : real::openat(d, p, f, m);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(no_atime, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(seen_.children.count("/directory/below"), 1u);
}

/// The kernel lets root and a directory's owner ask for it; anybody else would be refused, a call for
/// nothing.
TEST_F(WalkerCalls, AccessTimesAreLeftAloneWhereThatMayBeAskedFor) {
  directory_.make_directory("own");
  directory_.make_directory("foreign");
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    s->stx_uid = std::string(p) == "foreign" ? 1001 : 1000;
    return result;
  };
  for (uid_t user : {0u, 1000u}) {
    seen_.forget();
    instead::geteuid = [=] { return user; };
    std::map<std::string, bool> no_atime;
    instead::openat = [&](int d, const char* p, int f, unsigned m) {
      if (d != AT_FDCWD) no_atime[p] = (f & O_NOATIME) != 0;
      return real::openat(d, p, f, m);
    };
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(no_atime, (std::map<std::string, bool>{{"own", true}, {"foreign", user == 0}})) << user;
  }
}

TEST_F(WalkerCalls, NothingIsOpenedThatCouldBlockOrLeadElsewhere) {
  directory_.make_directory("directory");
  directory_.write_file("file", "");
  fs::create_symlink("directory", directory_.path("link"));
  std::set<std::string> opened;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (d != AT_FDCWD) {
      opened.insert(p);
      for (int flag : {O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_CLOEXEC}) EXPECT_EQ(f & flag, flag);
    }
    return real::openat(d, p, f, m);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(opened, std::set<std::string>{"directory"});
}

TEST_F(WalkerCalls, ShortDescriptorsAreWaitedFor) {
  directory_.make_directory("directory/below");
  for (int error : {EMFILE, ENFILE, ENOMEM}) {
    seen_.forget();
    int left = 4;
    instead::openat = [&](int d, const char* p, int f, unsigned m) {
      return std::string(p) == "directory" && left-- > 0 ? fail_with(error) : real::openat(d, p, f, m);
    };
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/directory").listed, Listed::whole) << error;
    EXPECT_EQ(counts_.errors, 0u);
  }
}

TEST_F(WalkerCalls, DescriptorsThatNeverComeAreTheEntrysError) {
  directory_.make_directory("directory/below");
  unsigned tries = 0;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (std::string(p) != "directory") return real::openat(d, p, f, m);
    ++tries;
    return fail_with(EMFILE);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/directory").listed, Listed::failed);
  EXPECT_EQ(outcome("/directory").error, EMFILE);
  EXPECT_EQ(tries, 201u);
}

TEST_F(WalkerCalls, WhoWaitsForADescriptorEndsWithTheWalk) {
  directory_.make_directory("directory/below");
  unsigned tries = 0;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (std::string(p) != "directory") return real::openat(d, p, f, m);
    if (++tries == 3) stop_ = true;
    return fail_with(EMFILE);
  };
  walk(1);
  EXPECT_EQ(tries, 3u);
}

// ---- listing ---------------------------------------------------------------------------------------------

TEST_F(WalkerCalls, AListingThatFailsAtOnceIsFailed) {
  directory_.make_directory("bad/below");
  fail_listing("bad", EIO);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/bad").listed, Listed::failed);
  EXPECT_EQ(outcome("/bad").error, EIO);
  EXPECT_EQ(outcome("/bad").call, Call::getdents64);
  EXPECT_EQ(outcome("").listed, Listed::whole);
  EXPECT_EQ(counts_.errors, 1u);
}

TEST_F(WalkerCalls, AListingThatFailsLaterIsPartial) {
  for (int i = 0; i < 5000; ++i) directory_.write_file("name" + std::to_string(i), "");
  for (int error : {EIO, ENOENT}) {  // the root itself is never taken for gone
    seen_.forget();
    int calls = 0;
    instead::getdents64 = [&](int d, void* b, std::size_t n) {
      return ++calls == 2 ? fail_with(error) : real::getdents64(d, b, n);
    };
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("").listed, Listed::partial);
    EXPECT_EQ(outcome("").error, error);
    EXPECT_EQ(outcome("").call, Call::getdents64);
    EXPECT_GT(seen_.children.size(), 100u);
    EXPECT_LT(seen_.children.size(), 5000u);
    EXPECT_EQ(counts_.errors, 1u);
  }
}

TEST_F(WalkerCalls, AListingThatIsInterruptedGoesOn) {
  directory_.write_file("file", "");
  int calls = 0;
  instead::getdents64 = [&](int d, void* b, std::size_t n) {
    return ++calls <= 2 ? fail_with(EINTR) : real::getdents64(d, b, n);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::whole);
  EXPECT_EQ(seen_.children.size(), 1u);
}

/// A large directory is not listed to its end first, and what was listed of it is marked.
TEST_F(WalkerCalls, StopsWhileItLists) {
  for (unsigned i = 0; i < 9500; ++i) directory_.write_file("name" + std::to_string(i), "");
  std::atomic<unsigned> calls{0};
  instead::getdents64 = [&](int d, void* buffer, std::size_t bytes) {
    if (++calls == 2) stop_ = true;
    return real::getdents64(d, buffer, bytes);
  };
  EXPECT_FALSE(walk(1));
  EXPECT_EQ(calls, 2u);
}

TEST_F(WalkerCalls, ADirectoryOfWhichOnlyTheDotsWereListedAtTheEndIsMarked) {
  for (unsigned i = 0; i < 3; ++i) directory_.write_file("name" + std::to_string(i), "");
  instead::getdents64 = [&](int d, void* buffer, std::size_t) {
    stop_ = true;
    return real::getdents64(d, buffer, 48);
  };
  EXPECT_FALSE(walk(1));
  EXPECT_TRUE(seen_.children.empty());
  EXPECT_EQ(outcome("").listed, Listed::partial);
  EXPECT_EQ(outcome("").error, ECANCELED);
}

TEST_F(WalkerCalls, ADirectoryRemovedWhileItIsListedIsVanished) {
  directory_.make_directory("gone");
  fail_listing("gone", ENOENT);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/gone").listed, Listed::vanished);
  EXPECT_EQ(outcome("/gone").call, Call::none);
  EXPECT_EQ(counts_.errors, 0u);
}

// A server may answer so whatever is the case: what it has listed is not given up.
TEST_F(WalkerCalls, ADirectoryThatIsThereIsNotVanished) {
  directory_.make_directory("large");
  for (int i = 0; i < 5000; ++i) directory_.write_file("large/name" + std::to_string(i), "");
  bool removes = false;
  int listed = 0;
  instead::getdents64 = [&](int d, void* b, std::size_t n) {
    if (fs::path(fs::read_symlink("/proc/self/fd/" + std::to_string(d))).filename() != "large" ||
        ++listed < 2)
      return real::getdents64(d, b, n);
    if (removes) fs::remove_all(directory_.path("large"));
    return static_cast<long>(fail_with(ENOENT));
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/large").listed, Listed::partial);
  EXPECT_EQ(outcome("/large").error, ENOENT);
  EXPECT_GT(seen_.children.size(), 100u);
  EXPECT_EQ(counts_.errors, 1u);
  seen_.forget();
  listed = 0;
  removes = true;
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/large").listed, Listed::vanished);
  EXPECT_EQ(counts_.errors, 0u);
}

/// Appends a dirent to a buffer.
void append_dirent(std::string& buffer, std::uint64_t inode, unsigned char type, const std::string& name) {
  std::size_t length = (offsetof(struct dirent64, d_name) + name.size() + 1 + 7) / 8 * 8;
  std::string bytes(length, '\0');
  auto& dirent = *reinterpret_cast<struct dirent64*>(bytes.data());
  dirent.d_ino = inode;
  dirent.d_off = 1;
  dirent.d_reclen = static_cast<unsigned short>(length);
  dirent.d_type = type;
  std::memcpy(dirent.d_name, name.data(), name.size());
  buffer += bytes;
}

TEST_F(WalkerCalls, NamesThatNoDirectoryCanHoldAreLeftOut) {
  const std::vector<std::string> good = {".a", "..", "...", "..a", ".", "file", ".\n"};
  // Of one that holds a zero byte, what is before that counts.
  const std::vector<std::string> bad = {"",
                                        "a/b",
                                        "/etc/passwd",
                                        "../file",
                                        std::string("\0bbbbbbbbbbbbbbb", 16),
                                        std::string("file\0bbbbbbbbbbb", 16)};
  for (const std::string& name : good)
    if (name != "." && name != "..") directory_.write_file(name, "");
  struct stat status;
  ASSERT_EQ(::stat(directory_.path().c_str(), &status), 0);
  int calls = 0;
  instead::getdents64 = [&](int, void* buffer, std::size_t) -> long {
    if (++calls > 1) return 0;
    std::string bytes;
    for (const std::string& name : good) append_dirent(bytes, name == "." ? status.st_ino : 7, DT_REG, name);
    for (const std::string& name : bad) append_dirent(bytes, 7, DT_REG, name);
    std::memcpy(buffer, bytes.data(), bytes.size());
    return static_cast<long>(bytes.size());
  };
  ASSERT_TRUE(walk(1));
  std::set<std::string> names;
  for (const auto& [path, met] : seen_.children) names.insert(path.substr(1));
  EXPECT_EQ(names, (std::set<std::string>{".a", "...", "..a", "file", ".\n"}));
}

TEST_F(WalkerCalls, OfANameThatIsListedTwiceTheLaterCounts) {
  directory_.write_file("file", "");
  directory_.write_file("other", "");
  int calls = 0;
  instead::getdents64 = [&](int, void* buffer, std::size_t) -> long {
    if (++calls > 1) return 0;
    std::string bytes;
    for (std::uint64_t inode : {11, 12, 13}) append_dirent(bytes, inode, DT_REG, "file");
    append_dirent(bytes, 14, DT_REG, "other");
    std::memcpy(buffer, bytes.data(), bytes.size());
    return static_cast<long>(bytes.size());
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.size(), 2u);
  EXPECT_EQ(child("/file").dirent_inode, 13u);
  EXPECT_EQ(seen_.duplicates, 2u);
}

TEST_F(WalkerCalls, ChildrenThatDoNotFitAreAnError) {
  directory_.make_directory("large/below");
  directory_.write_file("large/zfile", "");
  seen_.no_room_in = "/large";
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/large").listed, Listed::failed);
  EXPECT_EQ(outcome("/large").error, EOVERFLOW);
  EXPECT_EQ(counts_.errors, 1u);
  seen_.forget();
  seen_.no_room_in.clear();
  seen_.no_room_for = "zfile";
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/large").listed, Listed::partial);
  EXPECT_EQ(outcome("/large").error, EOVERFLOW);
  EXPECT_EQ(outcome("/large").call, Call::getdents64);
  EXPECT_EQ(seen_.children.count("/large/below"), 1u);
  EXPECT_EQ(outcome("/large/below").listed, Listed::whole);
  EXPECT_EQ(counts_.errors, 1u);
}

// ---- ACLs ------------------------------------------------------------------------------------------------

class WalkerAcls : public WalkerCalls {
 protected:
  /// The root alone has these attributes.
  void give(const std::vector<std::string>& names, int read_error = 0) {
    std::string list;
    for (const std::string& name : names) list += name + '\0';
    instead::flistxattr = [=](int, char* buffer, std::size_t room) -> ssize_t {
      if (list.size() > room) return fail_with(ERANGE);
      std::memcpy(buffer, list.data(), list.size());
      return static_cast<ssize_t>(list.size());
    };
    instead::fgetxattr = [=](int, const char* name, void* buffer, std::size_t) -> ssize_t {
      if (read_error != 0) return fail_with(read_error);
      std::string value = std::string("value of ") + name;
      std::memcpy(buffer, value.data(), value.size());
      return static_cast<ssize_t>(value.size());
    };
  }
};

TEST_F(WalkerAcls, PosixAclsAreReadAndOthersAreNoted) {
  give({"user.x", "system.posix_acl_access", "system.posix_acl_default", "security.y"});
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.acls[""].first, "value of system.posix_acl_access");
  EXPECT_EQ(seen_.acls[""].second, "value of system.posix_acl_default");
  EXPECT_FALSE(outcome("").rich_acl);
  EXPECT_EQ(outcome("").acl_error, 0);
  EXPECT_FALSE(outcome("").acl_skipped);
  for (const char* name : {"system.nfs4_acl", "system.richacl", "system.gpfs_nfs4_acl", "system.cifs_acl"}) {
    seen_.forget();
    give({"user.x", name});
    ASSERT_TRUE(walk(1));
    EXPECT_TRUE(outcome("").rich_acl) << name;
    EXPECT_EQ(seen_.acls[""].first + seen_.acls[""].second, "");
  }
}

TEST_F(WalkerAcls, AttributesThatSayNothingOfAccessAreNone) {
  give({"user.system.nfs4_acl", "system.posix_acl", "security.capability"});
  ASSERT_TRUE(walk(1));
  EXPECT_FALSE(outcome("").rich_acl);
  EXPECT_EQ(seen_.acls[""].first + seen_.acls[""].second, "");
  EXPECT_EQ(outcome("").acl_error, 0);
}

TEST_F(WalkerAcls, ALongListIsAskedForAgain) {
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back("user.a_name_like_many_others." + std::to_string(i));
  names.emplace_back("system.posix_acl_access");
  give(names);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.acls[""].first, "value of system.posix_acl_access");
  EXPECT_EQ(outcome("").acl_error, 0);
}

TEST_F(WalkerAcls, ALongAclIsAskedForAgain) {
  give({"system.posix_acl_access"});
  const std::string whole(60000, 'a');
  instead::fgetxattr = [&](int, const char*, void* buffer, std::size_t room) -> ssize_t {
    if (whole.size() > room) return fail_with(ERANGE);
    std::memcpy(buffer, whole.data(), whole.size());
    return static_cast<ssize_t>(whole.size());
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.acls[""].first, whole);
  EXPECT_EQ(outcome("").acl_error, 0);
  // It may grow beyond any room meanwhile.
  seen_.forget();
  instead::fgetxattr = [](int, const char*, void*, std::size_t) -> ssize_t { return fail_with(ERANGE); };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.acls[""].first, "");
  EXPECT_EQ(outcome("").acl_error, ERANGE);
}

TEST_F(WalkerAcls, ALostAclIsNoErrorAndAnUnreadableOneIs) {
  for (int error : {ENODATA, EOPNOTSUPP}) {
    seen_.forget();
    give({"system.posix_acl_access"}, error);
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("").acl_error, 0) << error;
    EXPECT_EQ(seen_.acls[""].first, "");
    EXPECT_EQ(counts_.errors, 0u);
  }
  for (int error : {EIO, EACCES}) {
    seen_.forget();
    give({"system.posix_acl_access"}, error);
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("").acl_error, error);
    EXPECT_EQ(outcome("").listed, Listed::whole);
    EXPECT_EQ(counts_.errors, counts_.directories);
  }
}

TEST_F(WalkerAcls, AFileSystemWithoutAttributesIsNoErrorAndAFailingOneIs) {
  for (int error : {0, EOPNOTSUPP, ENOSYS, EIO, EACCES}) {
    seen_.forget();
    errno = EIO;  // of something else
    instead::flistxattr = [=](int, char*, std::size_t) -> ssize_t {
      return error == 0 ? 0 : fail_with(error);
    };
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("").acl_error, error == EIO || error == EACCES ? error : 0) << error;
  }
}

TEST_F(WalkerAcls, AreNotLookedForWhereNobodyAsks) {
  give({"system.nfs4_acl"});
  options_.acls = false;
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(outcome("").acl_skipped);
  EXPECT_FALSE(outcome("").rich_acl);
}

}  // namespace
}  // namespace pwalk::walk
