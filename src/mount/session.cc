// Mounting, going to the background, giving up privileges, serving, unmounting.
// SPDX-License-Identifier: MIT
#include "mount/session.h"

#include <fcntl.h>
#include <fuse_log.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "mount/dead_mount.h"
#include "mount/mounter.h"
#include "mount/operations.h"
#include "mount/privileges.h"
#include "mount/slow_lane.h"
#include "mount/source.h"
#include "mount/sweeper.h"
#include "mount/tree.h"

namespace pwalk::mount {

namespace {

constexpr char program[] = "pwalk-mount";
constexpr int status_mount_failed = 2;

// A request costs the daemon a microsecond, a wake-up on another processor fifty: threads are there for the
// request that waits for the disk, not for speed.
constexpr unsigned threads_at_most = 4;

std::string real_path(const std::string& path, const char* what) {
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  if (!resolved) throw_errno(std::string(what) + " '" + printable(path) + "'");
  return resolved.get();
}

// libfuse's log function has no user data, so where its messages go is the process's.
MessageSink libfuse_sink;

__attribute__((format(printf, 2, 0))) void take_libfuse_message(fuse_log_level level, const char* format,
                                                                va_list arguments) {
  if (level > FUSE_LOG_WARNING || !libfuse_sink) return;
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string message = text;
  if (message.starts_with("fuse: ")) message.erase(0, 6);
  while (message.ends_with('\n')) message.pop_back();
  libfuse_sink(printable(message));
}

/// The two ends of telling the parent process that the mount is live.
class Background {
 public:
  /// Forks. In the parent waits for the child's word and returns the exit status; in the child returns
  /// nothing.
  std::optional<int> start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
    Fd read_end(ends[0]);
    to_parent_ = Fd(ends[1]);
    null_ = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    pid_t child = ::fork();
    if (child < 0) throw_errno("cannot start a process");
    if (child == 0) return std::nullopt;
    to_parent_.reset();
    char word = 0;
    ssize_t got = 0;
    do {
      got = ::read(read_end.get(), &word, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1) return 0;
    // The child ended without a mount, and has said why.
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : status_mount_failed;
  }

  /// In the child: leaves the terminal, then lets the parent go.
  void detach() {
    ::setsid();
    for (int standard = 0; null_ && standard <= 2; ++standard) ::dup2(null_.get(), standard);
    null_.reset();
    char word = 1;
    // A parent that was killed meanwhile hears nothing; the mount stays. SIGPIPE is ignored by then.
    [[maybe_unused]] ssize_t written = ::write(to_parent_.get(), &word, 1);
    to_parent_.reset();
  }

 private:
  Fd to_parent_;
  Fd null_;  // opened while anything can be
};

constexpr const char* descriptor_prefix = "/dev/fd/";

/// A mounted session; unmounts when it ends.
class Session {
 public:
  Session(const Settings& settings, Context& context) : settings_(settings) {
    std::string options = "-o" + settings.options.fuse;
    const char* words[] = {program, options.c_str(), settings.debug ? "-d" : nullptr, nullptr};
    fuse_args arguments = FUSE_ARGS_INIT(settings.debug ? 3 : 2, const_cast<char**>(words));
    session_ = fuse_session_new(&arguments, &operations(context.tree.may_have_attributes()),
                                sizeof(fuse_lowlevel_ops), &context);
    fuse_opt_free_args(&arguments);
    if (session_ == nullptr) return;
    // Before the mount: a signal in between must not leave it behind without a daemon.
    handles_signals_ = fuse_set_signal_handlers(session_) == 0;
    if (!handles_signals_) return;
    std::string device = settings.mount_point;
    if (!is_mounted_already(device)) {
      mounter_.emplace(settings.options.fuse, settings.mount_point);
      if (!mounter_->is_mounted()) return;
      // The session owns the descriptor from here on.
      device = descriptor_prefix + std::to_string(mounter_->take_device().release());
    }
    mounted_ = fuse_session_mount(session_, device.c_str()) == 0;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    bool unmounted = !mounted_ || is_unmounted();
    if (handles_signals_) fuse_remove_signal_handlers(session_);
    // Closes the connection, so that nobody waits for an answer meanwhile.
    if (session_ != nullptr) fuse_session_destroy(session_);
    if (mounter_ && !unmounted) mounter_->unmount();
  }

  bool is_mounted() const noexcept { return mounted_; }

  /// Answers requests until the mount is gone or a signal ends it. False on trouble.
  bool run() {
    if (settings_.single_thread) return fuse_session_loop(session_) >= 0;
    fuse_loop_config* configuration = fuse_loop_cfg_create();
    if (configuration == nullptr) return false;
    fuse_loop_cfg_set_max_threads(configuration, threads_at_most);
    fuse_loop_cfg_set_idle_threads(configuration, threads_at_most);  // ending and starting threads costs more
    fuse_loop_cfg_set_clone_fd(configuration, 0);
    int result = fuse_session_loop_mt(session_, configuration);
    fuse_loop_cfg_destroy(configuration);
    return result >= 0;
  }

 private:
  /// Somebody else unmounted: at the mount point may be something else by now.
  bool is_unmounted() const noexcept {
    pollfd device{fuse_session_fd(session_), 0, 0};
    return ::poll(&device, 1, 0) == 1 && (device.revents & POLLERR) != 0;
  }

  const Settings& settings_;
  std::optional<Mounter> mounter_;
  fuse_session* session_ = nullptr;
  bool handles_signals_ = false;
  bool mounted_ = false;
};

void log_to_syslog(const std::string& text) {
  ::syslog(LOG_WARNING, "%s", text.c_str());
}

}  // namespace

bool is_mounted_already(const std::string& mount_point) noexcept {
  return mount_point.starts_with(descriptor_prefix);
}

std::string resolve_source(const std::string& path) {
  return real_path(path, "cannot open");
}

std::string resolve_mount_point(const std::string& path, const MessageSink& sink) {
  if (is_mounted_already(path)) return path;
  std::string resolved = real_path(path, "cannot use mount point");
  if (detach_dead_mounts(resolved) > 0)
    sink("detached from '" + printable(resolved) + "' what a killed daemon had left mounted");
  struct stat status {};
  if (::stat(resolved.c_str(), &status) != 0) throw_errno("cannot use mount point '" + printable(path) + "'");
  if (!S_ISDIR(status.st_mode)) throw_errno(ENOTDIR, "cannot use mount point '" + printable(path) + "'");
  return resolved;
}

void require_fuse() {
  Fd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device) throw_errno("FUSE is not available: cannot open '/dev/fuse'");
}

int serve(const Settings& settings, const MessageSink& sink) {
  bool in_background = !settings.foreground && !settings.debug;
  // All that can be refused is refused here, where the user sees it.
  bool detached = false;  // changed before the first request is answered
  Log log([&](const std::string& text) { detached ? log_to_syslog(text) : sink(text); });
  Source source(settings.source, log);
  Tree tree(source, settings.options.acl_policy, settings.options.totals);
  Context context{tree, log, nullptr};
  context.readdirplus = settings.options.readdirplus;

  Background background;
  if (in_background) {
    if (auto status = background.start()) return *status;
    context.ready = [&] {
      ::openlog(program, LOG_PID, LOG_DAEMON);
      background.detach();
      detached = true;
    };
  }
  if (!settings.debug) {
    libfuse_sink = [&log](const std::string& text) { log.message(text); };
    fuse_set_log_func(take_libfuse_message);
  }
  bool served = false;
  {
    Session session(settings, context);
    if (!session.is_mounted()) {
      log.message("cannot mount '" + printable(settings.source) + "' on '" + printable(settings.mount_point) +
                  "'");
    } else {
      if (in_background && ::chdir("/") != 0) log.message("cannot leave the working directory");
      give_up_privileges();
#ifndef PWALK_INSTRUMENTED  // sanitizers and coverage write files of their own when the program ends,
                            // anywhere
      confine_files(source.descriptor());
#endif
      Sweeper sweeper(source, log);
      std::optional<SlowLane> slow_lane;
      if (!settings.single_thread) context.slow_lane = &slow_lane.emplace();
      served = session.run();
    }
  }
  fuse_set_log_func(nullptr);
  libfuse_sink = nullptr;
  return served ? 0 : status_mount_failed;
}

}  // namespace pwalk::mount
