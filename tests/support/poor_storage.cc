// poor_storage [--delay MILLISECONDS] [--stall N] [--fail N] [--renew MILLISECONDS] DIRECTORY MOUNTPOINT:
// shows the files of DIRECTORY (not what is in directories below) read-only, as a storage that is not well
// would: of N reads one waits so long, of N one fails with EIO, at random (0: none). Every so often the
// kernel must give up what it has cached, and manifest.json has changed, so that who mapped a file reads it
// anew and a snapshot is taken for another one. Runs in the foreground until unmounted or signalled.
// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

struct File {
  std::string name;
  int descriptor;
};

// Set before the first request.
std::vector<File> files;  // the inode number is the position, from first_inode on
constexpr fuse_ino_t first_inode = 2;
unsigned long delay_milliseconds = 50;
unsigned long stall_each = 0;
unsigned long fail_each = 0;
unsigned long renew_milliseconds = 1000;
struct stat directory_facts {};

std::atomic<bool> ended = false;
std::atomic<time_t> renewed = 0;  // how often

const File* file_of(fuse_ino_t inode) {
  return inode >= first_inode && inode - first_inode < files.size() ? &files[inode - first_inode] : nullptr;
}

bool chance(unsigned long each) {
  thread_local std::mt19937_64 random(std::random_device{}());
  return each != 0 && random() % each == 0;
}

struct stat facts_of(fuse_ino_t inode) {
  struct stat facts = directory_facts;
  if (const File* file = file_of(inode)) {
    fstat(file->descriptor, &facts);
    if (file->name == "manifest.json") facts.st_ctim.tv_sec += renewed;
  }
  facts.st_ino = inode;
  return facts;
}

void on_lookup(fuse_req_t request, fuse_ino_t, const char* name) {
  fuse_entry_param entry{};
  for (std::size_t position = 0; position < files.size(); ++position)
    if (files[position].name == name) entry.ino = first_inode + position;
  if (entry.ino == 0) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  entry.attr = facts_of(entry.ino);
  fuse_reply_entry(request, &entry);  // timeouts of zero
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const struct stat facts = facts_of(inode);
  fuse_reply_attr(request, &facts, 0);
}

void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  file->keep_cache = 1;
  fuse_reply_open(request, file);
}

void on_read(fuse_req_t request, fuse_ino_t inode, size_t length, off_t offset, fuse_file_info*) {
  if (chance(stall_each)) std::this_thread::sleep_for(std::chrono::milliseconds(delay_milliseconds));
  const File* file = file_of(inode);
  std::vector<char> bytes(length);
  const ssize_t got = file != nullptr ? pread(file->descriptor, bytes.data(), length, offset) : -1;
  if (got < 0 || chance(fail_each))
    fuse_reply_err(request, EIO);
  else
    fuse_reply_buf(request, bytes.data(), static_cast<std::size_t>(got));
}

void on_readdir(fuse_req_t request, fuse_ino_t, size_t room, off_t offset, fuse_file_info*) {
  std::vector<char> buffer(room);
  std::size_t used = 0;
  for (auto position = static_cast<std::size_t>(offset); position < files.size(); ++position) {
    struct stat facts {};
    facts.st_ino = first_inode + position;
    facts.st_mode = S_IFREG;
    const std::size_t needed =
        fuse_add_direntry(request, buffer.data() + used, room - used, files[position].name.c_str(), &facts,
                          static_cast<off_t>(position + 1));
    if (needed > room - used) break;
    used += needed;
  }
  fuse_reply_buf(request, buffer.data(), used);
}

void renew(fuse_session* session) {
  while (!ended) {
    std::this_thread::sleep_for(std::chrono::milliseconds(renew_milliseconds));
    ++renewed;
    for (std::size_t position = 0; position < files.size() && !ended; ++position)
      fuse_lowlevel_notify_inval_inode(session, first_inode + position, 0, 0);
  }
}

bool open_files(const char* directory) {
  DIR* stream = opendir(directory);
  if (stream == nullptr || fstat(dirfd(stream), &directory_facts) != 0) return false;
  while (const dirent* entry = readdir(stream)) {
    const int descriptor = openat(dirfd(stream), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts {};
    if (descriptor >= 0 && fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode))
      files.push_back({entry->d_name, descriptor});
    else if (descriptor >= 0)
      close(descriptor);
  }
  closedir(stream);
  return true;
}

int serve(const char* program, const char* mount_point) {
  fuse_lowlevel_ops operations{};
  operations.lookup = on_lookup;
  operations.getattr = on_getattr;
  operations.open = on_open;
  operations.read = on_read;
  operations.readdir = on_readdir;
  const char* words[] = {program, "-osubtype=poor_storage"};
  fuse_args arguments = FUSE_ARGS_INIT(2, const_cast<char**>(words));
  fuse_session* session = fuse_session_new(&arguments, &operations, sizeof operations, nullptr);
  fuse_opt_free_args(&arguments);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0 ||
      fuse_session_mount(session, mount_point) != 0)
    return 1;
  std::thread renewer(renew, session);
  fuse_loop_config* configuration = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(configuration, 16);
  fuse_loop_cfg_set_idle_threads(configuration, 16);
  const int result = fuse_session_loop_mt(session, configuration);
  ended = true;
  fuse_session_unmount(session);
  renewer.join();
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  return result < 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
  const struct {
    const char* name;
    unsigned long* value;
  } numbers[] = {{"--delay", &delay_milliseconds},
                 {"--stall", &stall_each},
                 {"--fail", &fail_each},
                 {"--renew", &renew_milliseconds}};
  std::vector<const char*> places;
  for (int i = 1; i < count; ++i) {
    bool is_number = false;
    for (const auto& number : numbers) {
      if (std::strcmp(words[i], number.name) != 0 || i + 1 == count) continue;
      *number.value = std::strtoul(words[++i], nullptr, 10);
      is_number = true;
      break;
    }
    if (!is_number) places.push_back(words[i]);
  }
  if (places.size() != 2 || !open_files(places[0])) {
    std::fprintf(stderr,
                 "usage: poor_storage [--delay N] [--stall N] [--fail N] [--renew N] DIRECTORY MOUNTPOINT\n");
    return 2;
  }
  return serve(words[0], places[1]);
}
