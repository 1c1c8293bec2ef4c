// A scan of which one library call fails, for each call that it makes, each error, the first time, the
// second, and so on to the last, once and from there on; and the same with each allocation of memory.
// Whatever fails: the scan neither crashes nor hangs; what it publishes is whole, and names that it lacks are
// missing for a reason that it tells; where it publishes nothing it says so, and the next scan works.
//
// PWALK_FAULTS=all tries every error with every number; otherwise a few numbers of each call, the errors
// taking turns, for the usual run.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "report/tree_cursor.h"
#include "snapshot/check.h"
#include "snapshot/snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long always = ~0ul;
constexpr int time_limit_milliseconds = 60000;
constexpr unsigned long sample_size = 5;  // numbers of each call in the usual run

struct Fault {
  std::string call;
  int error = 0;
  unsigned long from = 0;
  unsigned long times = always;

  std::string text() const {
    return call + " number " + std::to_string(from) + (times == always ? " and all after it" : "") + ": " +
           (error == 0 ? "nothing" : ::strerrorname_np(error));
  }
};

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class FailingCalls : public testing::Test {
 protected:
  FailingCalls() {
    library_ = environment_value("PWALK_SUPPORT") + "/failing_calls.so";
    program_ = environment_value("PWALK_SCAN");
    everything_ = environment_value("PWALK_FAULTS") == "all";
    for (const char* name : {"tree/a/b/c", "tree/d", "tree/e/f", "out"}) directory_.make_directory(name);
    for (const char* name : {"tree/a/1", "tree/a/b/2", "tree/a/b/c/3", "tree/d/4", "tree/e/f/5", "tree/6"})
      directory_.write_file(name, name);
    fs::create_symlink("target", directory_.path("tree/d/link"));
    fs::create_hard_link(directory_.path("tree/6"), directory_.path("tree/e/7"));
    add_acl("tree/d");
    add_acl("tree/a/b");
  }

  void SetUp() override {
    if (program_.empty() || !fs::exists(library_)) GTEST_SKIP() << "PWALK_SCAN and PWALK_SUPPORT are not set";
    if (!environment_value("PWALK_SANITIZED").empty()) GTEST_SKIP() << "a library is preloaded";
    ASSERT_EQ(scan({}), 0) << read_text(directory_.path("err"));
    whole_ = paths();
  }

  /// An access ACL with a named user; without one where the file system has none.
  void add_acl(const std::string& name) {
    struct Item {
      std::uint16_t tag, permissions;
      std::uint32_t id;
    };
    struct {
      std::uint32_t version = 2;
      Item items[5] = {{1, 7, ~0u}, {2, 5, 1002}, {4, 5, ~0u}, {16, 5, ~0u}, {32, 5, ~0u}};
    } acl;
    ::setxattr(directory_.path(name).c_str(), "system.posix_acl_access", &acl, sizeof acl, 0);
  }

  std::string snapshot_path() const { return directory_.path("out/s"); }

  /// The exit status of a scan with this fault, 1000 + N after signal N, 2000 where it had to be ended. What
  /// it says is in the file `err`, the number of its calls, where it exits, in `count`.
  int scan(const Fault& fault, const char* jobs = "1") {
    fs::remove_all(snapshot_path());
    return run({program_, "-q", "-j", jobs, "-o", snapshot_path(), directory_.path("tree")}, fault);
  }

  /// The same of any program.
  int run(std::vector<std::string> words, const Fault& fault) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
    if (!fault.call.empty()) {
      variables.push_back("LD_PRELOAD=" + library_);
      variables.push_back("FAILING_CALL=" + fault.call);
      variables.push_back("FAILING_FROM=" + std::to_string(fault.from));
      variables.push_back("FAILING_TIMES=" + std::to_string(fault.times));
      variables.push_back("FAILING_ERRNO=" + std::to_string(fault.error));
      variables.push_back("FAILING_COUNT=" + directory_.path("count"));
    }
    std::vector<char*> arguments;
    std::vector<char*> environment;
    for (std::string& word : words) arguments.push_back(word.data());
    for (std::string& variable : variables) environment.push_back(variable.data());
    arguments.push_back(nullptr);
    environment.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 2, directory_.path("err").c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t process = 0;
    int refused =
        ::posix_spawn(&process, arguments[0], &actions, nullptr, arguments.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (refused != 0) throw std::system_error(refused, std::generic_category(), words[0]);
    return wait_for(process);
  }

  static int wait_for(pid_t process) {
    // Readable once the process has ended.
    Fd end(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    struct pollfd ended = {end.get(), POLLIN, 0};
    bool hangs = ::poll(&ended, 1, time_limit_milliseconds) != 1;
    if (hangs) ::kill(process, SIGKILL);
    int how = 0;
    ::waitpid(process, &how, 0);
    if (hangs) return 2000;
    return WIFSIGNALED(how) ? 1000 + WTERMSIG(how) : WEXITSTATUS(how);
  }

  /// How often a scan makes this call.
  unsigned long count(const std::string& call) {
    EXPECT_EQ(scan({call, 0, 0, always}), 0);
    return counted();
  }

  unsigned long counted() const {
    return std::strtoul(read_text(directory_.path("count")).c_str(), nullptr, 10);
  }

  /// The paths of the snapshot; those of directories that were not read whole end in a slash.
  std::set<std::string> paths() const {
    std::set<std::string> found;
    auto snapshot = snapshot::Snapshot::open(snapshot_path());
    report::TreeCursor cursor(snapshot, snapshot->root(), "");
    for (auto visit = cursor.next(); visit != report::TreeCursor::Visit::end; visit = cursor.next()) {
      if (visit == report::TreeCursor::Visit::leave) continue;
      bool whole =
          visit == report::TreeCursor::Visit::other || cursor.directory().record.state == format::state_read;
      found.insert(whole ? cursor.path() : cursor.path() + "/");
    }
    return found;
  }

  /// Names that are not in the snapshot, though the directory that held them is and says that it was read.
  std::size_t missing_for_no_reason() const {
    std::set<std::string> found = paths();
    std::size_t missing = 0;
    for (const std::string& path : whole_) {
      if (found.contains(path) || found.contains(path + "/")) continue;
      std::size_t slash = path.rfind('/');
      if (slash == std::string::npos || found.contains(path.substr(0, slash))) ++missing;
    }
    return missing;
  }

  void expect_whole(const Fault& fault, int status) {
    auto report = snapshot::check_snapshot(snapshot_path());
    EXPECT_TRUE(report.whole()) << fault.text() << ": " << report.problems.front().text;
    auto manifest = snapshot::Snapshot::open(snapshot_path())->manifest();
    EXPECT_LE(missing_for_no_reason(), manifest.vanished_entries) << fault.text();
    EXPECT_EQ(status == 1, manifest.totals.errors > 0) << fault.text();
    if (status == 0) {
      EXPECT_EQ(paths() == whole_, manifest.vanished_entries == 0 && manifest.unread.empty());
    }
  }

  /// One scan with the fault, and the one after it.
  void expect_harmless(const Fault& fault, const char* jobs = "1") {
    ++tried_;
    int status = scan(fault, jobs);
    std::string said = read_text(directory_.path("err"));
    ASSERT_LE(status, 2) << fault.text() << " (1000 + a signal; 2000: it hangs)\n" << said;
    bool published = fs::exists(snapshot_path());
    if (published) {
      EXPECT_NE(status, 2) << fault.text() << " and all the same it was published";
      ASSERT_NO_FATAL_FAILURE(expect_whole(fault, status));
    } else {
      EXPECT_EQ(status, 2) << fault.text() << " and nothing was published";
      EXPECT_FALSE(said.empty()) << fault.text();
    }
    bool left = !published && !fs::is_empty(directory_.path("out"));
    if (left) {
      // What could not be removed since that fails too, the next scan collects; so too where a library needed
      // memory in a place that has no way out (the destructor of JSON is one).
      ++left_behind_;
      EXPECT_TRUE(fault.times != 1 || fault.call == "malloc") << fault.text() << ": left something behind";
      ASSERT_EQ(scan({}), 0) << fault.text() << ", and the next scan";
      EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path("out")), {}), 1) << fault.text();
    }
    if (HasFailure()) FAIL() << said;
  }

  /// With this allocation failing, once and with all after it, a program says that it is out of memory, or,
  /// having done without, exits as it would have, with this in what it says.
  void expect_out_of_memory(const std::vector<std::string>& words, unsigned long from, int otherwise,
                            const std::string& said_otherwise) {
    for (unsigned long times : {1ul, always}) {
      Fault fault = {"malloc", ENOMEM, from, times};
      int status = run(words, fault);
      std::string said = read_text(directory_.path("err"));
      bool told = status == 2 && said.find("out of memory") != std::string::npos;
      ASSERT_TRUE(told || (status == otherwise && said.find(said_otherwise) != std::string::npos))
          << words[0] << ", " << fault.text() << ": status " << status << " (1000 + a signal)\n"
          << said;
      ++tried_;
    }
  }

  /// From the first to the last of `calls`, all of them or `sample` in even steps.
  std::vector<unsigned long> numbers(unsigned long calls, unsigned long sample = sample_size) const {
    std::vector<unsigned long> chosen;
    if (everything_ || calls <= sample) sample = calls;
    for (unsigned long i = 0; i < sample; ++i)
      chosen.push_back(sample == 1 ? 1 : 1 + i * (calls - 1) / (sample - 1));
    return chosen;
  }

  void expect_all_harmless(const std::string& call, const std::vector<int>& errors) {
    unsigned long calls = count(call);
    ASSERT_GT(calls, 0u) << call;
    // Descriptors that cannot be had are waited for, seconds for each; an interruption that never ends is
    // none.
    auto waited_for = [&](int error) {
      return call == "openat" && (error == EMFILE || error == ENFILE || error == ENOMEM);
    };
    std::size_t turn = 0;
    for (unsigned long from : numbers(calls)) {
      for (int error : everything_ ? errors : std::vector<int>{errors[turn++ % errors.size()]}) {
        ASSERT_NO_FATAL_FAILURE(expect_harmless({call, error, from, 1}));
        unsigned long longer = error == EINTR || waited_for(error) ? 3 : always;
        ASSERT_NO_FATAL_FAILURE(expect_harmless({call, error, from, longer}));
      }
    }
    if (!everything_) return;
    for (int error : errors)
      for (unsigned long part = 1; waited_for(error) && part <= 4; ++part)
        ASSERT_NO_FATAL_FAILURE(expect_harmless({call, error, calls * part / 4, always}));
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
  std::string library_;
  std::string program_;
  bool everything_ = false;
  std::set<std::string> whole_;
  unsigned tried_ = 0;
  unsigned left_behind_ = 0;

  void TearDown() override {
    std::printf("%u scans with a fault, %u of them left a partial that the next one collected\n", tried_,
                left_behind_);
  }
};

const std::vector<int> all_errors = {ENOENT, EACCES, ESTALE, EIO,   ENOTDIR,   ELOOP,
                                     EMFILE, ENFILE, ENOMEM, EINTR, ETIMEDOUT, ENOSPC};

class EachCall : public FailingCalls, public testing::WithParamInterface<const char*> {};

TEST_P(EachCall, EachErrorIsToldAndHarmless) {
  expect_all_harmless(GetParam(), everything_ ? all_errors : std::vector<int>{ENOENT, EIO, EINTR});
}

INSTANTIATE_TEST_SUITE_P(Calls, EachCall,
                         testing::Values("openat", "getdents64", "statx", "readlinkat", "fgetxattr",
                                         "flistxattr", "close", "fallocate", "mmap", "fsync", "rename",
                                         "pwrite", "ftruncate", "mkdirat", "fstatat", "fstat", "fchmod",
                                         "flock"),
                         [](const auto& call) { return std::string(call.param); });

TEST_F(FailingCalls, FullDiskAndQuotaAtEachGrowth) {
  for (const char* call :
       {"mkdirat", "openat", "fallocate", "pwrite", "ftruncate", "fsync", "close", "rename"})
    ASSERT_NO_FATAL_FAILURE(expect_all_harmless(call, {ENOSPC, EDQUOT}));
}

TEST_F(FailingCalls, SeveralWorkersToo) {
  for (const char* call : {"openat", "getdents64", "statx", "fallocate", "mmap", "pwrite", "malloc"})
    for (unsigned long from : numbers(count(call), sample_size / 2))
      for (unsigned long times : {1ul, always})
        ASSERT_NO_FATAL_FAILURE(expect_harmless({call, EIO, from, times}, "4"));
}

TEST_F(FailingCalls, EachAllocationOfAScan) {
  unsigned long allocations = count("malloc");
  ASSERT_GT(allocations, 1000u);
  for (unsigned long from : numbers(allocations, 25)) {
    ASSERT_NO_FATAL_FAILURE(expect_harmless({"malloc", ENOMEM, from, 1}));
    ASSERT_NO_FATAL_FAILURE(expect_harmless({"malloc", ENOMEM, from, always}));
  }
}

/// In a store there are a lock, a counter and `latest` besides: whatever fails, what has the status of a scan
/// that published nothing has published nothing, and the other way round.
TEST_F(FailingCalls, EachErrorInAStore) {
  const std::string name = directory_.path("store/name");
  auto scan_into_store = [&](const Fault& fault) {
    return run(
        {program_, "-q", "-j", "1", "-S", directory_.path("store"), "-n", "name", directory_.path("tree")},
        fault);
  };
  auto times = [&] {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(name))
      if (entry.is_directory() && !entry.is_symlink() && entry.path().filename().string()[0] == '2')
        found.insert(entry.path().filename());
    return found;
  };
  auto attempt = [&](const Fault& fault) {
    ++tried_;
    fs::remove_all(directory_.path("store"));
    ASSERT_EQ(scan_into_store({}), 0);
    std::string older = *times().begin();
    int status = scan_into_store(fault);
    std::string said = read_text(directory_.path("err"));
    ASSERT_LE(status, 2) << fault.text() << " (1000 + a signal; 2000: it hangs)\n" << said;
    EXPECT_EQ(times().size(), status == 2 ? 1u : 2u) << fault.text() << ": status " << status << "\n" << said;
    EXPECT_EQ(status == 0, said.empty()) << fault.text() << "\n" << said;
    for (const std::string& time : times())
      EXPECT_TRUE(snapshot::check_snapshot(name + "/" + time).whole()) << fault.text();
    std::string latest = fs::read_symlink(name + "/latest");
    EXPECT_TRUE(times().contains(latest)) << fault.text();
    EXPECT_TRUE(times().contains(older)) << fault.text();
    if (status == 0) {
      EXPECT_NE(latest, older) << fault.text();
    }
    ASSERT_EQ(scan_into_store({}), 0) << fault.text() << ", and the next scan";
    EXPECT_EQ(fs::read_symlink(name + "/latest"), *times().rbegin()) << fault.text();
    EXPECT_FALSE(HasFailure()) << said;
  };
  std::size_t turn = 0;
  for (const char* call : {"symlinkat", "rename", "fsync", "unlinkat", "flock", "mkdirat", "fchmod", "pwrite",
                           "openat", "close", "fstat", "fstatat"}) {
    fs::remove_all(directory_.path("store"));
    ASSERT_EQ(scan_into_store({}), 0);
    ASSERT_EQ(scan_into_store({call, 0, 0, always}), 0);
    const std::vector<int> errors = {ENOSPC, EIO, EDQUOT};
    for (unsigned long from : numbers(counted()))
      for (int error : everything_ ? errors : std::vector<int>{errors[turn++ % errors.size()]})
        for (unsigned long longer : {1ul, always})
          ASSERT_NO_FATAL_FAILURE(attempt({call, error, from, longer}));
  }
}

/// Before any of them does its work there is the command line, which is read by a library.
TEST_F(FailingCalls, EachAllocationWhileACommandLineIsRead) {
  for (const char* variable : {"PWALK_SCAN", "PWALK_DUMP", "PWALK_DU", "PWALK_CHECK", "PWALK_MOUNT"}) {
    std::string program = environment_value(variable);
    if (program.empty()) continue;
    std::vector<std::string> words = {program, "--version", "an operand that is no short string"};
    ASSERT_EQ(run(words, {"malloc", 0, 0, always}), 0) << program;
    // Some allocations can do without.
    for (unsigned long from : numbers(counted(), 10))
      ASSERT_NO_FATAL_FAILURE(expect_out_of_memory(words, from, 0, ""));
  }
}

/// Some of what the library calls while it refuses a value is noexcept, and needs memory.
TEST_F(FailingCalls, EachAllocationWhileAValueIsRefused) {
  std::vector<std::string> words = {program_, "--stat-sync=no value of this option", "/nonexistent"};
  ASSERT_EQ(run(words, {"malloc", 0, 0, always}), 2);
  const unsigned long all = counted();
  ASSERT_GT(all, 100u);
  for (unsigned long from = everything_ ? 1 : all - 100; from <= all; ++from)
    ASSERT_NO_FATAL_FAILURE(expect_out_of_memory(words, from, 2, "--stat-sync"));
}

TEST_F(FailingCalls, WithoutFallocateTheResultIsTheSame) {
  for (int error : {EOPNOTSUPP, ENOSYS}) {
    ASSERT_EQ(scan({"fallocate", error, 1, always}), 0);
    EXPECT_EQ(paths(), whole_);
    EXPECT_TRUE(snapshot::check_snapshot(snapshot_path()).whole());
  }
}

}  // namespace
}  // namespace pwalk
