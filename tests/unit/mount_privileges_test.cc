// What the daemon gives up: capabilities for good, and every file outside of what it serves where the kernel
// has Landlock. Each in a process of its own, which cannot go back.
// SPDX-License-Identifier: MIT
#include "mount/privileges.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cstring>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/leave.h"
#include "support/calls.h"
#include "support/temporary_directory.h"

namespace pwalk::mount {
namespace {

using test::fail_with;
namespace instead = test::instead;

constexpr long call_create_ruleset = 444;
constexpr long call_add_rule = 445;
constexpr long call_restrict_self = 446;

/// Runs `test` in a process of its own; its failures are this one's.
void apart(const std::function<void()>& test) {
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int status = 1;
    try {
      test();
      status = ::testing::Test::HasFailure() ? 1 : 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::fflush(nullptr);
    leave(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "in the process of its own, above";
}

bool confine_to(int directory) {
  give_up_privileges();
  return confine_files(directory);
}

int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

std::uint64_t capabilities(bool permitted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  EXPECT_EQ(::syscall(SYS_capget, &header, sets), 0);
  auto half = [&](int i) { return std::uint64_t{permitted ? sets[i].permitted : sets[i].effective}; };
  return half(0) | half(1) << 32;
}

class Privileges : public ::testing::Test {
 protected:
  Privileges() : opened_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {
    directory_.write_file("file", "contents");
    outside_.write_file("file", "contents");
  }
  ~Privileges() override { test::answer_nothing(); }
  static int error_of_opening(const std::string& path, int flags) {
    Fd file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    return file ? 0 : errno;
  }
  test::TemporaryDirectory directory_;
  test::TemporaryDirectory outside_;
  Fd opened_;
};

TEST_F(Privileges, KeepsTheCapabilitiesThatAreNamedAndNoOther) {
  apart([] {
    std::uint64_t before = capabilities(true);
    constexpr std::uint64_t some = std::uint64_t{1} << CAP_SYS_ADMIN | std::uint64_t{1}
                                                                           << CAP_CHECKPOINT_RESTORE;
    keep_capabilities(some);
    EXPECT_EQ(capabilities(true), before & some);
    EXPECT_EQ(capabilities(false), before & some);
    keep_capabilities(0);
    EXPECT_EQ(capabilities(true), 0u);
  });
}

TEST_F(Privileges, AreGoneForGood) {
  apart([&] {
    confine_to(opened_.get());
    EXPECT_EQ(capabilities(true), 0u);
    EXPECT_EQ(capabilities(false), 0u);
    EXPECT_EQ(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    if (::geteuid() == 0) {
      for (unsigned long number : {CAP_DAC_OVERRIDE, CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE})
        EXPECT_EQ(::prctl(PR_CAPBSET_READ, number, 0, 0, 0), 0) << number;
    }
    EXPECT_EQ(error_of_opening(directory_.path("file"), O_RDONLY), 0);
    EXPECT_EQ(error_of_opening("/etc/passwd", O_RDONLY), 0);
  });
}

TEST_F(Privileges, NothingOutsideCanBeOpenedNorAnythingChanged) {
  Fd device;
  if (::mknod(directory_.path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0)
    device = Fd(::open(directory_.path("null").c_str(), O_RDONLY | O_CLOEXEC));
  long version = ::syscall(call_create_ruleset, nullptr, 0, 1u);
  pid_t parent = ::getpid();
  apart([&] {
    if (!confine_to(opened_.get())) return;  // no Landlock in this kernel
    EXPECT_EQ(error_of_opening(outside_.path("file"), O_RDONLY), EACCES);
    EXPECT_EQ(error_of_opening(directory_.path("file"), O_RDONLY), 0);
    EXPECT_EQ(error_of_opening(directory_.path("file"), O_WRONLY), EACCES);
    EXPECT_EQ(error_of_opening(directory_.path("new"), O_WRONLY | O_CREAT), EACCES);
    EXPECT_NE(::unlink(directory_.path("file").c_str()), 0);
    if (version >= 3) {
      EXPECT_NE(::truncate(directory_.path("file").c_str(), 0), 0);
      EXPECT_EQ(errno, EACCES);
    }
    if (version >= 4) {
      Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_NE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      EXPECT_EQ(errno, EACCES);
    }
    if (version >= 5 && device) {
      Fd again(::open(directory_.path("null").c_str(), O_RDONLY | O_CLOEXEC));
      int number = 0;
      EXPECT_NE(::ioctl(again.get(), TIOCGPGRP, &number), 0);
      EXPECT_EQ(errno, EACCES);
    }
    if (version >= 6) {
      EXPECT_NE(::kill(parent, 0), 0);
      EXPECT_EQ(errno, EPERM);
    }
  });
}

/// A kernel that knows a version of Landlock and takes everything, and what it was asked for.
struct Kernel {
  explicit Kernel(long version) {
    instead::system = [this, version](long number, const long* a) -> std::optional<long> {
      if (number == refused) return fail_with(EPERM);
      if (number == call_create_ruleset && a[0] == 0) {
        if (version < 0) errno = ENOSYS;
        return version;
      }
      if (number == call_create_ruleset) {
        std::memcpy(ruleset, reinterpret_cast<const void*>(a[0]), sizeof ruleset);
        return no_ruleset ? fail_with(EMFILE) : ::dup(0);
      }
      if (number == call_add_rule) {
        std::uint64_t allowed;
        std::memcpy(&allowed, reinterpret_cast<const void*>(a[2]), sizeof allowed);
        rules.push_back(allowed);
        return 0;
      }
      if (number == call_restrict_self) {
        ++restricted;
        return 0;
      }
      return std::nullopt;
    };
  }
  std::uint64_t ruleset[3] = {};
  std::vector<std::uint64_t> rules;
  unsigned restricted = 0;
  bool no_ruleset = false;
  long refused = -1;
};

TEST_F(Privileges, EachVersionIsAskedForWhatItKnows) {
  // linux/landlock.h: 13 rights from execute to make_sym; refer; truncate; bind and connect; ioctl of
  // devices; abstract sockets and signals.
  const std::vector<std::vector<std::uint64_t>> wanted = {{0x1fff, 0, 0}, {0x3fff, 0, 0}, {0x7fff, 0, 0},
                                                          {0x7fff, 3, 0}, {0xffff, 3, 0}, {0xffff, 3, 3},
                                                          {0xffff, 3, 3}};
  for (std::size_t version = 1; version <= wanted.size(); ++version) {
    apart([&] {
      Kernel kernel(static_cast<long>(version));
      EXPECT_TRUE(confine_to(opened_.get()));
      EXPECT_EQ(std::vector<std::uint64_t>(kernel.ruleset, kernel.ruleset + 3), wanted[version - 1])
          << version;
      EXPECT_EQ(kernel.restricted, 1u);
      ASSERT_GE(kernel.rules.size(), 2u);
      EXPECT_EQ(kernel.rules[0], 0xcu) << "reading files and directories";
      EXPECT_EQ(kernel.rules[1], 0x4u) << "the table of users: a file";
    });
  }
}

TEST_F(Privileges, AKernelWithoutLandlockConfinesNoFiles) {
  for (long version : {-1L, 0L}) {
    apart([&] {
      Kernel kernel(version);
      EXPECT_FALSE(confine_to(opened_.get()));
      EXPECT_EQ(kernel.restricted, 0u);
      EXPECT_EQ(capabilities(true), 0u) << "the rest is given up all the same";
    });
  }
}

TEST_F(Privileges, ATableOfUsersThatIsMissingIsNoError) {
  apart([&] {
    Kernel kernel(6);
    instead::path_of_open = [](const std::string& path) {
      return path == "/etc/group" ? "/nowhere/group" : path;
    };
    EXPECT_TRUE(confine_to(opened_.get()));
    EXPECT_EQ(kernel.rules.size(), 3u);
  });
}

TEST_F(Privileges, WhatCannotBeGivenUpIsAnError) {
  for (long refused : {call_add_rule, call_restrict_self, long{SYS_capset}, long{SYS_capget}}) {
    apart([&] {
      Kernel kernel(6);
      kernel.refused = refused;
      EXPECT_EQ(error_of([&] { confine_to(opened_.get()); }), EPERM) << refused;
    });
  }
  for (int option : {PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT}) {
    apart([&] {
      Kernel kernel(6);
      instead::prctl = [=](int asked, unsigned long) -> std::optional<int> {
        if (asked == option) return fail_with(EINVAL);
        return std::nullopt;
      };
      EXPECT_EQ(error_of([&] { confine_to(opened_.get()); }), EINVAL) << option;
    });
  }
  apart([&] {
    Kernel kernel(6);
    kernel.no_ruleset = true;
    EXPECT_EQ(error_of([&] { confine_to(opened_.get()); }), EMFILE);
  });
}

}  // namespace
}  // namespace pwalk::mount
