// slowfs [--delay MICROSECONDS] [--top N] [--directories N] [--files N] [--threads N] [--odd |
// --vanished] [--hang CALL:PATH] MOUNTPOINT: a read-only FUSE file system that waits before it answers each
// call, for tests in which the file system is what one waits for. The root holds `top` directories of
// `directories` directories of `files` files; all is computed from the inode number, nothing is
// stored. Runs in the foreground until unmounted or signalled. --hang never answers the call lookup,
// getattr, opendir or readdir for PATH, which is TOP[/DIRECTORY[/FILE]] by their numbers (empty: the
// root); it may be given more than once. --vanished adds the first of these to the root, --odd all of
// them, what a failing file system shows:
//   vanished      listed, but lookup answers ENOENT
//   failing       listed as a regular file, but lookup answers EIO
//   unknown       listed without a type, lookup answers EIO
//   broken        a directory whose opendir answers EIO
//   partial       a directory whose listing ends in EIO after its files
// SPDX-License-Identifier: MIT
#include <fuse_lowlevel.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Options {
  long delay_microseconds = 500;
  std::uint64_t top = 10;
  std::uint64_t directories = 20;
  std::uint64_t files = 10;
  unsigned threads = 64;
  std::uint64_t odd = 0;                                       // how many of odd_entries
  std::vector<std::pair<std::string, std::uint64_t>> hanging;  // calls and inodes
  std::string mount_point;
};
Options options;  // set once before the first request

// An inode number says what and where: level in the top bits, then position among all of that level.
enum Level : std::uint64_t { level_root, level_top, level_directory, level_file, level_odd };
constexpr unsigned level_shift = 40;

struct Node {
  std::uint64_t level;
  std::uint64_t position;
};
Node node_of(fuse_ino_t inode) {
  if (inode == FUSE_ROOT_ID) return {level_root, 0};
  return {inode >> level_shift, inode & ((std::uint64_t{1} << level_shift) - 1)};
}
fuse_ino_t inode_of(Node node) {
  return node.level == level_root ? FUSE_ROOT_ID : node.level << level_shift | node.position;
}

struct Odd {
  const char* name;
  mode_t type;
  int lookup_error;
};
constexpr Odd odd_entries[] = {{"vanished", S_IFREG, ENOENT},
                               {"failing", S_IFREG, EIO},
                               {"unknown", 0, EIO},
                               {"broken", S_IFDIR, 0},
                               {"partial", S_IFDIR, 0}};
constexpr std::uint64_t odd_count = sizeof odd_entries / sizeof *odd_entries;
constexpr std::uint64_t odd_broken = 3;
constexpr std::uint64_t odd_partial = 4;

bool is_directory(Node node) {
  return node.level < level_file || node.level == level_odd;
}

std::uint64_t children_of(Node node) {
  switch (node.level) {
    case level_root:
      return options.top;
    case level_top:
      return options.directories;
    case level_directory:
      return options.files;
    case level_odd:
      return node.position == odd_partial ? options.files : 0;
    default:
      return 0;
  }
}

Node child_of(Node node, std::uint64_t number) {
  // The files of `partial` follow those of the last ordinary directory.
  if (node.level == level_odd)
    return {level_file, options.top * options.directories * options.files + number};
  return {node.level + 1, node.position * children_of(node) + number};
}

std::string name_of(Node child, std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%c%06llu", "rtdf"[child.level], static_cast<unsigned long long>(number));
  return name;
}

void wait_a_while() {
  // The default timer slack, 50 µs, would add a tenth to the delay.
  thread_local const int slack_set = prctl(PR_SET_TIMERSLACK, 1);
  static_cast<void>(slack_set);
  const timespec delay{options.delay_microseconds / 1000000, options.delay_microseconds % 1000000 * 1000};
  nanosleep(&delay, nullptr);
}

struct stat facts_of(Node node) {
  struct stat facts {};
  facts.st_ino = inode_of(node);
  facts.st_uid = 1000;
  facts.st_gid = 1000;
  facts.st_atime = facts.st_mtime = facts.st_ctime = static_cast<time_t>(1600000000 + facts.st_ino % 1000003);
  facts.st_blksize = 4096;
  facts.st_mode = is_directory(node) ? S_IFDIR | 0755 : S_IFREG | 0644;
  facts.st_nlink = is_directory(node) ? 2 : 1;
  facts.st_size = is_directory(node) ? 4096 : static_cast<off_t>(node.position * 37 % 100000);
  facts.st_blocks = (facts.st_size + 511) / 512;
  return facts;
}

/// Whether the call is one that is never answered: the caller then waits for as long as this process lives.
bool hangs(const char* call, fuse_ino_t inode) {
  for (const auto& [hanging, at] : options.hanging)
    if (hanging == call && at == inode) return true;
  return false;
}

void reply_entry(fuse_req_t request, Node node) {
  fuse_entry_param entry{};
  entry.ino = inode_of(node);
  entry.attr = facts_of(node);
  fuse_reply_entry(request, &entry);  // timeouts of zero: every call comes here
}

void on_init(void*, fuse_conn_info* connection) {
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
  connection->want |= connection->capable & FUSE_CAP_PARALLEL_DIROPS;
  connection->max_background = 512;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  wait_a_while();
  const Node node = node_of(parent);
  if (node.level == level_root) {
    for (std::uint64_t number = 0; number < options.odd; ++number) {
      const Odd& odd = odd_entries[number];
      if (std::strcmp(name, odd.name) != 0) continue;
      if (odd.lookup_error != 0)
        fuse_reply_err(request, odd.lookup_error);
      else
        reply_entry(request, {level_odd, number});
      return;
    }
  }
  const std::uint64_t number = name[0] != 0 ? std::strtoull(name + 1, nullptr, 10) : 0;
  const Node child = child_of(node, number);
  if (number >= children_of(node) || name_of(child, number) != name)
    fuse_reply_err(request, ENOENT);
  else if (!hangs("lookup", inode_of(child)))
    reply_entry(request, child);
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  wait_a_while();
  if (hangs("getattr", inode)) return;
  const struct stat facts = facts_of(node_of(inode));
  fuse_reply_attr(request, &facts, 0);
}

void on_opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  wait_a_while();
  const Node node = node_of(inode);
  if (node.level == level_odd && node.position == odd_broken)
    fuse_reply_err(request, EIO);
  else if (!hangs("opendir", inode))
    fuse_reply_open(request, file);
}

void on_readdir(fuse_req_t request, fuse_ino_t inode, size_t length, off_t offset, fuse_file_info*) {
  wait_a_while();
  if (hangs("readdir", inode)) return;
  const Node node = node_of(inode);
  const std::uint64_t children = children_of(node);
  const std::uint64_t odd = node.level == level_root ? options.odd : 0;
  const auto first = static_cast<std::uint64_t>(offset);
  if (node.level == level_odd && node.position == odd_partial && first >= children) {
    fuse_reply_err(request, EIO);
    return;
  }
  std::vector<char> buffer(length);
  size_t used = 0;
  for (std::uint64_t number = first; number < children + odd; ++number) {
    struct stat facts {};
    std::string name;
    if (number < children) {
      const Node child = child_of(node, number);
      facts = facts_of(child);
      name = name_of(child, number);
    } else {
      const Odd& entry = odd_entries[number - children];
      facts.st_mode = entry.type;
      facts.st_ino = inode_of({level_odd, number - children});
      name = entry.name;
    }
    const size_t needed = fuse_add_direntry(request, buffer.data() + used, length - used, name.c_str(),
                                            &facts, static_cast<off_t>(number + 1));
    if (needed > length - used) break;
    used += needed;
  }
  fuse_reply_buf(request, buffer.data(), used);
}

int usage() {
  std::fprintf(stderr,
               "usage: slowfs [--delay MICROSECONDS] [--top N] [--directories N] [--files N] [--threads N] "
               "[--odd | --vanished] [--hang CALL:PATH] "
               "MOUNTPOINT\n");
  return 2;
}

/// CALL:TOP[/DIRECTORY[/FILE]]
void add_hanging(const std::string& text) {
  const std::size_t colon = text.find(':');
  Node node{level_root, 0};
  for (std::size_t at = colon; at != std::string::npos && at + 1 < text.size(); at = text.find('/', at + 1))
    node = child_of(node, std::strtoull(text.c_str() + at + 1, nullptr, 10));
  options.hanging.emplace_back(text.substr(0, colon), inode_of(node));
}

bool parse(int count, char** words) {
  std::vector<std::string> hanging;
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    const bool more = at + 1 < count;
    if (word == "--odd")
      options.odd = odd_count;
    else if (word == "--vanished")
      options.odd = 1;
    else if (word == "--hang" && more)
      hanging.emplace_back(words[++at]);
    else if (word == "--delay" && more)
      options.delay_microseconds = std::atol(words[++at]);
    else if (word == "--top" && more)
      options.top = std::strtoull(words[++at], nullptr, 10);
    else if (word == "--directories" && more)
      options.directories = std::strtoull(words[++at], nullptr, 10);
    else if (word == "--files" && more)
      options.files = std::strtoull(words[++at], nullptr, 10);
    else if (word == "--threads" && more)
      options.threads = static_cast<unsigned>(std::atoi(words[++at]));
    else if (word[0] != '-' && options.mount_point.empty())
      options.mount_point = word;
    else
      return false;
  }
  for (const std::string& each : hanging) add_hanging(each);  // after the numbers that they depend on
  return !options.mount_point.empty();
}

}  // namespace

int main(int count, char** words) {
  if (!parse(count, words)) return usage();

  fuse_lowlevel_ops operations{};
  operations.init = on_init;
  operations.lookup = on_lookup;
  operations.getattr = on_getattr;
  operations.opendir = on_opendir;
  operations.readdir = on_readdir;

  std::string mount_options = "-oro,fsname=slowfs";
  if (geteuid() == 0) mount_options += ",allow_other";
  std::string program = "slowfs";
  char* arguments[] = {program.data(), mount_options.data(), nullptr};
  fuse_args fuse_arguments = FUSE_ARGS_INIT(2, arguments);
  fuse_session* session = fuse_session_new(&fuse_arguments, &operations, sizeof operations, nullptr);
  fuse_opt_free_args(&fuse_arguments);
  if (session == nullptr) return 1;
  if (fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, options.mount_point.c_str()) != 0)
    return 1;

  fuse_loop_config* loop = fuse_loop_cfg_create();
  fuse_loop_cfg_set_clone_fd(loop, 0);
  fuse_loop_cfg_set_max_threads(loop, options.threads);
  fuse_loop_cfg_set_idle_threads(loop, options.threads);
  const int result = fuse_session_loop_mt(session, loop);
  fuse_loop_cfg_destroy(loop);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return result < 0 ? 1 : 0;
}
