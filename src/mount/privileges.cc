// Capabilities, no new privileges, Landlock: bare system calls, of which headers older than the kernel know
// only a part.
// SPDX-License-Identifier: MIT
#include "mount/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace pwalk::mount {

namespace {

constexpr int capability_numbers = 64;

// ---- Landlock, as in linux/landlock.h of Linux 6.12
// ----------------------------------------------------------

constexpr long call_create_ruleset = 444;  // the same number on every architecture
constexpr long call_add_rule = 445;
constexpr long call_restrict_self = 446;
constexpr unsigned flag_version = 1;
constexpr unsigned rule_path_beneath = 1;

constexpr std::uint64_t access_read_file = 1 << 2;
constexpr std::uint64_t access_read_directory = 1 << 3;
constexpr std::uint64_t access_first = (1 << 13) - 1;   // of version 1, from execute to make_sym
constexpr std::uint64_t access_refer = 1 << 13;         // version 2
constexpr std::uint64_t access_truncate = 1 << 14;      // version 3
constexpr std::uint64_t access_tcp = 3;                 // version 4: bind, connect
constexpr std::uint64_t access_ioctl_device = 1 << 15;  // version 5
constexpr std::uint64_t scope_all = 3;                  // version 6: abstract sockets, signals

struct Ruleset {
  std::uint64_t access_files = 0;
  std::uint64_t access_network = 0;
  std::uint64_t scoped = 0;
};

struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

Ruleset ruleset_of(long version) noexcept {
  Ruleset ruleset{access_first, 0, 0};
  if (version >= 2) ruleset.access_files |= access_refer;
  if (version >= 3) ruleset.access_files |= access_truncate;
  if (version >= 4) ruleset.access_network = access_tcp;
  if (version >= 5) ruleset.access_files |= access_ioctl_device;
  if (version >= 6) ruleset.scoped = scope_all;
  return ruleset;
}

/// What the C library reads for the names of owners; anyone may read them.
constexpr const char* tables_of_users[] = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"};

}  // namespace

bool confine_files(int directory) {
  // Loads what the C library has for them, which is not below the directory.
  ::getpwuid(0);
  ::getgrgid(0);
  long version = ::syscall(call_create_ruleset, nullptr, 0, flag_version);
  if (version < 1) return false;  // ENOSYS: an older kernel; EOPNOTSUPP: switched off
  Ruleset ruleset = ruleset_of(version);
  // What an older kernel does not know is zero, which it takes.
  Fd rules(static_cast<int>(::syscall(call_create_ruleset, &ruleset, sizeof ruleset, 0)));
  if (!rules) throw_errno("cannot make a Landlock ruleset");
  auto allow = [&](std::uint64_t accesses, int below) {
    PathBeneath rule{accesses, below};
    if (::syscall(call_add_rule, rules.get(), rule_path_beneath, &rule, 0) != 0)
      throw_errno("cannot add a Landlock rule");
  };
  allow(access_read_file | access_read_directory, directory);
  for (const char* path : tables_of_users)
    if (Fd table(::open(path, O_PATH | O_CLOEXEC)); table) allow(access_read_file, table.get());
  if (::syscall(call_restrict_self, rules.get(), 0) != 0) throw_errno("cannot enter a Landlock domain");
  return true;
}

void keep_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) throw_errno("cannot read capabilities");
  for (int half = 0; half < 2; ++half) {
    sets[half].permitted &= static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, sets) != 0) throw_errno("cannot give up capabilities");
}

void give_up_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw_errno("cannot rule out new privileges");
  // The bounding set is for those who may change it; without it, no new privileges says the same.
  for (int number = 0; number < capability_numbers; ++number) ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    throw_errno("cannot give up ambient capabilities");
  keep_capabilities(0);
}

}  // namespace pwalk::mount
