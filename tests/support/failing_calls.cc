// A library to preload: makes one library call of a program fail, for tests of what it makes of that. From
// the environment:
//   FAILING_CALL   name of the call, one of those at the end of this file; or malloc
//   FAILING_FROM   the number of the first one that fails, from 1; 0: none
//   FAILING_TIMES  how many from there on fail; all, if not given
//   FAILING_ERRNO  number of the error; for fsync, 0: succeeds without doing anything
//   FAILING_DELAY  milliseconds that an fsync meant by these takes, and then it succeeds
//   FAILING_NAME   if given, only openat calls whose path ends in this are meant
//   FAILING_HINTS  `ignored`: sync_file_range succeeds without doing anything
//   FAILING_COUNT  if given, a file that gets the number of calls when the program exits
// A close that fails has closed, as in the kernel. Only calls of the program and its libraries are seen, not
// those that the C library makes of itself.
// SPDX-License-Identifier: MIT
#undef _FILE_OFFSET_BITS  // so that each name means the symbol of that name
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

char call_name[32];  // empty until main() begins: nothing fails before
unsigned long from = 0;
unsigned long times = ~0ul;
int error_number = 0;
unsigned delay_milliseconds = 0;
const char* only_name = nullptr;
bool ignores_hints = false;
std::atomic<unsigned long> calls{0};

void read_environment() {
  if (const char* text = std::getenv("FAILING_FROM")) from = std::strtoul(text, nullptr, 10);
  if (const char* text = std::getenv("FAILING_TIMES")) times = std::strtoul(text, nullptr, 10);
  if (const char* text = std::getenv("FAILING_ERRNO")) error_number = std::atoi(text);
  if (const char* text = std::getenv("FAILING_DELAY"))
    delay_milliseconds = static_cast<unsigned>(std::atoi(text));
  only_name = std::getenv("FAILING_NAME");
  const char* hints = std::getenv("FAILING_HINTS");
  ignores_hints = hints != nullptr && std::strcmp(hints, "ignored") == 0;
  const char* name = std::getenv("FAILING_CALL");
  if (name != nullptr && std::strlen(name) < sizeof call_name) std::strcpy(call_name, name);
}

__attribute__((destructor)) void tell_count() {
  const char* path = std::getenv("FAILING_COUNT");
  if (path == nullptr) return;
  call_name[0] = '\0';
  int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ::dprintf(file, "%lu\n", calls.load());
  ::close(file);
}

/// Whether this call of `name` is to fail; errno is set then.
bool fails(const char* name) noexcept {
  if (call_name[0] == '\0' || std::strcmp(name, call_name) != 0) return false;
  unsigned long number = calls.fetch_add(1) + 1;
  if (from == 0 || number < from || number - from >= times) return false;
  errno = error_number;
  return true;
}

template <typename Function>
Function* next(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_meant(const char* path) noexcept {
  if (only_name == nullptr) return true;
  std::size_t length = std::strlen(path);
  std::size_t end = std::strlen(only_name);
  return length >= end && std::strcmp(path + length - end, only_name) == 0;
}

}  // namespace

extern "C" {

// What fails before main() is nobody's to handle.
using Main = int(int, char**, char**);
Main* real_main = nullptr;
int counted_main(int argc, char** argv, char** environment) {
  read_environment();
  return real_main(argc, argv, environment);
}

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
void* __libc_malloc(std::size_t bytes);
int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(), void (*linker)(),
                      void* stack) {
  real_main = main;
  static auto* real =
      next<int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*)>("__libc_start_main");
  return real(counted_main, argc, argv, init, fini, linker, stack);
}
void* malloc(std::size_t bytes) {
  if (fails("malloc")) return nullptr;
  return __libc_malloc(bytes);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

long syscall(long number, ...) noexcept(noexcept(::syscall(number))) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_getdents64 && fails("getdents64")) return -1;
  static auto* real = next<long(long, ...)>("syscall");
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define OPENAT(NAME)                                                  \
  int NAME(int directory, const char* path, int flags, ...) {         \
    va_list list;                                                     \
    va_start(list, flags);                                            \
    unsigned mode = va_arg(list, unsigned);                           \
    va_end(list);                                                     \
    if (is_meant(path) && fails("openat")) return -1;                 \
    static auto* real = next<int(int, const char*, int, ...)>(#NAME); \
    return real(directory, path, flags, mode);                        \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int descriptor) {
  static auto* real = next<int(int)>("close");
  int result = real(descriptor);
  return fails("close") ? -1 : result;
}

int fsync(int descriptor) {
  static auto* real = next<int(int)>("fsync");
  if (fails("fsync")) {
    if (delay_milliseconds == 0) return error_number == 0 ? 0 : -1;
    ::usleep(delay_milliseconds * 1000);
  }
  return real(descriptor);
}

int sync_file_range(int descriptor, off64_t offset, off64_t length, unsigned flags) {
  if (ignores_hints) return 0;
  static auto* real = next<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  return real(descriptor, offset, length, flags);
}

// Result, name, what it is called in FAILING_CALL, result where it fails, parameters, arguments.
#define CALL(RESULT, NAME, CALLED, FAILURE, PARAMETERS, ARGUMENTS) \
  RESULT NAME PARAMETERS noexcept(noexcept(::NAME ARGUMENTS)) {    \
    if (fails(CALLED)) return FAILURE;                             \
    static auto* real = next<RESULT PARAMETERS>(#NAME);            \
    return real ARGUMENTS;                                         \
  }
CALL(int, statx, "statx", -1, (int d, const char* p, int f, unsigned m, struct statx* s), (d, p, f, m, s))
CALL(int, fstatat64, "fstatat", -1, (int d, const char* p, struct stat64* s, int f), (d, p, s, f))
CALL(int, fstat64, "fstat", -1, (int d, struct stat64* s), (d, s))
CALL(ssize_t, readlinkat, "readlinkat", -1, (int d, const char* p, char* b, size_t n), (d, p, b, n))
CALL(ssize_t, fgetxattr, "fgetxattr", -1, (int d, const char* p, void* b, size_t n), (d, p, b, n))
CALL(ssize_t, flistxattr, "flistxattr", -1, (int d, char* b, size_t n), (d, b, n))
CALL(int, fallocate64, "fallocate", -1, (int d, int m, off64_t o, off64_t n), (d, m, o, n))
CALL(void*, mmap64, "mmap", MAP_FAILED, (void* a, size_t n, int p, int f, int d, off64_t o),
     (a, n, p, f, d, o))
CALL(ssize_t, pwrite64, "pwrite", -1, (int d, const void* b, size_t n, off64_t o), (d, b, n, o))
CALL(ssize_t, pread64, "pread", -1, (int d, void* b, size_t n, off64_t o), (d, b, n, o))
CALL(int, ftruncate64, "ftruncate", -1, (int d, off64_t n), (d, n))
CALL(int, fchmod, "fchmod", -1, (int d, mode_t m), (d, m))
CALL(int, mkdirat, "mkdirat", -1, (int d, const char* p, mode_t m), (d, p, m))
CALL(int, unlinkat, "unlinkat", -1, (int d, const char* p, int f), (d, p, f))
CALL(int, symlinkat, "symlinkat", -1, (const char* t, int d, const char* p), (t, d, p))
CALL(int, flock, "flock", -1, (int d, int o), (d, o))
CALL(int, renameat, "rename", -1, (int d, const char* p, int e, const char* q), (d, p, e, q))
CALL(int, renameat2, "rename", -1, (int d, const char* p, int e, const char* q, unsigned f), (d, p, e, q, f))
}  // extern "C"
