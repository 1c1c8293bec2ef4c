// Where the walk goes and where it does not: mounts, loops, other file systems, what has changed since it was
// listed, what the user leaves out; and large directories, which are handed over in parts.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/recorded_walk.h"
#include "walk/filter.h"

namespace pwalk::walk {
namespace {

namespace fs = std::filesystem;
using test::fail_with;
namespace instead = test::instead;
namespace real = test::real;

constexpr std::uint64_t other_mount = 987654;
constexpr unsigned magic_of_fuse = 0x65735546;
constexpr unsigned magic_of_tmpfs = 0x01021994;

class WalkerPlaces : public RecordedWalk {
 protected:
  /// The most descriptors that this process had open, beyond those before, when a directory was opened.
  int most_open_in_walk(unsigned allowed) {
    int most = 0;
    instead::openat = [&](int d, const char* p, int f, unsigned m) {
      int opened = real::openat(d, p, f, m);
      most = std::max(most, opened);
      return opened;
    };
    int lowest = ::dup(0);
    ::close(lowest);
    EXPECT_TRUE(walk(1, allowed));
    return most - lowest;
  }
  WalkerPlaces() {
    // By inode, so that a directory looks the same when it is listed and when it is open.
    instead::statx = [this](int d, const char* p, int f, unsigned m, struct statx* s) {
      int result = real::statx(d, p, f, m, s);
      if (result != 0) return result;
      if (auto change = changes_.find(s->stx_ino); change != changes_.end()) change->second(*s);
      if (auto change = opened_.find(s->stx_ino); *p == '\0' && change != opened_.end()) change->second(*s);
      return result;
    };
    instead::path_of_open = [this](const std::string& path) {
      if (path != "/proc/self/mountinfo" || mounts_.empty()) return path;
      std::string copy = elsewhere_.path("mountinfo");
      elsewhere_.write_file("mountinfo", mounts_[std::min(looks_++, mounts_.size() - 1)]);
      return copy;
    };
  }
  ~WalkerPlaces() override { test::answer_nothing(); }

  using Change = std::function<void(struct statx&)>;
  std::uint64_t inode_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat(directory_.path(name).c_str(), &status), 0) << name;
    return status.st_ino;
  }
  void change(const std::string& name, Change change) { changes_[inode_of(name)] = std::move(change); }
  /// Only what statx says of it once it is open.
  void change_opened(const std::string& name, Change change) { opened_[inode_of(name)] = std::move(change); }
  static Change in_mount(std::uint64_t mount, bool is_root = true) {
    return [=](struct statx& stat) {
      stat.stx_mnt_id = mount;
      stat.stx_mask |= STATX_MNT_ID;
      if (is_root) stat.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
    };
  }
  static std::string mount_line(std::uint64_t mount, const std::string& device, const std::string& type) {
    return std::to_string(mount) + " 1 " + device + " / /somewhere rw - " + type + " source rw\n";
  }
  NotEntered why_not(const std::string& path) { return child(path).not_entered; }
  bool entered(const std::string& path) {
    return child(path).not_entered == NotEntered::none && seen_.outcomes.count(path) != 0 &&
           outcome(path).listed == Listed::whole;
  }
  /// Makes the listing of directory `name` give another inode number for itself than the one it has, so that
  /// the walk has to look what it has opened.
  void doubt(const std::string& name) {
    instead::getdents64 = [inode = inode_of(name)](int d, void* buffer, std::size_t bytes) {
      long got = real::getdents64(d, buffer, bytes);
      for (long at = 0; at < got;) {
        auto& dirent = *reinterpret_cast<struct dirent64*>(static_cast<char*>(buffer) + at);
        if (std::string(dirent.d_name) == "." && dirent.d_ino == inode) dirent.d_ino += 1000000;
        at += dirent.d_reclen;
      }
      return got;
    };
  }
  static void answer_fstatfs(unsigned magic, int error = 0) {
    instead::fstatfs = [=](int, struct statfs* status) {
      status->f_type = magic;
      return error == 0 ? 0 : fail_with(error);
    };
  }

  test::TemporaryDirectory elsewhere_;
  std::map<std::uint64_t, Change> changes_;
  std::map<std::uint64_t, Change> opened_;
  std::vector<std::string> mounts_;  // what mountinfo holds, at each look
  std::size_t looks_ = 0;
};

// ---- mounts ----------------------------------------------------------------------------------------------

TEST_F(WalkerPlaces, WhatIsMountedDecidesWhetherItIsEntered) {
  const std::vector<std::pair<std::string, NotEntered>> types = {
      {"ext4", NotEntered::none},
      {"proc", NotEntered::kernel_file_system},
      {"fuse.pwalk-mount", NotEntered::pwalk_mount},
      {"fuse.other", NotEntered::none}};
  directory_.make_directory("mount/below");
  for (const auto& [type, reason] : types) {
    for (bool root : {true, false}) {  // of the mount; or anything else in it
      seen_.forget();
      mounts_ = {mount_line(other_mount, "8:1", type)};
      change("mount", in_mount(other_mount, root));
      change("mount/below", in_mount(other_mount, false));
      ASSERT_TRUE(walk(1));
      EXPECT_EQ(why_not("/mount"), reason) << type;
      EXPECT_EQ(child("/mount").mount_point, root);
      EXPECT_EQ(seen_.children.count("/mount/below"), reason == NotEntered::none ? 1u : 0u);
      if (reason == NotEntered::none) {
        EXPECT_TRUE(entered("/mount/below"));
      }
    }
  }
}

TEST_F(WalkerPlaces, AMountThatIsNotInTheTableIsLookedForAgain) {
  directory_.make_directory("mount");
  mounts_ = {mount_line(1, "8:1", "ext4"),
             mount_line(1, "8:1", "ext4") + mount_line(other_mount, "0:5", "sysfs")};
  change("mount", in_mount(other_mount));
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(why_not("/mount"), NotEntered::kernel_file_system);
  EXPECT_EQ(looks_, 2u);
}

TEST_F(WalkerPlaces, WithoutMountNumbersTheDeviceTells) {
  directory_.make_directory("mount/below");
  mounts_ = {mount_line(1, "8:1", "ext4") + mount_line(2, "77:5", "ext4") +
             mount_line(3, "77:66", "tracefs")};
  auto no_number = [](struct statx& stat) { stat.stx_mask &= ~STATX_MNT_ID; };
  change("", no_number);
  change("mount", [&](struct statx& stat) {
    no_number(stat);
    stat.stx_dev_major = 77;
    stat.stx_dev_minor = 66;
  });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(why_not("/mount"), NotEntered::kernel_file_system);
  EXPECT_FALSE(child("/mount").mount_point);
}

TEST_F(WalkerPlaces, TheSameMountIsNotLookedUp) {
  directory_.make_directory("directory");
  mounts_ = {mount_line(1, "8:1", "ext4")};
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/directory"));
  EXPECT_EQ(looks_, 1u) << "when the table is made, and not again";
}

TEST_F(WalkerPlaces, AnAncestorMountedBelowItselfIsALoop) {
  directory_.make_directory("a/b/c");
  mounts_ = {mount_line(other_mount, "8:1", "ext4")};
  for (const char* ancestor : {"", "a", "a/b"}) {
    seen_.forget();
    changes_.clear();
    change("a/b/c", [&, inode = inode_of(ancestor)](struct statx& stat) {
      in_mount(other_mount)(stat);
      stat.stx_ino = inode;
    });
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(why_not("/a/b/c"), NotEntered::loop) << ancestor;
  }
}

TEST_F(WalkerPlaces, ASiblingsNumberOrAnotherDevicesIsNoLoop) {
  directory_.make_directory("a/b/c");
  directory_.make_directory("sibling");
  mounts_ = {mount_line(other_mount, "8:1", "ext4")};
  answer_fstatfs(magic_of_fuse);
  change("a/b/c", [&, inode = inode_of("sibling")](struct statx& stat) {
    in_mount(other_mount)(stat);
    stat.stx_ino = inode;
  });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(why_not("/a/b/c"), NotEntered::none);
  seen_.forget();
  for (const char* ancestor : {"", "a", "a/b"}) {
    seen_.forget();
    changes_.clear();
    change("a/b/c", [&, inode = inode_of(ancestor)](struct statx& stat) {
      in_mount(other_mount)(stat);
      stat.stx_dev_minor += 1;
      stat.stx_ino = inode;
    });
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(why_not("/a/b/c"), NotEntered::none) << ancestor;
  }
}

TEST_F(WalkerPlaces, OneFileSystemEndsWhereTheDeviceDoes) {
  directory_.make_directory("other/below");
  directory_.make_directory("same/below");
  directory_.write_file("file", "");
  change("other", [](struct statx& stat) { stat.stx_dev_minor += 1; });
  change("other/below", [](struct statx& stat) { stat.stx_dev_minor += 1; });
  for (bool stays : {true, false}) {
    seen_.forget();
    options_.one_file_system = stays;
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(why_not("/other"), stays ? NotEntered::other_file_system : NotEntered::none);
    EXPECT_EQ(seen_.children.count("/other/below"), stays ? 0u : 1u);
    EXPECT_TRUE(entered("/same/below"));
  }
}

TEST_F(WalkerPlaces, OnlyTheOutputItselfIsLeftOut) {
  directory_.make_directory("output/below");
  directory_.make_directory("other/below");
  struct stat status {};
  ASSERT_EQ(::stat(directory_.path("output").c_str(), &status), 0);
  options_.output_device = status.st_dev + 1;
  options_.output_inode = status.st_ino;
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/output")) << "another device's inode of that number";
  seen_.forget();
  options_.output_device = status.st_dev;
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(why_not("/output"), NotEntered::own_output);
  EXPECT_TRUE(entered("/other"));
}

TEST_F(WalkerPlaces, DepthEndsTheWalk) {
  directory_.make_directory("a/b/c");
  for (std::uint32_t depth : {0u, 1u, 2u, 3u}) {
    seen_.forget();
    options_.depth_max = depth;
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(seen_.children.size(), depth);
    const std::vector<std::string> paths = {"", "/a", "/a/b", "/a/b/c"};
    if (depth == 0) {
      EXPECT_EQ(outcome("").listed, Listed::not_entered);
      EXPECT_EQ(outcome("").not_entered, NotEntered::depth);
      EXPECT_EQ(seen_.finished, std::vector<std::string>{""});
      continue;
    }
    EXPECT_EQ(why_not(paths[depth]), NotEntered::depth);
    if (depth > 1) {
      EXPECT_TRUE(entered(paths[depth - 1]));
    }
  }
}

// ---- what has changed since it was listed ----------------------------------------------------------------

TEST_F(WalkerPlaces, TheSameDirectoryIsEnteredWhateverItSaysOfItself) {
  directory_.make_directory("victim/below");
  doubt("victim");
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/victim/below"));
}

TEST_F(WalkerPlaces, AnotherInodeIsOnlyTakenWhereTheyAreNumberedAnew) {
  const std::vector<unsigned> anew = {magic_of_fuse, 0x4d44, 0x2011bab0, 0x794c7630, 0xff534d42, 0xfe534d42};
  directory_.make_directory("victim/below");
  doubt("victim");
  change_opened("victim", [](struct statx& stat) { stat.stx_ino += 5; });
  for (unsigned magic : anew) {
    seen_.forget();
    answer_fstatfs(magic);
    ASSERT_TRUE(walk(1));
    EXPECT_TRUE(entered("/victim")) << magic;
    EXPECT_EQ(seen_.children.count("/victim/below"), 1u);
  }
  for (int error : {0, EIO}) {
    seen_.forget();
    answer_fstatfs(error == 0 ? magic_of_tmpfs : magic_of_fuse, error);
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/victim").listed, Listed::vanished) << error;
    EXPECT_EQ(seen_.children.count("/victim/below"), 0u);
    EXPECT_EQ(counts_.errors, 0u);
  }
}

TEST_F(WalkerPlaces, AnotherDeviceOrMountIsNeverTakenForTheOne) {
  directory_.make_directory("victim/below");
  doubt("victim");
  answer_fstatfs(magic_of_fuse);
  mounts_ = {mount_line(other_mount, "8:1", "ext4")};
  for (bool mount : {false, true}) {
    seen_.forget();
    change_opened("victim", [=](struct statx& stat) {
      stat.stx_ino += 5;
      if (mount)
        stat.stx_mnt_id = other_mount;
      else
        stat.stx_dev_minor += 1;
    });
    ASSERT_TRUE(walk(1));
    EXPECT_EQ(outcome("/victim").listed, Listed::vanished) << mount;
    EXPECT_EQ(seen_.children.count("/victim/below"), 0u);
  }
}

TEST_F(WalkerPlaces, WhatCannotBeLookedAtIsNotEntered) {
  directory_.make_directory("victim/below");
  doubt("victim");
  std::uint64_t inode = inode_of("victim");
  instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    return *p == '\0' && s->stx_ino == inode ? fail_with(EIO) : result;
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").listed, Listed::failed);
  EXPECT_EQ(outcome("/victim").error, EIO);
  EXPECT_EQ(outcome("/victim").call, Call::openat);
  EXPECT_EQ(counts_.errors, 1u);
}

TEST_F(WalkerPlaces, AMountThatAppearsIsJudgedLikeAnyOther) {
  directory_.make_directory("victim/below");
  options_.one_file_system = true;  // so that what is opened is looked at
  auto mounted = [](struct statx& stat) {
    in_mount(other_mount)(stat);
    stat.stx_ino = 1;
  };
  auto automount = [](struct statx& stat) { stat.stx_attributes |= STATX_ATTR_AUTOMOUNT; };
  change_opened("victim", mounted);
  mounts_ = {mount_line(other_mount, "0:5", "proc")};
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").listed, Listed::not_entered);
  EXPECT_EQ(outcome("/victim").not_entered, NotEntered::kernel_file_system);
  mounts_ = {mount_line(other_mount, "8:1", "ext4")};
  seen_.forget();
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").listed, Listed::vanished) << "not what was listed";
  seen_.forget();
  change("victim", automount);
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/victim")) << "opening it was to mount something";
  EXPECT_EQ(seen_.children.count("/victim/below"), 1u);
  seen_.forget();
  options_.one_file_system = false;
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/victim")) << "an automount is always looked at";
  options_.one_file_system = true;
  seen_.forget();
  change_opened("victim", [](struct statx& stat) { stat.stx_dev_minor += 1; });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").not_entered, NotEntered::other_file_system);
  seen_.forget();
  change_opened("victim", [&, inode = inode_of("")](struct statx& stat) {
    in_mount(other_mount)(stat);
    stat.stx_ino = inode;
  });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").not_entered, NotEntered::loop);
}

/// A mounted snapshot numbers its directories as the original did.
TEST_F(WalkerPlaces, AMountThatAppearsWithTheSameNumberIsLookedAtAsWell) {
  directory_.make_directory("victim/below");
  const ino_t victim = inode_of("victim");
  change_opened("victim", in_mount(other_mount));
  mounts_ = {mount_line(other_mount, "0:5", "fuse.pwalk-mount")};
  instead::getdents64 = [=](int d, void* buffer, std::size_t bytes) -> long {
    const long got = real::getdents64(d, buffer, bytes);
    struct stat status;
    if (got > 0 && ::fstat(d, &status) == 0 && status.st_ino == victim)
      for (long at = 0; at < got;) {
        auto* dirent = reinterpret_cast<struct dirent64*>(static_cast<char*>(buffer) + at);
        if (std::string_view(dirent->d_name) == "..") dirent->d_ino = victim;
        at += dirent->d_reclen;
      }
    return got;
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/victim").listed, Listed::not_entered);
  EXPECT_EQ(seen_.children.count("/victim/below"), 0u);
}

TEST_F(WalkerPlaces, AListedMountPointIsLookedAtWhenItIsOpen) {
  directory_.make_directory("mount/below");
  mounts_ = {mount_line(other_mount, "8:1", "ext4")};
  change("mount", in_mount(other_mount));
  ASSERT_TRUE(walk(1));
  EXPECT_TRUE(entered("/mount"));
  seen_.forget();
  change_opened("mount", [](struct statx& stat) { stat.stx_dev_minor += 1; });
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("/mount").listed, Listed::vanished) << "another device's by now";
}

/// A directory whose descriptor was given up is opened again through those above it.
class WalkerReopens : public WalkerPlaces {
 protected:
  WalkerReopens() {
    // With two descriptors to keep, those above are given up while the walk is below.
    for (const char* side : {"a", "z"})
      directory_.make_directory(std::string("top/") + side + "/1/2/3/4/5/6/7/8");
  }
  void on_opening(const std::string& name, const std::function<int()>& answer, int skip) {
    instead::openat = [=, left = skip](int d, const char* p, int f, unsigned m) mutable {
      if (d != AT_FDCWD && p == name && left-- <= 0)
        if (int error = answer(); error != 0) return fail_with(error);
      return real::openat(d, p, f, m);
    };
  }
  const Outcome& of_other_side() {
    return outcome(seen_.finished.front().starts_with("/top/a") ? "/top/z" : "/top/a");
  }
};

TEST_F(WalkerReopens, AndIsTakenForTheSame) {
  ASSERT_TRUE(walk(1, 1));
  EXPECT_EQ(seen_.children.size(), 19u);
  for (const auto& [path, ended] : seen_.outcomes) EXPECT_EQ(ended.listed, Listed::whole) << path;
}

TEST_F(WalkerReopens, AFailureIsThatOfWhatLiesBelow) {
  unsigned opened = 0;
  on_opening(
      "top", [&] { return opened++ == 0 ? 0 : EIO; }, 0);
  instead::openat = [&, inner = instead::openat](int d, const char* p, int f, unsigned m) {
    return std::string(p) == ".." ? fail_with(EACCES) : inner(d, p, f, m);
  };
  ASSERT_TRUE(walk(1, 1));
  ASSERT_GT(opened, 1u) << "it was not opened again";
  EXPECT_EQ(of_other_side().listed, Listed::failed);
  EXPECT_EQ(of_other_side().error, EIO);
}

TEST_F(WalkerReopens, AndLookedAt) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    return std::string(p) == ".." ? fail_with(EACCES) : real::openat(d, p, f, m);
  };
  std::uint64_t inode = inode_of("top");
  instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    return *p == '\0' && s->stx_ino == inode ? fail_with(EIO) : result;
  };
  ASSERT_TRUE(walk(1, 1));
  EXPECT_EQ(of_other_side().listed, Listed::failed);
  EXPECT_EQ(of_other_side().error, EIO);
}

TEST_F(WalkerReopens, AnotherDirectoryInItsPlaceIsNotTaken) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    return std::string(p) == ".." ? fail_with(EACCES) : real::openat(d, p, f, m);
  };
  change_opened("top", [](struct statx& stat) { stat.stx_ino += 1; });
  answer_fstatfs(magic_of_tmpfs);
  ASSERT_TRUE(walk(1, 1));
  EXPECT_EQ(of_other_side().listed, Listed::vanished);
  EXPECT_EQ(of_other_side().error, ENOENT);
}

TEST_F(WalkerReopens, AWayUpThatLeadsElsewhereIsNotTaken) {
  // Up from the last directory one gets to another one than that which was left: then from the root down.
  unsigned ups = 0;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (std::string(p) != "..") return real::openat(d, p, f, m);
    ++ups;
    return real::openat(AT_FDCWD, elsewhere_.path().c_str(), f, m);
  };
  fs::remove_all(directory_.path("top"));
  directory_.make_directory("1/2/3/a/b");
  directory_.make_directory("1/2/3/y/b");
  directory_.make_directory("1/2/3/z/b");
  ASSERT_TRUE(walk(1, 1));
  EXPECT_EQ(seen_.children.size(), 9u);
  for (const auto& [path, ended] : seen_.outcomes) EXPECT_EQ(ended.listed, Listed::whole) << path;
  EXPECT_EQ(seen_.outcomes.size(), 10u);
  EXPECT_GT(ups, 0u);
}

// ---- what the user leaves out ----------------------------------------------------------------------------

TEST_F(WalkerPlaces, FiltersLeaveOutFilesSilentlyAndDirectoriesWithAWord) {
  directory_.make_directory("a/left/below");
  directory_.make_directory("left/below");
  directory_.make_directory("stays");
  directory_.write_file("a/left.o", "");
  directory_.write_file("a/right", "");
  for (const char* pattern : {"left", "a/left"}) {
    seen_.forget();
    Filter filter;
    ASSERT_EQ(filter.add(pattern, NotEntered::pattern), "");
    ASSERT_EQ(filter.add("*.o", NotEntered::pattern), "");
    options_.filter = &filter;
    ASSERT_TRUE(walk(1));
    bool by_path = std::string(pattern) != "left";
    EXPECT_EQ(why_not("/a/left"), NotEntered::pattern);
    EXPECT_EQ(why_not("/left"), by_path ? NotEntered::none : NotEntered::pattern);
    EXPECT_EQ(seen_.children.count("/a/left.o"), 0u);
    EXPECT_EQ(seen_.children.count("/a/right"), 1u);
    EXPECT_EQ(seen_.excluded, 1u);
    EXPECT_TRUE(entered("/stays"));
  }
}

TEST_F(WalkerPlaces, ADirectoryThatIsLeftOutIsNoErrorWhereItCannotBeLookedAt) {
  directory_.make_directory("left");
  Filter filter;
  ASSERT_EQ(filter.add("left", NotEntered::pattern), "");
  options_.filter = &filter;
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    return *p != '\0' ? fail_with(EACCES) : real::statx(d, p, f, m, s);
  };
  directory_.make_directory("right");
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.count("/left"), 0u);
  EXPECT_EQ(seen_.excluded, 1u);
  EXPECT_EQ(child("/right").stat_error, EACCES);
  EXPECT_EQ(counts_.errors, 1u);
  EXPECT_EQ(counts_.entries, 2u);
  EXPECT_EQ(counts_.left_out, 1u);
}

TEST_F(WalkerPlaces, WhatPatternsTakeLongForEndsInTimeToo) {
  for (int i = 0; i < 1000; ++i) directory_.write_file("file" + std::to_string(i), "");
  directory_.write_file("a", "");
  directory_.write_file("victim", "");
  // Names come in their order: "a", "file…", "victim".
  seen_.on_victim = [] { ADD_FAILURE() << "all were handed over"; };
  seen_.on_child = [this](std::string_view name) {
    if (name == "a") stop_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  EXPECT_FALSE(walk(1));
  EXPECT_GE(seen_.children.size(), 256u);
  EXPECT_LE(seen_.children.size(), 768u);
}

class WalkerCaches : public WalkerPlaces {
 protected:
  static constexpr char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";
  WalkerCaches() {
    directory_.make_directory("directory/below");
    options_.exclude_caches = true;
  }
  bool is_left_out() {
    seen_.forget();
    EXPECT_TRUE(walk(1));
    bool left_out = outcome("/directory").listed == Listed::not_entered;
    if (left_out) {
      EXPECT_EQ(outcome("/directory").not_entered, NotEntered::cache_directory);
    }
    EXPECT_EQ(seen_.children.count("/directory/below"), left_out ? 0u : 1u);
    return left_out;
  }
};

TEST_F(WalkerCaches, AreToldByTheirTag) {
  EXPECT_FALSE(is_left_out());
  directory_.write_file("directory/CACHEDIR.TAG", signature);
  EXPECT_TRUE(is_left_out());
  directory_.write_file("directory/CACHEDIR.TAG", std::string(signature) + "\n# more");
  EXPECT_TRUE(is_left_out());
  options_.exclude_caches = false;
  EXPECT_FALSE(is_left_out());
  options_.exclude_caches = true;
  directory_.write_file("directory/CACHEDIR.TAG", std::string(signature).substr(0, 42));
  EXPECT_FALSE(is_left_out());
  directory_.write_file("directory/CACHEDIR.TAG", std::string(signature).replace(20, 1, "x"));
  EXPECT_FALSE(is_left_out());
}

TEST_F(WalkerCaches, ATagThatIsNoFileIsNotOpened) {
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    if (d != AT_FDCWD && std::string_view(p) == "CACHEDIR.TAG") {
      EXPECT_NE(f & O_PATH, 0);
    }
    EXPECT_EQ(std::string_view(p).find("/proc/"), std::string_view::npos);
    return real::openat(d, p, f, m);
  };
  elsewhere_.write_file("tag", signature);
  fs::create_symlink(elsewhere_.path("tag"), directory_.path("directory/CACHEDIR.TAG"));
  EXPECT_FALSE(is_left_out());
  fs::remove(directory_.path("directory/CACHEDIR.TAG"));
  ASSERT_EQ(::mkfifo(directory_.path("directory/CACHEDIR.TAG").c_str(), 0600), 0);
  EXPECT_FALSE(is_left_out());
}

TEST_F(WalkerCaches, WhatTakesTheTagsPlaceIsNotOpened) {
  directory_.write_file("directory/CACHEDIR.TAG", signature);
  ASSERT_EQ(::mkfifo(directory_.path("fifo").c_str(), 0600), 0);
  const std::string tag = directory_.path("directory/CACHEDIR.TAG");
  const std::string fifo = directory_.path("fifo");
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    const bool is_tag = d != AT_FDCWD && std::string_view(p) == "CACHEDIR.TAG";
    if (is_tag) {
      EXPECT_NE(f & O_PATH, 0) << "by its name it may be anything";
    }
    int descriptor = real::openat(d, p, f, m);
    if (is_tag) fs::rename(fifo, tag);
    return descriptor;
  };
  EXPECT_TRUE(is_left_out()) << "what was looked at is a tag";
}

TEST_F(WalkerCaches, ATagThatCannotBeReadIsNone) {
  directory_.write_file("directory/CACHEDIR.TAG", signature);
  const ino_t inode = inode_of("directory/CACHEDIR.TAG");
  instead::statx = [=](int d, const char* p, int f, unsigned m, struct statx* s) {
    int result = real::statx(d, p, f, m, s);
    return result == 0 && *p == '\0' && s->stx_ino == inode ? fail_with(EIO) : result;
  };
  EXPECT_FALSE(is_left_out());
  instead::statx = nullptr;
  for (int error : {EACCES, ENOENT})
    for (const char* which : {"CACHEDIR.TAG", "/proc/self/fd/"}) {
      instead::openat = [=](int d, const char* p, int f, unsigned m) {
        return std::string_view(p).starts_with(which) ? fail_with(error) : real::openat(d, p, f, m);
      };
      EXPECT_FALSE(is_left_out());
    }
  instead::openat = [left = 3](int d, const char* p, int f, unsigned m) mutable {
    return std::string_view(p).starts_with("/proc/self/fd/") && left-- > 0 ? fail_with(EMFILE)
                                                                           : real::openat(d, p, f, m);
  };
  EXPECT_TRUE(is_left_out()) << "descriptors were short for a moment";
  int refused = 0;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (!std::string_view(p).starts_with("/proc/self/fd/") || (f & O_NOATIME) == 0)
      return real::openat(d, p, f, m);
    ++refused;
    return fail_with(EPERM);
  };
  EXPECT_TRUE(is_left_out()) << "another's file, of which O_NOATIME may not be asked";
  EXPECT_EQ(refused, 1);
}

TEST_F(WalkerCaches, TheRootIsWhatWasAskedFor) {
  directory_.write_file("CACHEDIR.TAG", signature);
  EXPECT_FALSE(is_left_out());
  EXPECT_EQ(outcome("").listed, Listed::whole);
}

// ---- large directories -----------------------------------------------------------------------------------

class WalkerLarge : public WalkerPlaces {
 protected:
  static constexpr unsigned names = 9500;  // more than two parts
  WalkerLarge() {
    for (unsigned i = 0; i < names; ++i) directory_.write_file(name(i), "");
  }
  static std::string name(unsigned i) { return "name" + std::to_string(i * 7919 % 100000); }
  /// Every name once, each with its own inode's number.
  void expect_all() {
    EXPECT_EQ(seen_.children.size(), names);
    EXPECT_EQ(counts_.entries, names);
    for (const auto& [path, met] : seen_.children)
      ASSERT_EQ(seen_.stats[path].stx_ino, met.dirent_inode) << path;
  }
};

TEST_F(WalkerLarge, AreHandedOverInParts) {
  instead::statx = nullptr;
  ASSERT_TRUE(walk(1));
  expect_all();
}

TEST_F(WalkerLarge, OthersHelp) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (*p != '\0') {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(3));
  expect_all();
  EXPECT_GE(threads.size(), 2u);
}

TEST_F(WalkerLarge, ErrorsStayWithTheirNames) {
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    std::string text = p;
    if (text.ends_with("3")) return fail_with(EACCES);
    if (text.ends_with("5")) return fail_with(ENOENT);
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(2));
  unsigned failed = 0, gone = 0;
  for (unsigned i = 0; i < names; ++i) {
    std::string path = "/" + name(i);
    if (path.ends_with("5")) {
      ++gone;
      EXPECT_EQ(seen_.children.count(path), 0u);
    } else {
      EXPECT_EQ(child(path).stat_error, path.ends_with("3") ? EACCES : 0) << path;
      failed += path.ends_with("3") ? 1 : 0;
    }
  }
  EXPECT_EQ(seen_.vanished, gone);
  EXPECT_EQ(counts_.errors, failed);
}

TEST_F(WalkerLarge, AnEndInTheMiddleLeavesAPartialDirectory) {
  directory_.make_directory("a/below");
  std::atomic<unsigned> looked_at{0};
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (++looked_at == 6000) stop_ = true;
    return real::statx(d, p, f, m, s);
  };
  settles_ = true;
  EXPECT_FALSE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::partial);
  EXPECT_EQ(outcome("").error, ECANCELED);
  EXPECT_GE(seen_.children.size(), 5900u);
  EXPECT_LT(seen_.children.size(), 6100u);
  EXPECT_EQ(outcome("/a").listed, Listed::not_reached);
  EXPECT_EQ(seen_.finished, (std::vector<std::string>{"/a", ""}));
}

TEST_F(WalkerLarge, AnEndLeavesWhatWasLookedAtAheadToo) {
  for (unsigned i = names; i < 20000; ++i) directory_.write_file(name(i), "");
  seen_.on_child = [this](std::string_view) {
    stop_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  settles_ = true;
  EXPECT_FALSE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::partial);
  EXPECT_LE(seen_.children.size(), 600u);
}

TEST_F(WalkerLarge, NoRoomInTheMiddleEndsTheDirectory) {
  std::set<std::string> sorted;
  for (unsigned i = 0; i < names; ++i) sorted.insert(name(i));
  seen_.no_room_for = *std::next(sorted.begin(), 7000);
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::partial);
  EXPECT_EQ(outcome("").error, EOVERFLOW);
  EXPECT_EQ(seen_.children.size(), 7000u);
}

/// The entries of another directory, which may have taken its place, are none of the walk's business.
TEST_F(WalkerPlaces, NothingIsLookedAtAheadInADirectoryNotKnownToBeTheOneThatWasListed) {
  directory_.make_directory("large");
  for (unsigned i = 0; i < 9500; ++i) directory_.write_file("large/name" + std::to_string(i), "");
  struct stat large;
  ASSERT_EQ(::stat(directory_.path("large").c_str(), &large), 0);
  for (bool names_itself : {true, false})
    for (bool verified : {true, false}) {
      seen_.forget();
      options_.one_file_system = verified;  // then it is looked at once it is open
      std::atomic<unsigned> looked_at{0};
      unsigned looked_at_ahead = 0;  // when the last of it was listed
      unsigned reads = 0;
      const bool expected = names_itself || verified;
      instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
        if (std::string_view(p).starts_with("name")) ++looked_at;
        return real::statx(d, p, f, m, s);
      };
      instead::getdents64 = [&](int d, void* buffer, std::size_t bytes) -> long {
        struct stat status;
        if (::fstat(d, &status) != 0 || status.st_ino != large.st_ino)
          return real::getdents64(d, buffer, bytes);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        // After three reads there is enough to be helped with.
        for (int tries = 0; expected && reads >= 3 && looked_at == 0 && tries < 1500; ++tries)
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        ++reads;
        looked_at_ahead = looked_at;
        const long got = real::getdents64(d, buffer, bytes);
        auto* first = static_cast<struct dirent64*>(buffer);
        if (got > 0 && !names_itself && std::string_view(first->d_name) == ".") ++first->d_ino;
        return got;
      };
      ASSERT_TRUE(walk(2));
      EXPECT_EQ(looked_at, 9500u);
      EXPECT_EQ(looked_at_ahead > 0, expected) << names_itself << verified;
    }
}

TEST_F(WalkerPlaces, HelpIsAskedForWhereItIsSlowAndNotOtherwise) {
  for (unsigned i = 0; i < 400; ++i) directory_.write_file("name" + std::to_string(i), "");
  std::mutex mutex;
  std::set<std::thread::id> threads;
  instead::statx = [&](int d, const char* p, int f, unsigned m, struct statx* s) {
    if (*p != '\0') {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    return real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(2));
  EXPECT_EQ(seen_.children.size(), 400u);
  EXPECT_EQ(threads.size(), 2u);
}

TEST_F(WalkerPlaces, AnUnknownErrorOfCancelingIsAnErrorLikeAnyOther) {
  directory_.write_file("file", "");
  instead::statx = [](int d, const char* p, int f, unsigned m, struct statx* s) {
    return std::string(p) == "file" ? fail_with(ECANCELED) : real::statx(d, p, f, m, s);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(child("/file").stat_error, ECANCELED);
  EXPECT_EQ(outcome("").listed, Listed::whole);
}

TEST_F(WalkerPlaces, ARateIsKept) {
  for (unsigned i = 0; i < 60; ++i) directory_.write_file("name" + std::to_string(i), "");
  options_.rate = 200;
  auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(walk(1));
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(150));
  EXPECT_EQ(seen_.children.size(), 60u);
}

TEST_F(WalkerPlaces, AStopEndsTheWaitForTheRate) {
  for (unsigned i = 0; i < 300; ++i) directory_.write_file("name" + std::to_string(i), "");
  options_.rate = 1;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_ = true;
  });
  EXPECT_FALSE(walk(1));
  EXPECT_EQ(outcome("").listed, Listed::partial);
}

// ---- descriptors and workers -----------------------------------------------------------------------------

TEST_F(WalkerPlaces, TheLimitOfDescriptorsIsRaisedAndKeptTo) {
  for (int i = 0; i < 40; ++i) directory_.make_directory("d" + std::to_string(i) + "/e/f/g");
  struct Case {
    rlim_t soft, hard;
    int get_error, set_error;
  };
  for (const Case& limits :
       {Case{64, 64, 0, 0}, Case{32, 4096, 0, 0}, Case{32, 4096, 0, EPERM}, Case{10, 10, 0, 0},
        Case{64, 64, EPERM, 0}, Case{RLIM_INFINITY, RLIM_INFINITY, 0, 0}}) {
    seen_.forget();
    rlim_t soft = limits.soft;
    unsigned sets = 0;
    instead::getrlimit = [&](__rlimit_resource_t, struct rlimit* limit) {
      *limit = {soft, limits.hard};
      return limits.get_error != 0 ? fail_with(limits.get_error) : 0;
    };
    instead::setrlimit = [&](__rlimit_resource_t, const struct rlimit* limit) {
      ++sets;
      if (limits.set_error != 0) return fail_with(limits.set_error);
      soft = limit->rlim_cur;
      return 0;
    };
    ASSERT_TRUE(walk(2));
    EXPECT_EQ(sets, limits.get_error == 0 && limits.soft < limits.hard ? 1u : 0u);
    if (sets != 0 && limits.set_error == 0) {
      EXPECT_EQ(soft, limits.hard);
    }
    EXPECT_EQ(seen_.children.size(), 160u);
  }
}

TEST_F(WalkerPlaces, NoMoreDescriptorsAreKeptThanAllowed) {
  for (int i = 0; i < 100; ++i) directory_.make_directory(std::to_string(i) + "/a/b");
  for (std::string path : {"deep", "as deep"})
    for (int level = 0; level < 30; ++level) {
      path += "/" + std::to_string(level);
      directory_.make_directory(path + "/side");
    }
  for (unsigned allowed : {4u, 10u}) {
    seen_.forget();
    EXPECT_LE(most_open_in_walk(allowed), static_cast<int>(allowed) + 4);
    EXPECT_EQ(counts_.errors, 0u);
    EXPECT_EQ(seen_.children.size(), 3 * 100u + 2 * (1 + 2 * 30u));
    EXPECT_EQ(seen_.vanished, 0u);
  }
}

/// With so few descriptors those of the directories that others take from have been given up.
TEST_F(WalkerPlaces, WhatIsTakenFromOthersIsLookedForInTheRightPlace) {
  std::size_t expected = 0;
  for (std::string path : {"one", "two", "three", "four", "five", "six"}) {
    ++expected;
    for (int level = 0; level < 12; ++level) {
      path += "/" + std::to_string(level);
      for (const char* side : {"/a/b", "/c/d", "/e/f"}) directory_.make_directory(path + side);
      expected += 7;
    }
  }
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    return real::openat(d, p, f, m);
  };
  for (int round = 0; round < 10; ++round) {
    seen_.forget();
    ASSERT_TRUE(walk(4, 16));
    ASSERT_EQ(seen_.children.size(), expected);
    ASSERT_EQ(seen_.vanished, 0u);
    for (const auto& [path, outcome] : seen_.outcomes) ASSERT_EQ(outcome.listed, Listed::whole) << path;
  }
}

TEST_F(WalkerPlaces, WhereTheLimitCannotBeRaisedItIsKeptTo) {
  std::string path = "deep";
  for (int level = 0; level < 60; ++level) {
    path += "/" + std::to_string(level);
    directory_.make_directory(path + "/side");
  }
  auto most_open = [&](int error) {
    seen_.forget();
    rlim_t soft = 32;
    instead::getrlimit = [&](__rlimit_resource_t, struct rlimit* limit) {
      *limit = {soft, 4096};
      return 0;
    };
    instead::setrlimit = [&](__rlimit_resource_t, const struct rlimit* limit) {
      if (error != 0) return fail_with(error);
      soft = limit->rlim_cur;
      return 0;
    };
    int most = most_open_in_walk(0);
    EXPECT_EQ(counts_.errors, 0u);
    return most;
  };
  EXPECT_GT(most_open(0), 40) << "a sibling waits at each level";
  EXPECT_LE(most_open(EPERM), 32 - 24 + 4);
}

TEST_F(WalkerPlaces, WorkersAreAddedWhileTheyWait) {
  for (int i = 0; i < 300; ++i) directory_.make_directory(std::to_string(i));
  std::mutex mutex;
  std::set<std::thread::id> threads;
  options_.workers_max = 8;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (d != AT_FDCWD) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    return real::openat(d, p, f, m);
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.size(), 300u);
  EXPECT_GT(threads.size(), 1u);
  EXPECT_LE(threads.size(), 8u);
  ASSERT_GT(workers_changes_.size(), 1u);
  EXPECT_EQ(workers_changes_.front().workers, 1u);
  for (std::size_t i = 1; i < workers_changes_.size(); ++i) {
    EXPECT_NE(workers_changes_[i].workers, workers_changes_[i - 1].workers);
    EXPECT_GT(workers_changes_[i].seconds, workers_changes_[i - 1].seconds);
  }
}

TEST_F(WalkerPlaces, WorkersAreTakenBackWhenTheProcessorsAreBusy) {
  constexpr std::size_t chains = 8;
  constexpr std::size_t levels = 160;
  for (std::size_t chain = 0; chain < chains; ++chain) {
    std::string path = std::to_string(chain);
    for (std::size_t level = 1; level < levels; ++level) path += "/d";
    directory_.make_directory(path);
  }
  std::mutex mutex;
  std::vector<std::thread::id> threads;  // of each opening
  std::set<std::thread::id> workers;
  std::optional<std::chrono::steady_clock::time_point> busy_since;
  options_.workers_max = chains;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (d != AT_FDCWD) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      std::lock_guard lock(mutex);
      threads.push_back(std::this_thread::get_id());
      workers.insert(threads.back());
      if (workers.size() == chains - 2 && !busy_since) busy_since = std::chrono::steady_clock::now();
    }
    return real::openat(d, p, f, m);
  };
  instead::getrusage = [&](__rusage_who_t, struct rusage* usage) {
    *usage = {};
    std::lock_guard lock(mutex);
    if (busy_since) {
      auto busy = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                        *busy_since);
      usage->ru_utime = {busy.count() / 1'000'000, busy.count() % 1'000'000};
    }
    return 0;
  };
  ASSERT_TRUE(walk(1));
  EXPECT_EQ(seen_.children.size(), chains * levels);
  EXPECT_GE(workers.size(), chains - 2);
  EXPECT_EQ(workers_changes_.back().workers, 1u);
  // Who is taken back leaves what it had in hand to the others, however far down it goes.
  EXPECT_LE(std::set<std::thread::id>(threads.end() - 50, threads.end()).size(), 2u);
}

TEST_F(WalkerPlaces, NotMoreWorkersThanDescriptorsCanServe) {
  for (int i = 0; i < 300; ++i) directory_.make_directory(std::to_string(i));
  std::mutex mutex;
  std::set<std::thread::id> threads;
  options_.workers_max = 64;
  instead::openat = [&](int d, const char* p, int f, unsigned m) {
    if (d != AT_FDCWD) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    return real::openat(d, p, f, m);
  };
  ASSERT_TRUE(walk(1, 8));
  EXPECT_LE(threads.size(), 2u);
}

}  // namespace
}  // namespace pwalk::walk
