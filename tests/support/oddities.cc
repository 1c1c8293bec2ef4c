// oddities [--seed N] [--wide N] [--levels N] [--unreadable] DIR: makes, inside the new directory DIR, a tree
// of everything that a file system can hold and a walker can get wrong: names of all bytes, all file types,
// hard links across directories, every mode, owners, ACLs, times far from now, sparse, wide and deep
// directories. The same seed gives the same tree. What the file system or the caller's rights do not allow is
// left out and said on stdout. --unreadable makes instead a small tree with parts that only root can read.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using Random = std::mt19937_64;

struct Options {
  std::uint64_t seed = 1;
  int wide = 5000;
  int levels = 300;
  bool unreadable = false;
  std::string directory;
};

std::map<std::string, int> left_out;  // what, and the errno that stood in the way

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "oddities: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

/// Notes that something could not be made here; dies on an errno that no file system's limits explain.
void leave_out(const std::string& what) {
  switch (errno) {
    case EPERM:
    case EINVAL:
    case ENAMETOOLONG:
    case EOPNOTSUPP:
    case EFBIG:
    case EMLINK:
    case EOVERFLOW:
    case EXDEV:
    case EACCES:
      left_out.emplace(what, errno);
      return;
    default:
      die(what);
  }
}

void check(int result, const std::string& what) {
  if (result < 0) die(what);
}

/// Makes directory `name` and returns a descriptor of it. Never closed: the program is short.
int make_directory(int at, const std::string& name) {
  check(mkdirat(at, name.c_str(), 0755), "mkdir " + name);
  const int directory = openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  check(directory, "open " + name);
  return directory;
}

void make_file(int at, const std::string& name, std::size_t length = 0) {
  const int file = openat(at, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  check(file, "create " + name);
  const std::string text(length, 'x');
  if (write(file, text.data(), length) != static_cast<ssize_t>(length)) die("write " + name);
  close(file);
}

bool exists(int at, const std::string& name) {
  struct stat facts;
  return fstatat(at, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

// ---- names ----------------------------------------------------------------------------------------------

std::string random_name(Random& random) {
  const std::size_t length = 1 + random() % (random() % 4 == 0 ? 255 : 24);
  std::string name;
  while (name.size() < length) {
    const char byte = static_cast<char>(1 + random() % 255);
    if (byte != '/') name += byte;
  }
  return name;
}

void make_names(int root, Random& random) {
  const int bytes = make_directory(root, "bytes");
  for (int value = 1; value < 256; ++value) {
    if (value == '/') continue;
    const std::string byte(1, static_cast<char>(value));
    if (value != '.') make_file(bytes, byte);
    for (const std::string& name : {"x" + byte, byte + "xx", "x" + byte + "y"})
      if (!exists(bytes, name)) make_file(bytes, name);
  }

  const int crafted = make_directory(root, "crafted");
  const std::vector<std::string> names = {"-rf",
                                          "--",
                                          "--help",
                                          " lead",
                                          "trail ",
                                          "%s%n%p",
                                          "%",
                                          "%2F",
                                          "\\",
                                          "\\n",
                                          "\\x2f",
                                          "*",
                                          "?",
                                          "$(x)",
                                          "`x`",
                                          "'",
                                          "\"",
                                          "a\"b",
                                          "a,b",
                                          "\n",
                                          "a\nb",
                                          "a\n",
                                          "\t",
                                          "\r\n",
                                          "...",
                                          "..x",
                                          ".x",
                                          "~",
                                          "#x#",
                                          ";",
                                          "|",
                                          "&",
                                          "\x1b[31mred\x1b[0m",
                                          "\x1b]0;title\x07",
                                          "\xc2\x9b"
                                          "31m",
                                          "\xe2\x80\xae"
                                          "gnp.exe",
                                          "\xe2\x80\xa8",
                                          "\xc0\xaf",
                                          "\xed\xa0\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xe2\x82",
                                          "\xff\xfe",
                                          "\xef\xbb\xbf"
                                          "bom",
                                          "\xc3\xa9",
                                          "e\xcc\x81",
                                          "A",
                                          "a",
                                          "0",
                                          "00",
                                          "latest",
                                          "manifest.json",
                                          "lost+found",
                                          "CON",
                                          "x y z",
                                          std::string(255, 'n'),
                                          std::string(255, '\xff'),
                                          std::string(254, '\n') + "e",
                                          std::string(255, ' ')};
  for (const std::string& name : names) make_file(crafted, name, 1 + random() % 100);

  const int inside = make_directory(root, "crafted directories");
  for (const std::string& name : names) make_file(make_directory(inside, name), name);

  // Names that agree in the first bytes: a sort by prefixes must not stop there.
  const int prefixes = make_directory(root, "prefixes");
  for (std::size_t length = 1; length <= 24; ++length) {
    make_file(prefixes, std::string(length, 'a'));
    make_file(prefixes, std::string(length, 'a') + '\x80');
    make_file(prefixes, std::string(length, 'a') + '\x01');
    make_file(prefixes, std::string(length, '\xff') + (length % 2 != 0 ? "a" : ""));
  }

  const int random_names = make_directory(root, "random names");
  for (int number = 0; number < 300; ++number) {
    const std::string name = random_name(random);
    if (name == "." || name == ".." || exists(random_names, name)) continue;
    if (random() % 10 == 0)
      make_file(make_directory(random_names, name), random_name(random));
    else
      make_file(random_names, name);
  }

  const int hidden = make_directory(root, ".pwalk");
  for (const char* name : {"summary", "summary.json", "own.json"}) make_file(hidden, name, 10);
  make_file(make_directory(hidden, "du"), "x");
}

// ---- types, links, sizes ---------------------------------------------------------------------------------

void make_device(int at, const char* name, mode_t type, unsigned major_number, unsigned minor_number) {
  if (mknodat(at, name, type | 0600, makedev(major_number, minor_number)) != 0)
    leave_out(std::string("device ") + name);
}

void make_socket(int at, const char* name) {
  check(fchdir(at), "chdir");
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(made, "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
  check(bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  close(made);
}

void make_types(int root) {
  const int types = make_directory(root, "types");
  make_file(types, "empty");
  make_directory(types, "empty directory");
  check(mkfifoat(types, "fifo", 0640), "mkfifo");
  make_socket(types, "socket");
  make_device(types, "null", S_IFCHR, 1, 3);
  make_device(types, "zero numbers", S_IFBLK, 0, 0);
  make_device(types, "block", S_IFBLK, 259, 262143);
  make_device(types, "big minor", S_IFCHR, 10, 1048575);
  make_device(types, "big major", S_IFBLK, 4095, 1048575);

  const int symlinks = make_directory(root, "symlinks");
  const auto link_to = [&](const std::string& target, const std::string& name) {
    return symlinkat(target.c_str(), symlinks, name.c_str());
  };
  check(link_to("nowhere", "dangling"), "symlink");
  check(link_to("self", "self"), "symlink");
  check(link_to("..", "up"), "symlink");
  check(link_to("/", "slash"), "symlink");
  check(link_to("../types", "to a directory"), "symlink");
  check(link_to("../types/empty", "to a file"), "symlink");
  check(link_to("a\nb\t%s\\\xff", "odd\nname"), "symlink");
  for (const std::size_t length : {59U, 60U, 63U, 64U, 255U, 1023U, 1024U, 4094U, 4095U})
    if (link_to(std::string(length, 't'), "target of " + std::to_string(length)) != 0)
      leave_out("symbolic link of " + std::to_string(length));
}

void make_hard_links(int root, Random& random) {
  const int links = make_directory(root, "links");
  std::vector<int> places = {links};
  for (int number = 0; number < 24; ++number)
    places.push_back(make_directory(places[random() % places.size()], "d" + std::to_string(number)));

  const auto spread = [&](int from, const std::string& name) {
    const std::uint64_t count = 1 + random() % 5;
    for (std::uint64_t number = 0; number < count; ++number) {
      const int place = places[random() % places.size()];
      const std::string other = name + "-" + std::to_string(number);
      if (linkat(from, name.c_str(), place, other.c_str(), 0) != 0) leave_out("hard link of " + name);
    }
  };
  for (int number = 0; number < 60; ++number) {
    const int place = places[random() % places.size()];
    const std::string name = "file" + std::to_string(number);
    make_file(place, name, random() % 20000);
    spread(place, name);
  }
  for (int number = 0; number < 6; ++number) {
    const int place = places[random() % places.size()];
    const std::string ending = std::to_string(number);
    check(symlinkat(std::string(100 + random() % 400, 's').c_str(), place, ("symlink" + ending).c_str()),
          "symlink");
    spread(place, "symlink" + ending);
    check(mkfifoat(place, ("fifo" + ending).c_str(), 0600), "mkfifo");
    spread(place, "fifo" + ending);
    if (mknodat(place, ("null" + ending).c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0)
      spread(place, "null" + ending);
  }
  // All links of one inode in one directory, and one inode with many links.
  const int same = make_directory(links, "same");
  make_file(same, "first", 5000);
  for (int number = 0; number < 40; ++number)
    check(linkat(same, "first", same, ("again" + std::to_string(number)).c_str(), 0), "link");
}

void make_sizes(int root) {
  const int sizes = make_directory(root, "sizes");
  for (const std::size_t length : {1U, 511U, 512U, 513U, 4095U, 4096U, 4097U, 65536U, 100000U})
    make_file(sizes, "of " + std::to_string(length), length);
  for (off_t length = off_t{5} << 40; length > 0; length /= 2) {
    make_file(sizes, "sparse");
    const int file = openat(sizes, "sparse", O_WRONLY | O_CLOEXEC);
    check(file, "open sparse");
    const bool made = ftruncate(file, length) == 0 && pwrite(file, "x", 1, length - 1) == 1;
    const int error = errno;
    close(file);
    if (made) break;
    check(unlinkat(sizes, "sparse", 0), "unlink sparse");
    errno = error;
    leave_out("sparse file of " + std::to_string(length) + " bytes");
  }
}

// ---- modes, owners, ACLs, times --------------------------------------------------------------------------

void make_modes(int root) {
  const int modes = make_directory(root, "modes");
  char name[16];
  for (unsigned mode = 0; mode < 010000; ++mode) {
    std::snprintf(name, sizeof name, "f%04o", mode);
    make_file(modes, name);
    check(fchmodat(modes, name, mode, 0), "chmod");
  }
  // As root: an unprivileged owner could neither list nor remove what this makes.
  const int directories = make_directory(root, "directory modes");
  for (unsigned mode = 0; mode < 010000; mode += 61) {
    std::snprintf(name, sizeof name, "d%04o", mode);
    const int directory = make_directory(directories, name);
    make_file(directory, "inside", mode);
    close(directory);
    check(fchmodat(directories, name, geteuid() == 0 ? mode : mode | 0700, 0), "chmod");
  }
}

void make_owners(int root, Random& random) {
  const int owners = make_directory(root, "owners");
  const std::vector<unsigned> numbers = {0,     1,          1000,       65533,      65534,     65535,
                                         65536, 2147483647, 2147483648, 4294967293, 4294967294};
  for (const unsigned uid : numbers) {
    const std::string name = "u" + std::to_string(uid);
    const unsigned gid = numbers[random() % numbers.size()];
    close(make_directory(owners, "d" + name));
    make_file(owners, name, random() % 9000);
    check(symlinkat("x", owners, ("l" + name).c_str()), "symlink");
    for (const std::string& each : {name, "l" + name, "d" + name})
      if (fchownat(owners, each.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) leave_out("owner of " + name);
    // chown clears these bits: set them after it.
    if (fchmodat(owners, name.c_str(), 06755, 0) != 0) leave_out("set-user-ID bit of " + name);
  }
}

/// Value of a POSIX ACL attribute: version 2, then (tag, permissions, id), little-endian.
std::string acl_value(unsigned user, unsigned user_permissions, unsigned mask) {
  struct Part {
    std::uint16_t tag, permissions;
    std::uint32_t id;
  };
  constexpr std::uint32_t nobody_in_particular = 0xffffffff;
  const Part parts[] = {{0x01, 7, nobody_in_particular},
                        {0x02, static_cast<std::uint16_t>(user_permissions), user},
                        {0x04, 0, nobody_in_particular},
                        {0x10, static_cast<std::uint16_t>(mask), nobody_in_particular},
                        {0x20, 5, nobody_in_particular}};
  const std::uint32_t version = 2;
  std::string value(reinterpret_cast<const char*>(&version), sizeof version);
  value.append(reinterpret_cast<const char*>(parts), sizeof parts);
  return value;
}

void make_acls(int root) {
  const int acls = make_directory(root, "acls");
  for (unsigned number = 0; number < 6; ++number) {
    const int directory = make_directory(acls, "d" + std::to_string(number));
    make_file(directory, "inside");
    const std::string value = acl_value(1000 + number / 2, number % 3 + 4, 7 - number % 2);
    if (number != 1 && fsetxattr(directory, "system.posix_acl_access", value.data(), value.size(), 0) != 0)
      leave_out("ACLs");
    if (number % 2 != 0 &&
        fsetxattr(directory, "system.posix_acl_default", value.data(), value.size(), 0) != 0)
      leave_out("default ACLs");
  }
}

/// Seconds since 1970 and nanoseconds. Around the edges of 32 bits, of signed 64-bit nanoseconds (the years
/// 1677 and 2262), of the file systems' own ranges, and negative seconds with a fraction.
constexpr timespec odd_times[] = {{-11676096000, 0},
                                  {-11676096000, 1},
                                  {-11644473600, 999999999},
                                  {-9223372037, 145224191},
                                  {-9223372037, 145224192},
                                  {-9223372037, 145224193},
                                  {-9223372036, 0},
                                  {-6816000000, 500000000},
                                  {-2147483649, 1},
                                  {-2147483648, 0},
                                  {-2147483648, 999999999},
                                  {-2, 500000000},
                                  {-1, 0},
                                  {-1, 1},
                                  {-1, 999999999},
                                  {0, 0},
                                  {0, 1},
                                  {1, 999999999},
                                  {2147483647, 999999999},
                                  {2147483648, 0},
                                  {4294967295, 1},
                                  {4294967296, 10},
                                  {9223372036, 854775806},
                                  {9223372036, 854775807},
                                  {9223372036, 854775808},
                                  {9223372037, 0},
                                  {15032385535, 999999999},
                                  {15032385536, 0},
                                  {16725225600, 123456789},
                                  {16725225600, 0},
                                  {3093527980800, 7}};

void make_times(int root) {
  const int times = make_directory(root, "times");
  constexpr std::size_t count = sizeof odd_times / sizeof *odd_times;
  const auto set = [&](const std::string& name, std::size_t number) {
    const timespec both[2] = {odd_times[(number * 7 + 3) % count], odd_times[number]};
    if (utimensat(times, name.c_str(), both, AT_SYMLINK_NOFOLLOW) != 0) leave_out("times of " + name);
  };
  for (std::size_t number = 0; number < count; ++number) {
    const std::string ending = std::to_string(number);
    make_file(times, "f" + ending);
    set("f" + ending, number);
    check(symlinkat("x", times, ("l" + ending).c_str()), "symlink");
    set("l" + ending, number);
    make_file(make_directory(times, "d" + ending), "inside");
    set("d" + ending, number);
  }
}

// ---- shapes ----------------------------------------------------------------------------------------------

void make_shapes(int root, const Options& options) {
  const int wide = make_directory(root, "wide");
  for (int number = 0; number < options.wide; ++number)
    make_file(wide, "a file with a name of some length " + std::to_string(number * 7919 % 100003),
              number % 100 == 0 ? 4096 : 0);
  const int many = make_directory(root, "many empty directories");
  for (int number = 0; number < 200; ++number) close(make_directory(many, std::to_string(number)));

  int deep = make_directory(root, "deep");
  for (int level = 0; level < options.levels; ++level) {
    std::string name = "level " + std::to_string(level) + " ";
    name.resize(50, 'd');
    const int below = make_directory(deep, name);
    if (level % 25 == 0) make_file(deep, "beside", static_cast<std::size_t>(level) * 10);
    close(deep);
    deep = below;
  }
  make_file(deep, "bottom", 12345);
}

/// What an unprivileged user meets: not to be listed, to be listed but not searched, to be searched but not
/// listed.
void make_unreadable(int root) {
  const auto fill = [](int directory) {
    make_file(directory, "file", 100);
    make_file(make_directory(directory, "directory"), "inside", 200);
    check(symlinkat("file", directory, "symlink"), "symlink");
    check(mkfifoat(directory, "fifo", 0600), "mkfifo");
  };
  struct Part {
    const char* name;
    mode_t mode;
  };
  // Closed from the inside out, or the maker itself could not go on.
  const int nested = make_directory(root, "nested");
  for (const Part part : {Part{"locked", 0000}, Part{"listable", 0444}, Part{"searchable", 0111},
                          Part{"readable", 0555}, Part{"owner only", 0700}}) {
    fill(make_directory(root, part.name));
    const int inner = make_directory(nested, part.name);
    make_file(inner, "file", 5000);
    check(fchmodat(nested, part.name, part.mode, 0), "chmod");
    check(fchmodat(root, part.name, part.mode, 0), "chmod");
  }
  make_file(root, "unreadable file", 300);
  check(fchmodat(root, "unreadable file", 0, 0), "chmod");
}

Options parse(int count, char** words) {
  Options options;
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    const auto number = [&]() -> long long {
      if (at + 1 == count) {
        std::fprintf(stderr, "oddities: %s needs a number\n", word.c_str());
        std::exit(2);
      }
      return std::atoll(words[++at]);
    };
    if (word == "--seed")
      options.seed = static_cast<std::uint64_t>(number());
    else if (word == "--wide")
      options.wide = static_cast<int>(number());
    else if (word == "--levels")
      options.levels = static_cast<int>(number());
    else if (word == "--unreadable")
      options.unreadable = true;
    else
      options.directory = word;
  }
  if (options.directory.empty()) {
    std::fprintf(stderr, "usage: oddities [--seed N] [--wide N] [--levels N] [--unreadable] DIR\n");
    std::exit(2);
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  const Options options = parse(count, words);
  umask(0);
  Random random(options.seed);
  const int root = make_directory(AT_FDCWD, options.directory);
  if (options.unreadable) {
    make_unreadable(root);
  } else {
    make_names(root, random);
    make_types(root);
    make_hard_links(root, random);
    make_sizes(root);
    make_modes(root);
    make_owners(root, random);
    make_acls(root);
    make_shapes(root, options);
    make_times(root);
  }
  for (const auto& [what, error] : left_out)
    std::printf("left out: %s (%s)\n", what.c_str(), std::strerror(error));
}
