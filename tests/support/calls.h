// Library calls that a test answers itself: what a failing, slow, odd or hostile file system would say. For
// one source of a test program; all that is linked into it calls these. A test gives `instead::NAME` a
// function, which may pass a call on to `real::NAME`; without one the call is the library's.
// SPDX-License-Identifier: MIT
#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <functional>
#include <optional>
#include <string>

namespace pwalk::test {

template <class Function>
Function* next_symbol(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// -1 with an errno, for an answer.
inline int fail_with(int error) noexcept {
  errno = error;
  return -1;
}

namespace instead {
/// getdents64 alone of what syscall() is used for.
inline std::function<long(int, void*, std::size_t)> getdents64;
inline std::function<int(int, const char*, int, unsigned)> openat;
/// Any other number of syscall(): its answer, or nothing where the call is to be made.
inline std::function<std::optional<long>(long, const long*)> system;
inline std::function<std::optional<int>(int, unsigned long)> prctl;
/// The path to open instead of this one.
inline std::function<std::string(const std::string&)> path_of_open;
}  // namespace instead

}  // namespace pwalk::test

// The definitions stand outside of all namespaces, where they are those that the headers declare, under
// whatever name the library knows them (openat64 …).

// Result, name, parameters, arguments.
#define PWALK_TEST_CALL(RESULT, NAME, PARAMETERS, ARGUMENTS)                 \
  namespace pwalk::test::real {                                              \
  inline RESULT NAME PARAMETERS {                                            \
    static auto* library = next_symbol<RESULT PARAMETERS>(#NAME);            \
    return library ARGUMENTS;                                                \
  }                                                                          \
  }                                                                          \
  namespace pwalk::test::instead {                                           \
  inline std::function<RESULT PARAMETERS> NAME;                              \
  }                                                                          \
  extern "C" RESULT NAME PARAMETERS noexcept(noexcept(::NAME ARGUMENTS)) {   \
    return pwalk::test::instead::NAME ? pwalk::test::instead::NAME ARGUMENTS \
                                      : pwalk::test::real::NAME ARGUMENTS;   \
  }

PWALK_TEST_CALL(int, statx, (int d, const char* p, int f, unsigned m, struct statx* s), (d, p, f, m, s))
PWALK_TEST_CALL(ssize_t, readlinkat, (int d, const char* p, char* b, size_t n), (d, p, b, n))
PWALK_TEST_CALL(char*, realpath, (const char* p, char* r), (p, r))
PWALK_TEST_CALL(int, faccessat, (int d, const char* p, int m, int f), (d, p, m, f))
PWALK_TEST_CALL(dirent*, readdir, (DIR * d), (d))
PWALK_TEST_CALL(ssize_t, pread, (int d, void* b, size_t n, off_t o), (d, b, n, o))
PWALK_TEST_CALL(ssize_t, fgetxattr, (int d, const char* p, void* b, size_t n), (d, p, b, n))
PWALK_TEST_CALL(ssize_t, flistxattr, (int d, char* b, size_t n), (d, b, n))
PWALK_TEST_CALL(int, fstatfs, (int d, struct statfs* s), (d, s))
PWALK_TEST_CALL(int, getrlimit, (__rlimit_resource_t r, struct rlimit* l), (r, l))
PWALK_TEST_CALL(int, setrlimit, (__rlimit_resource_t r, const struct rlimit* l), (r, l))
PWALK_TEST_CALL(int, getrusage, (__rusage_who_t w, struct rusage* u), (w, u))
PWALK_TEST_CALL(int, poll, (struct pollfd * f, nfds_t n, int t), (f, n, t))
PWALK_TEST_CALL(int, flock, (int d, int o), (d, o))
PWALK_TEST_CALL(int, fsync, (int d), (d))
PWALK_TEST_CALL(uid_t, geteuid, (), ())
PWALK_TEST_CALL(int, fstat, (int d, struct stat* s), (d, s))
PWALK_TEST_CALL(int, fstatat, (int d, const char* p, struct stat* s, int f), (d, p, s, f))
PWALK_TEST_CALL(int, fchmod, (int d, mode_t m), (d, m))
PWALK_TEST_CALL(int, fchmodat, (int d, const char* p, mode_t m, int f), (d, p, m, f))
PWALK_TEST_CALL(int, mkdirat, (int d, const char* p, mode_t m), (d, p, m))
PWALK_TEST_CALL(int, unlinkat, (int d, const char* p, int f), (d, p, f))
PWALK_TEST_CALL(int, symlinkat, (const char* t, int d, const char* p), (t, d, p))
PWALK_TEST_CALL(int, renameat, (int d, const char* p, int e, const char* q), (d, p, e, q))
PWALK_TEST_CALL(int, renameat2, (int d, const char* p, int e, const char* q, unsigned f), (d, p, e, q, f))
PWALK_TEST_CALL(ssize_t, getrandom, (void* b, size_t n, unsigned f), (b, n, f))

#undef PWALK_TEST_CALL

namespace pwalk::test::real {
inline int openat(int directory, const char* path, int flags, unsigned mode = 0) {
  static auto* library = next_symbol<int(int, const char*, int, ...)>("openat");
  return library(directory, path, flags, mode);
}
inline long getdents64(int descriptor, void* buffer, std::size_t bytes) {
  static auto* library = next_symbol<long(long, ...)>("syscall");
  return library(SYS_getdents64, descriptor, buffer, bytes);
}
}  // namespace pwalk::test::real

extern "C" int openat(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  return pwalk::test::instead::openat ? pwalk::test::instead::openat(directory, path, flags, mode)
                                      : pwalk::test::real::openat(directory, path, flags, mode);
}

extern "C" int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  return pwalk::test::real::openat(
      AT_FDCWD, pwalk::test::instead::path_of_open ? pwalk::test::instead::path_of_open(path).c_str() : path,
      flags, mode);
}

extern "C" long syscall(long number, ...) noexcept(noexcept(::syscall(number))) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_getdents64 && pwalk::test::instead::getdents64)
    return pwalk::test::instead::getdents64(static_cast<int>(a[0]), reinterpret_cast<void*>(a[1]),
                                            static_cast<std::size_t>(a[2]));
  if (pwalk::test::instead::system)
    if (auto answer = pwalk::test::instead::system(number, a)) return *answer;
  static auto* library = pwalk::test::next_symbol<long(long, ...)>("syscall");
  return library(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

extern "C" int prctl(int option, ...) noexcept(noexcept(::prctl(option))) {
  va_list list;
  va_start(list, option);
  unsigned long a[4];
  for (unsigned long& argument : a) argument = va_arg(list, unsigned long);
  va_end(list);
  if (pwalk::test::instead::prctl)
    if (auto answer = pwalk::test::instead::prctl(option, a[0])) return *answer;
  static auto* library = pwalk::test::next_symbol<int(int, ...)>("prctl");
  return library(option, a[0], a[1], a[2], a[3]);
}

namespace pwalk::test {

/// The library's own calls again.
inline void answer_nothing() {
  instead::getdents64 = nullptr;
  instead::openat = nullptr;
  instead::path_of_open = nullptr;
  instead::system = nullptr;
  instead::prctl = nullptr;
  instead::statx = nullptr;
  instead::readlinkat = nullptr;
  instead::realpath = nullptr;
  instead::faccessat = nullptr;
  instead::readdir = nullptr;
  instead::pread = nullptr;
  instead::fgetxattr = nullptr;
  instead::flistxattr = nullptr;
  instead::fstatfs = nullptr;
  instead::getrlimit = nullptr;
  instead::setrlimit = nullptr;
  instead::getrusage = nullptr;
  instead::poll = nullptr;
  instead::flock = nullptr;
  instead::fsync = nullptr;
  instead::geteuid = nullptr;
  instead::fstat = nullptr;
  instead::fstatat = nullptr;
  instead::fchmod = nullptr;
  instead::fchmodat = nullptr;
  instead::mkdirat = nullptr;
  instead::unlinkat = nullptr;
  instead::symlinkat = nullptr;
  instead::renameat = nullptr;
  instead::renameat2 = nullptr;
  instead::getrandom = nullptr;
}

}  // namespace pwalk::test
