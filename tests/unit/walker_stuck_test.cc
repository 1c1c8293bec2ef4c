// Calls that never answer: the directory is given up, with what was seen of it, and the rest of the tree is
// walked all the same. The threads that are stuck stay, as they do in the program, until the process ends.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <thread>

#include "support/recorded_walk.h"

namespace pwalk::walk {
namespace {

namespace fs = std::filesystem;
namespace instead = test::instead;
namespace real = test::real;
using Clock = std::chrono::steady_clock;

std::atomic<unsigned> stuck_threads{0};

/// What the thread did before may be undone by who has read how many are stuck.
[[noreturn]] void never_answer() {
  stuck_threads.fetch_add(1, std::memory_order_release);
  for (;;) ::pause();
}

std::uint64_t inode_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

class WalkerStuck : public RecordedWalk {
 protected:
  WalkerStuck() {
    options_.patience_seconds = 0.5;
    for (const char* name : {"a/below", "stuck/below", "z/below"}) directory_.make_directory(name);
    for (const char* name : {"stuck/1", "stuck/2", "stuck/3", "z/file"}) directory_.write_file(name, "");
    stuck_ = inode("stuck");
  }
  ~WalkerStuck() override { test::answer_nothing(); }

  bool walk(unsigned workers) {
    bool whole = RecordedWalk::walk(workers);
    EXPECT_GE(stuck_threads.load(std::memory_order_acquire), abandoned_);
    return whole;
  }

  std::uint64_t inode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat(directory_.path(name).c_str(), &status), 0);
    return status.st_ino;
  }
  void expect_the_rest() {
    for (const char* path : {"", "/a", "/a/below", "/z", "/z/below"})
      EXPECT_EQ(outcome(path).listed, Listed::whole) << path;
    EXPECT_EQ(abandoned_, 1u);
    EXPECT_EQ(seen_.finished.back(), "");
    EXPECT_EQ(seen_.finished.size(), seen_.outcomes.size());
  }

  std::uint64_t stuck_;
};

TEST_F(WalkerStuck, NothingIsGivenUpThatAnswers) {
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    std::this_thread::sleep_for(std::chrono::milliseconds(70));
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(1));  // 10 calls: longer than the patience, but none of them is
  EXPECT_EQ(abandoned_, 0u);
  EXPECT_EQ(seen_.children.size(), 10u);
  EXPECT_EQ(counts_.errors, 0u);
}

TEST_F(WalkerStuck, WhileItIsOpened) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    if (std::string(p) == "stuck") never_answer();
    return real::openat(d, p, f, m);
  };
  for (unsigned workers : {1u, 3u}) {
    seen_.forget();
    ASSERT_TRUE(walk(workers));
    EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
    EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
    EXPECT_EQ(outcome("/stuck").call, Call::openat);
    EXPECT_EQ(counts_.errors, 1u);
    expect_the_rest();
  }
}

/// From now on the system has no thread for anyone, until this is given 0.
void ask_for_stacks_of(std::size_t bytes) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, bytes != 0 ? bytes : std::size_t{8} << 20);
  EXPECT_EQ(::pthread_setattr_default_np(&attributes), 0);
  ::pthread_attr_destroy(&attributes);
}
constexpr std::size_t no_such_stack = std::size_t{1} << 46;

/// Who reads a directory: the first who looks at one of its names.
class Reader {
 public:
  bool is_this_thread() {
    pid_t nobody = 0;
    return thread_.compare_exchange_strong(nobody, ::gettid()) || nobody == ::gettid();
  }

 private:
  std::atomic<pid_t> thread_{0};
};

TEST_F(WalkerStuck, WhereThereIsNoThreadForTheRestTheWalkEnds) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    if (std::string(p) != "stuck") return real::openat(d, p, f, m);
    ask_for_stacks_of(no_such_stack);
    never_answer();
  };
  settles_ = true;
  auto began = Clock::now();
  EXPECT_FALSE(walk(1));
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(10));
  ask_for_stacks_of(0);
  EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  EXPECT_EQ(abandoned_, 1u);
  unsigned not_reached = 0;
  for (const char* path : {"/a", "/z"}) not_reached += outcome(path).listed == Listed::not_reached ? 1 : 0;
  EXPECT_GE(not_reached, 1u);
  EXPECT_EQ(seen_.finished.back(), "");
}

TEST_F(WalkerStuck, OfSeveralTheOthersGoOnWithoutAThreadForTheRest) {
  static std::mutex mutex;
  static std::set<std::thread::id> workers;
  auto seen = [] {
    std::lock_guard lock(mutex);
    workers.insert(std::this_thread::get_id());
    return workers.size();
  };
  instead::openat = [seen](int d, const char* p, int f, unsigned m) {
    if (*p == '/') return real::openat(d, p, f, m);  // the root, which no worker opens
    seen();
    if (std::string(p) != "stuck") return real::openat(d, p, f, m);
    // The other one must have its thread before there is none. (It has work: what is beside this.)
    for (int tries = 0; tries < 40 && seen() < 2; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (seen() == 2) ask_for_stacks_of(no_such_stack);
    never_answer();
  };
  ASSERT_TRUE(walk(2));
  ask_for_stacks_of(0);
  EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
  expect_the_rest();
}

TEST_F(WalkerStuck, AHelperKeepsNobodyWithoutAThreadForTheRest) {
  for (unsigned i = 0; i < 400; ++i) directory_.write_file("stuck/name" + std::to_string(i), "");
  for (bool reader_too : {false, true}) {
    seen_.forget();
    settles_ = reader_too;
    std::atomic<int> left{10};
    Reader reader;
    instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
      if (std::string_view(p).starts_with("name")) {
        std::this_thread::sleep_for(std::chrono::milliseconds(left > 0 ? 20 : 1));
        bool is_reader = reader.is_this_thread();
        if (!is_reader && --left == 0) {
          ask_for_stacks_of(no_such_stack);
          never_answer();
        }
        if (is_reader && reader_too && left <= 0) never_answer();
      }
      return real::statx(d, p, f, m, s);
    };
    auto began = Clock::now();
    bool whole = walk(2);
    EXPECT_TRUE(whole || reader_too) << "it ends before its time where nobody is left for what there is";
    EXPECT_LT(Clock::now() - began, std::chrono::seconds(60));
    ask_for_stacks_of(0);
    EXPECT_EQ(outcome("/stuck").listed, Listed::partial);
    EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
    EXPECT_EQ(seen_.children.count("/stuck/name399"), 1u);
    EXPECT_EQ(abandoned_, reader_too ? 2u : 1u);
    EXPECT_EQ(seen_.finished.back(), "");
  }
}

TEST_F(WalkerStuck, WhileItIsLookedAtOnceOpen) {
  options_.one_file_system = true;
  instead::statx = [this](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    if (*p == '\0' && s->stx_ino == stuck_) never_answer();
    return result;
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  expect_the_rest();
}

TEST_F(WalkerStuck, WhileItIsListed) {
  instead::getdents64 = [this](int d, void* b, std::size_t n) {
    if (inode_of(d) == stuck_) never_answer();
    return real::getdents64(d, b, n);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  EXPECT_EQ(outcome("/stuck").call, Call::getdents64);
  expect_the_rest();
}

TEST_F(WalkerStuck, WhileTheRestOfItIsListed) {
  // The position of the last name is taken for the end where there is one: so another is given.
  instead::getdents64 = [this, calls = 0](int d, void* b, std::size_t n) mutable {
    if (inode_of(d) != stuck_) return real::getdents64(d, b, n);
    if (++calls > 1) never_answer();
    long got = real::getdents64(d, b, n);
    for (long at = 0; at < got;) {
      auto& dirent = *reinterpret_cast<struct dirent64*>(static_cast<char*>(b) + at);
      dirent.d_off = 7;
      at += dirent.d_reclen;
    }
    return got;
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/stuck").listed, Listed::partial);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  EXPECT_EQ(outcome("/stuck").call, Call::getdents64);
  for (const char* name : {"/stuck/1", "/stuck/2", "/stuck/3", "/stuck/below"}) {
    EXPECT_EQ(child(name).stat_error, ETIMEDOUT);
    EXPECT_EQ(child(name).stat, nullptr);
  }
  EXPECT_EQ(child("/stuck/below").dirent_type, S_IFDIR);
  EXPECT_EQ(seen_.outcomes.count("/stuck/below"), 0u);
  expect_the_rest();
}

TEST_F(WalkerStuck, WhileItsAclIsRead) {
  instead::flistxattr = [this](int d, char* b, std::size_t n) -> ssize_t {
    if (inode_of(d) == stuck_) never_answer();
    return real::flistxattr(d, b, n);
  };
  for (bool looks : {false, true}) {  // whether it was looked at once it was open
    seen_.forget();
    options_.one_file_system = looks;
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/stuck").listed, Listed::failed);
    EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
    EXPECT_EQ(outcome("/stuck").acl_error, looks ? ETIMEDOUT : 0) << "nobody knows whether it has one";
    EXPECT_EQ(outcome("/a").acl_error, 0);
    for (const auto& [path, met] : seen_.children)
      EXPECT_FALSE(path.starts_with("/stuck/")) << path << ": the directory read before had that name";
    expect_the_rest();
  }
}

TEST_F(WalkerStuck, WhileAnEntryIsLookedAt) {
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (std::string(p) == "2") never_answer();
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(2));
  EXPECT_EQ(outcome("/stuck").listed, Listed::partial);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  EXPECT_EQ(child("/stuck/2").stat_error, ETIMEDOUT);
  for (const char* name : {"/stuck/1", "/stuck/3", "/stuck/below"}) {
    bool looked_at = child(name).stat != nullptr;
    EXPECT_EQ(child(name).stat_error, looked_at ? 0 : ETIMEDOUT) << name;
  }
  expect_the_rest();
}

TEST_F(WalkerStuck, AndWhatIsLeftOfItFindsNoRoom) {
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (std::string(p) == "2") never_answer();
    return real::statx(d, p, f, m, s);
  };
  // After the root's three names and that of `a`.
  EXPECT_THROW(RecordedWalk::walk(1, 0, 5), std::system_error);
  EXPECT_GE(stuck_threads.load(std::memory_order_acquire), 1u);
  EXPECT_EQ(seen_.children.count("/stuck"), 1u);
  EXPECT_EQ(seen_.outcomes.count("/stuck"), 0u);
}

TEST_F(WalkerStuck, WhileALinkIsRead) {
  for (const char* name : {"0link", "stuck_link", "zlink"})
    fs::create_symlink("target", directory_.path(std::string("stuck/") + name));
  instead::readlinkat = [](int d, const char* p, char* b, std::size_t n) -> ssize_t {
    if (std::string(p) == "stuck_link") never_answer();
    return real::readlinkat(d, p, b, n);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/stuck").listed, Listed::whole) << "all of its names were looked at";
  EXPECT_EQ(seen_.targets["/stuck/0link"], "target");
  EXPECT_EQ(child("/stuck/stuck_link").target_error, ETIMEDOUT);
  EXPECT_EQ(child("/stuck/zlink").target_error, ETIMEDOUT) << "no more calls are made";
  EXPECT_EQ(child("/stuck/3").stat_error, 0);
  expect_the_rest();
}

TEST_F(WalkerStuck, WhileTheRootIsListed) {
  instead::getdents64 = [](int, void*, std::size_t) -> long { never_answer(); };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::failed);
  EXPECT_EQ(outcome("").error, ETIMEDOUT);
  EXPECT_EQ(abandoned_, 1u);
}

TEST_F(WalkerStuck, InALargeDirectory) {
  constexpr unsigned names = 9500;
  for (unsigned i = 0; i < names; ++i) directory_.write_file("stuck/name" + std::to_string(i), "");
  unsigned workers = 1;
  for (const char* name : {"name0", "name42", "name5000", "name9499"}) {
    seen_.forget();
    instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
      if (std::string(p) == name) never_answer();
      return real::statx(d, p, f, m, s);
    };
    ASSERT_TRUE(walk(workers));
    workers = 4 - workers;
    EXPECT_EQ(outcome("/stuck").listed, Listed::partial);
    EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
    EXPECT_EQ(seen_.children.size(), names + 10);
    for (const auto& [path, met] : seen_.children) {
      if (met.stat_error == 0) {
        if (!met.is_directory) {
          EXPECT_EQ(seen_.stats[path].stx_ino, met.dirent_inode) << path;
        }
      } else {
        EXPECT_EQ(met.stat_error, ETIMEDOUT) << path;
      }
    }
    EXPECT_EQ(child(std::string("/stuck/") + name).stat_error, ETIMEDOUT);
    expect_the_rest();
  }
}

TEST_F(WalkerStuck, WhoHelpsIsGivenUpToo) {
  for (unsigned i = 0; i < 400; ++i) directory_.write_file("stuck/name" + std::to_string(i), "");
  std::atomic<int> left{10};
  Reader reader;
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (std::string_view(p).starts_with("name")) {
      // Long enough for the helper, which may have to wait for a processor.
      std::this_thread::sleep_for(std::chrono::milliseconds(left > 0 ? 20 : 1));
      if (!reader.is_this_thread() && --left == 0) never_answer();
    }
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(2));
  EXPECT_EQ(seen_.children.size(), 410u);
  EXPECT_EQ(outcome("/stuck").listed, Listed::partial);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  expect_the_rest();
}

TEST_F(WalkerStuck, TwoAtOnceAndOneAfterAnother) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    if (std::string(p) == "stuck" || std::string(p) == "below") never_answer();
    return real::openat(d, p, f, m);
  };
  for (unsigned workers : {1u, 2u}) {
    seen_.forget();
    ASSERT_TRUE(walk(workers));
    EXPECT_EQ(abandoned_, 3u);
    for (const char* path : {"/stuck", "/a/below", "/z/below"})
      EXPECT_EQ(outcome(path).error, ETIMEDOUT) << path;
    for (const char* path : {"", "/a", "/z"}) EXPECT_EQ(outcome(path).listed, Listed::whole);
  }
}

TEST_F(WalkerStuck, AWalkThatEndsWaitsASecondAtMost) {
  options_.patience_seconds = 60;
  settles_ = true;
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    if (std::string(p) == "stuck") never_answer();
    return real::openat(d, p, f, m);
  };
  std::jthread stopper([&, before = stuck_threads.load()](std::stop_token over) {
    while (stuck_threads.load() == before && !over.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop_ = true;
  });
  auto began = Clock::now();
  EXPECT_FALSE(walk(1)) << "a directory was given up before its time";
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(30));
  EXPECT_EQ(abandoned_, 1u);
  EXPECT_EQ(outcome("/stuck").error, ETIMEDOUT);
  EXPECT_EQ(seen_.finished.back(), "");
}

}  // namespace
}  // namespace pwalk::walk
