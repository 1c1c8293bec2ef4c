// Publishing, stores, marks and removal where the file system refuses: nothing half done gets a name, nothing
// is replaced, and whoever asks hears why.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/list.h"
#include "snapshot/format.h"
#include "snapshot/in_use.h"
#include "snapshot/publish.h"
#include "snapshot/removal.h"
#include "snapshot/retention.h"
#include "snapshot/store.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

namespace fs = std::filesystem;
using test::fail_with;
namespace instead = test::instead;
namespace real = test::real;

class Calls : public ::testing::Test {
 protected:
  Calls() : parent_(open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY)) {}
  ~Calls() override { test::answer_nothing(); }
  std::vector<std::string> names() const { return list_directory(parent_.get()); }
  /// The errno of what `action` throws; 0 if it does not.
  template <class Action>
  static int error_of(Action action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  static void fail_openat(const std::string& end, int error, int times = 1 << 30) {
    instead::openat = [=, left = times](int d, const char* p, int f, unsigned m) mutable {
      return std::string_view(p).ends_with(end) && left-- > 0 ? fail_with(error) : real::openat(d, p, f, m);
    };
  }
  test::TemporaryDirectory directory_;
  Fd parent_;
};

// ---- the partial directory -------------------------------------------------------------------------------

class PartialCalls : public Calls {
 protected:
  int error_of_making() {
    return error_of([&] { PartialSnapshot(parent_.get(), directory_.path(), new_uuid()); });
  }
  int error_of_publishing(const std::string& name = "snapshot") {
    return error_of([&] {
      PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
      write_file_durably(partial.directory(), "file", "contents");
      partial.publish(name);
    });
  }
};

TEST_F(PartialCalls, ADirectoryThatCannotBeMadeIsAnError) {
  instead::mkdirat = [](int, const char*, mode_t) { return fail_with(EROFS); };
  EXPECT_EQ(error_of_making(), EROFS);
}

TEST_F(PartialCalls, OneThatACollectorTookIsMadeAgain) {
  unsigned made = 0;
  instead::mkdirat = [&](int d, const char* p, mode_t m) {
    ++made;
    return real::mkdirat(d, p, m);
  };
  instead::openat = [left = 3](int d, const char* p, int f, unsigned m) mutable {
    if (std::string_view(p).starts_with(partial_prefix) && left-- > 0) ::unlinkat(d, p, AT_REMOVEDIR);
    return real::openat(d, p, f, m);
  };
  EXPECT_EQ(error_of_publishing(), 0);
  EXPECT_EQ(made, 4u);
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot"});
}

TEST_F(PartialCalls, OneThatCannotBeOpenedIsNotLeftBehind) {
  unsigned made = 0;
  instead::mkdirat = [&](int d, const char* p, mode_t m) {
    ++made;
    return real::mkdirat(d, p, m);
  };
  for (int error : {EMFILE, ENOENT}) {
    made = 0;
    instead::openat = [=](int d, const char* p, int f, unsigned m) {
      return std::string_view(p).starts_with(partial_prefix) ? fail_with(error) : real::openat(d, p, f, m);
    };
    EXPECT_EQ(error_of_making(), error);
    EXPECT_EQ(made, error == ENOENT ? 1001u : 1u);
    EXPECT_TRUE(names().empty());
  }
}

TEST_F(PartialCalls, OneThatIsAnothersByNowIsMadeAgain) {
  for (int error : {0, ENOENT}) {
    instead::fstatat = [=, left = 3](int d, const char* p, struct stat* s, int f) mutable {
      int result = real::fstatat(d, p, s, f);
      if (std::string_view(p).starts_with(partial_prefix) && left-- > 0) {
        if (error != 0) return fail_with(error);
        s->st_ino += 1;
      }
      return result;
    };
    EXPECT_EQ(error_of_publishing("snapshot" + std::to_string(error)), 0);
  }
  EXPECT_EQ(names(), (std::vector<std::string>{"snapshot0", "snapshot2"}));
}

TEST_F(PartialCalls, AnEndlessFightIsGivenUp) {
  unsigned looks = 0;
  instead::fstatat = [&](int, const char*, struct stat*, int) {
    ++looks;
    return fail_with(ENOENT);
  };
  EXPECT_EQ(error_of_making(), EBUSY);
  EXPECT_EQ(looks, 1001u);
  EXPECT_TRUE(names().empty());
}

TEST_F(PartialCalls, WithoutLocksItIsMadeAllTheSame) {
  instead::flock = [left = 3](int, int) mutable { return fail_with(left-- > 0 ? EINTR : EOPNOTSUPP); };
  EXPECT_EQ(error_of_publishing(), 0);
}

// There may be locks again when somebody collects.
TEST_F(PartialCalls, WithoutALockForTheMomentItIsNotMade) {
  instead::flock = [](int, int) { return fail_with(ENOLCK); };
  EXPECT_EQ(error_of_making(), ENOLCK);
  EXPECT_TRUE(names().empty());
}

// As over a network, where the answer is lost.
TEST_F(PartialCalls, ARenameThatTookEffectIsNoError) {
  instead::renameat2 = [](int d, const char* p, int e, const char* q, unsigned f) {
    EXPECT_EQ(real::renameat2(d, p, e, q, f), 0);
    return fail_with(EIO);
  };
  EXPECT_EQ(error_of_publishing("snapshot"), 0);
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot"});
}

TEST_F(PartialCalls, OnANetworkOnlyOldOnesAreCollected) {
  instead::fstatfs = [](int d, struct statfs* s) {
    int result = real::fstatfs(d, s);
    s->f_type = 0x6969;
    return result;
  };
  const std::string partial = directory_.path(".pwalk-partial-old");
  const std::string manifest = partial + "/manifest.json";
  auto age = [](const std::string& path, std::time_t seconds) {
    const struct timespec times[2] = {{std::time(nullptr) - seconds, 0}, {std::time(nullptr) - seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  };
  fs::create_directory(partial);
  directory_.write_file(".pwalk-partial-old/manifest.json", "{}");
  collect_partials(parent_.get());
  age(partial, 90'000);
  collect_partials(parent_.get());
  age(partial, 0);
  age(manifest, 90'000);
  collect_partials(parent_.get());
  EXPECT_TRUE(fs::exists(manifest));
  age(partial, 90'000);
  collect_partials(parent_.get());
  EXPECT_FALSE(fs::exists(partial));
  fs::create_directory(partial);
  directory_.write_file(".pwalk-partial-old/manifest.json", "{}");
  collect_partials(parent_.get(), Alone::known);
  EXPECT_FALSE(fs::exists(partial));
}

TEST_F(PartialCalls, AnInterruptedLockIsTakenAgain) {
  unsigned calls = 0;
  instead::flock = [&](int d, int o) { return ++calls <= 2 ? fail_with(EINTR) : real::flock(d, o); };
  PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
  EXPECT_EQ(calls, 3u);
  instead::flock = nullptr;
  collect_partials(parent_.get());
  EXPECT_EQ(names().size(), 1u) << "it is locked";
}

TEST_F(PartialCalls, OneThatCannotBeUsedIsAnError) {
  instead::fchmod = [](int, mode_t) { return fail_with(EPERM); };
  EXPECT_EQ(error_of_making(), EPERM);
  EXPECT_TRUE(names().empty());
  instead::fchmod = nullptr;
  instead::fstat = [](int, struct stat*) { return fail_with(ESTALE); };
  EXPECT_EQ(error_of_making(), ESTALE);
  EXPECT_TRUE(names().empty());
  instead::fstat = nullptr;
  // Unlocked, it would be taken for one whose maker is dead.
  instead::flock = [](int, int) { return fail_with(EIO); };
  EXPECT_EQ(error_of_making(), EIO);
  EXPECT_TRUE(names().empty());
}

TEST_F(PartialCalls, UuidsAreRandomAndOfVersionFour) {
  auto uuid = new_uuid();
  EXPECT_EQ(uuid[6] & 0xf0, 0x40);
  EXPECT_EQ(uuid[8] & 0xc0, 0x80);
  EXPECT_NE(uuid, new_uuid());
  instead::getrandom = [](void*, std::size_t, unsigned) -> ssize_t { return fail_with(ENOSYS); };
  EXPECT_EQ(error_of([] { new_uuid(); }), ENOSYS);
  instead::getrandom = [](void*, std::size_t, unsigned) -> ssize_t {
    errno = EAGAIN;
    return 15;
  };
  EXPECT_EQ(error_of([] { new_uuid(); }), EAGAIN);
}

// ---- publishing ------------------------------------------------------------------------------------------

TEST_F(PartialCalls, WithoutTheFlagItStillReplacesNothing) {
  for (int error : {EINVAL, ENOSYS}) {
    instead::renameat2 = [=](int, const char*, int, const char*, unsigned) { return fail_with(error); };
    std::string name = "snapshot" + std::to_string(error);
    EXPECT_EQ(error_of_publishing(name), 0);
    EXPECT_EQ(error_of_publishing(name), EEXIST);
    fs::create_directory(directory_.path("empty" + name));
    EXPECT_EQ(error_of_publishing("empty" + name), EEXIST) << "which rename would replace";
    EXPECT_EQ(names().size(), error == EINVAL ? 2u : 4u);
  }
  instead::renameat = [](int, const char*, int, const char*) { return fail_with(EIO); };
  EXPECT_EQ(error_of_publishing("other"), EIO);
}

TEST_F(PartialCalls, ARefusedRenamePublishesNothing) {
  instead::renameat2 = [](int, const char*, int, const char*, unsigned) { return fail_with(EIO); };
  instead::renameat = [](int, const char*, int, const char*) {
    ADD_FAILURE() << "another way is only tried where there is no such flag";
    return 0;
  };
  EXPECT_EQ(error_of_publishing(), EIO);
  EXPECT_TRUE(names().empty());
}

TEST_F(PartialCalls, WhatIsNotKnownToBeOnTheStorageIsNotPublished) {
  // The file is synced first; then the directory that got a new name.
  auto fail_third = [] {
    instead::fsync = [calls = 0](int d) mutable {
      struct stat status {};
      ::fstat(d, &status);
      return S_ISDIR(status.st_mode) && ++calls == 1 ? fail_with(EIO) : real::fsync(d);
    };
  };
  fail_third();
  EXPECT_EQ(error_of_publishing(), EIO);
  EXPECT_TRUE(names().empty());
  fail_third();
  instead::renameat = [](int, const char*, int, const char*) { return fail_with(EROFS); };
  EXPECT_EQ(error_of_publishing(), EIO);
  EXPECT_EQ(names(), std::vector<std::string>{"snapshot"}) << "a published snapshot is not removed by halves";
}

TEST_F(PartialCalls, AModeThatCannotBeGivenIsAnError) {
  PartialSnapshot partial(parent_.get(), directory_.path(), new_uuid());
  write_file_durably(partial.directory(), "file", "contents");
  instead::fchmodat = [](int, const char*, mode_t, int) { return fail_with(EPERM); };
  EXPECT_EQ(error_of([&] { partial.open_to(0755); }), EPERM);
  instead::fchmodat = nullptr;
  instead::fchmod = [](int, mode_t) { return fail_with(EROFS); };
  EXPECT_EQ(error_of([&] { partial.open_to(0755); }), EROFS);
  instead::fchmod = nullptr;
  instead::fsync = [](int) { return fail_with(EIO); };
  EXPECT_EQ(error_of([&] { partial.open_to(0755); }), EIO);
}

TEST_F(PartialCalls, OnlyPartialDirectoriesAreCollected) {
  std::string prefix = partial_prefix;
  for (const std::string& name :
       {prefix + "dead", std::string("x") + prefix, std::string(".pwalk-part"), std::string("a")})
    fs::create_directory(directory_.path(name));
  directory_.write_file(prefix + "file", "no directory");
  fs::create_directory_symlink("a", directory_.path(prefix + "link"));
  collect_partials(parent_.get());
  EXPECT_EQ(names(),
            (std::vector<std::string>{".pwalk-part", prefix + "file", prefix + "link", "a", "x" + prefix}));
  fs::create_directory(directory_.path(prefix + "dead"));
  instead::flock = [](int, int) { return fail_with(ENOLCK); };
  collect_partials(parent_.get());
  EXPECT_TRUE(fs::exists(directory_.path(prefix + "dead"))) << "nobody can tell whether it is dead";
}

/// A maker has made its directory and not yet locked it: it gets the time for that.
TEST_F(PartialCalls, OneThatIsLockedWhileItIsLookedAtIsNotCollected) {
  const std::string name = partial_prefix + std::string("new");
  fs::create_directory(directory_.path(name));
  Fd makers = open_at(parent_.get(), name, O_RDONLY | O_DIRECTORY);
  instead::flock = [&](int d, int o) {
    int result = real::flock(d, o);
    if (o == LOCK_UN) {
      EXPECT_EQ(real::flock(makers.get(), LOCK_EX | LOCK_NB), 0);
    }
    return result;
  };
  collect_partials(parent_.get());
  EXPECT_TRUE(fs::exists(directory_.path(name)));
  makers = Fd();
  instead::flock = nullptr;
  collect_partials(parent_.get());
  EXPECT_FALSE(fs::exists(directory_.path(name)));
}

/// What has files has had a lock, so without one its maker is dead.
TEST_F(PartialCalls, OneWithFilesIsCollectedAtOnce) {
  const std::string name = partial_prefix + std::string("dead");
  fs::create_directory(directory_.path(name));
  directory_.write_file(name + "/00000000.names", "contents");
  instead::flock = [&](int d, int o) {
    EXPECT_NE(o, LOCK_UN);
    return real::flock(d, o);
  };
  collect_partials(parent_.get());
  EXPECT_FALSE(fs::exists(directory_.path(name)));
}

// ---- the store -------------------------------------------------------------------------------------------

class StoreCalls : public Calls {
 protected:
  std::string store() const { return directory_.path("store"); }
  std::string latest() const {
    std::error_code error;
    return fs::read_symlink(store() + "/name/latest", error).string();
  }
  void write_manifest(const std::string& name, const std::string& time, std::uint32_t slot,
                      bool complete = true, std::int64_t start_seconds = 0) {
    fs::create_directories(store() + "/" + name + "/" + time);
    Manifest manifest;
    manifest.start.seconds = start_seconds;
    manifest.slot = slot;
    manifest.host = "host of " + time;
    manifest.root = "/root";
    manifest.complete = complete;
    manifest.parts = {{0, 1}};
    manifest.shards.push_back({0, {{format::array_entries, "00000000.entries", array_file_bytes(64), 1, 0}}});
    Fd directory = open_at(AT_FDCWD, store() + "/" + name + "/" + time, O_RDONLY | O_DIRECTORY);
    write_file_durably(directory.get(), format::manifest_name, to_text(manifest));
  }
  /// One that can be opened, which takes more than a manifest.
  void write_whole(const std::string& time, std::int64_t start_seconds) {
    fs::create_directories(store() + "/name");
    std::string path = store() + "/name/" + time;
    Manifest manifest = test::write_sample(path, test::sample_directory("", 2, 0755, {}), 1);
    manifest.start.seconds = start_seconds;
    fs::remove(path + "/manifest.json");
    Fd directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    write_file_durably(directory.get(), format::manifest_name, to_text(manifest));
  }
  int error_of_opening() {
    return error_of([&] { StoreName(store(), "name"); });
  }
  /// Directories above a store, which are for others to read too, cannot be made.
  static void refuse_what_lies_above() {
    instead::mkdirat = [](int directory, const char* path, mode_t mode) {
      return mode == 0755 ? fail_with(EACCES) : real::mkdirat(directory, path, mode);
    };
  }
  std::uint32_t next_slot(const std::string& counter) {
    { StoreName name(store(), "name"); }
    directory_.write_file("store/.next-slot", counter);
    return StoreName(store(), "name").take_slot();
  }
};

// One that cannot be read now may have any slot.
TEST_F(StoreCalls, ALostCounterGivesNoSlotThatMayBeTaken) {
  for (int error : {EIO, ESTALE, EMFILE, EACCES, ENOENT}) {
    fs::remove_all(store());
    write_manifest("name", "2026-01-01T000000Z", 0);
    write_manifest("name", "2026-01-02T000000Z", 1);
    fail_openat("manifest.json", error);
    int answered = error_of([&] { StoreName(store(), "name").take_slot(); });
    EXPECT_EQ(answered, error == ENOENT || error == EACCES ? 0 : error);
    test::answer_nothing();
    if (answered != 0) {
      EXPECT_EQ(StoreName(store(), "name").take_slot(), 2u);
    }
  }
}

TEST_F(StoreCalls, DirectoriesThatCannotBeMadeAreErrors) {
  refuse_what_lies_above();
  EXPECT_EQ(error_of([&] { StoreName(store() + "/below", "name"); }), EACCES);
  instead::mkdirat = [](int, const char*, mode_t) { return fail_with(EROFS); };
  EXPECT_EQ(error_of_opening(), EROFS);
  EXPECT_FALSE(fs::exists(store()));
  instead::mkdirat = nullptr;
  EXPECT_EQ(error_of_opening(), 0);
  EXPECT_EQ(error_of_opening(), 0) << "those that are there are used";
}

TEST_F(StoreCalls, AStoreIsNotMadeAnewWhereThereIsOne) {
  fs::create_directory(store());
  refuse_what_lies_above();
  EXPECT_EQ(error_of_opening(), 0);
}

TEST_F(StoreCalls, ANameThatIsALinkIsNotFollowed) {
  fs::create_directories(directory_.path("elsewhere"));
  fs::create_directory(store());
  fs::create_directory_symlink("../elsewhere", store() + "/name");
  EXPECT_NE(error_of_opening(), 0);
  EXPECT_TRUE(fs::is_empty(directory_.path("elsewhere")));
}

TEST_F(StoreCalls, ALockIsWaitedForButNotForEver) {
  { StoreName name(store(), "name"); }
  int calls = 0;
  auto answer = [&](int error, int times) {
    calls = 0;
    instead::flock = [&, error, times](int d, int o) {
      return ++calls <= times ? fail_with(error) : real::flock(d, o);
    };
  };
  answer(EINTR, 300);
  EXPECT_EQ(error_of_opening(), 0);
  EXPECT_EQ(calls, 301);
  answer(EWOULDBLOCK, 5);
  EXPECT_EQ(error_of_opening(), 0);
  EXPECT_EQ(calls, 6);
  answer(EWOULDBLOCK, 10000);
  EXPECT_EQ(error_of_opening(), EWOULDBLOCK);
  EXPECT_EQ(calls, 100);
  answer(ENOLCK, 10000);
  EXPECT_EQ(error_of_opening(), ENOLCK);
  EXPECT_EQ(calls, 1) << "there is nothing to wait for";
}

TEST_F(StoreCalls, WhoWaitsForASlotEndsWhenTold) {
  StoreName name(store(), "name");
  Fd others = open_at(AT_FDCWD, store() + "/.lock", O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(real::flock(others.get(), LOCK_EX), 0);
  std::atomic<bool> stop{false};
  int calls = 0;
  instead::flock = [&](int d, int o) {
    stop = ++calls == 3;
    return real::flock(d, o);
  };
  EXPECT_THROW(name.take_slot(stop), Stopped);
  EXPECT_EQ(calls, 3);
  others = Fd();
  EXPECT_EQ(name.take_slot(), 0u);
}

/// What a scan says that it has published must not be gone because the directory around it never was on the
/// storage.
TEST_F(StoreCalls, NewDirectoriesAreForcedToTheStorage) {
  std::vector<std::string> forced;
  instead::fsync = [&](int descriptor) {
    forced.push_back(fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor)));
    return real::fsync(descriptor);
  };
  auto relative = [&](const std::string& path) { return directory_.path() + path; };
  { StoreName(directory_.path("a/store"), "name"); }
  EXPECT_EQ(forced, (std::vector<std::string>{relative(""), relative("/a"), relative("/a/store")}));
  forced.clear();
  { StoreName(directory_.path("a/store"), "other"); }
  EXPECT_EQ(forced, std::vector<std::string>{relative("/a/store")});
  forced.clear();
  { StoreName(directory_.path("a/store"), "name"); }
  EXPECT_TRUE(forced.empty());
  instead::fsync = [](int) { return fail_with(EIO); };
  EXPECT_EQ(error_of([&] { StoreName(directory_.path("a/store"), "third"); }), EIO);
}

TEST_F(StoreCalls, TheDefaultIsTheUsersOwn) {
  ::setenv("PWALK_STORE", "/some/store", 1);
  EXPECT_EQ(default_store_path(), "/some/store");
  ::setenv("PWALK_STORE", "", 1);
  instead::geteuid = [] { return uid_t{0}; };
  EXPECT_EQ(default_store_path(), "/var/lib/pwalk");
  ::unsetenv("PWALK_STORE");
  EXPECT_EQ(default_store_path(), "/var/lib/pwalk");
  instead::geteuid = [] { return uid_t{1000}; };
  ::setenv("HOME", "/some/where", 1);
  EXPECT_EQ(default_store_path(), "/some/where/.local/share/pwalk");
  ::setenv("HOME", "", 1);
  EXPECT_EQ(error_of([] { default_store_path(); }), ENOENT);
  ::unsetenv("HOME");
  EXPECT_EQ(error_of([] { default_store_path(); }), ENOENT);
}

TEST_F(StoreCalls, NamesAtTheirBounds) {
  EXPECT_EQ(default_snapshot_name("//a"), "a");
  EXPECT_EQ(default_snapshot_name("///"), "_root_");
  EXPECT_EQ(default_snapshot_name("/" + std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_NE(default_snapshot_name("/" + std::string(201, 'a')), std::string(201, 'a'));
  EXPECT_EQ(default_snapshot_name("/a.b"), "a.b");
  EXPECT_EQ(why_not_a_name(std::string(200, 'a')), "");
  EXPECT_EQ(why_not_a_name("a.b"), "");
  EXPECT_EQ(error_of([] { time_name({std::numeric_limits<std::int64_t>::max(), 0}); }), EOVERFLOW);
  for (const char* name : {"2026-11-2/T184652Z", "2026-11-2:T184652Z", "2026-11-22T184652z",
                           "2026-11-22T184652Z2", "2026-11-22T184652Z+2"})
    EXPECT_FALSE(is_time_name(name, {1795373212, 0})) << name;
  EXPECT_TRUE(is_time_name("2099-09-09T090909Z", {4092628149, 0}));
  EXPECT_FALSE(is_time_name("2099-09-09T090909Z", {4092628148, 999999999}));
  EXPECT_FALSE(is_time_name("x", {std::numeric_limits<std::int64_t>::max(), 0}));
}

TEST_F(StoreCalls, NamesOfAStoreAreItsDirectories) {
  fs::create_directories(store() + "/name");
  fs::create_directories(store() + "/.hidden");
  directory_.write_file("store/file", "");
  fs::create_directory_symlink("name", store() + "/link");
  EXPECT_EQ(store_names(store()), std::vector<std::string>{"name"});
  instead::fstatat = [](int, const char*, struct stat*, int) { return fail_with(ENOENT); };
  EXPECT_TRUE(store_names(store()).empty()) << "gone meanwhile";
}

TEST_F(StoreCalls, WhatIsNoSnapshotIsNotListed) {
  fs::create_directories(store() + "/name");
  test::write_sample(store() + "/name/2026-01-01T000000Z", test::sample_directory("", 2, 0755, {}), 1);
  directory_.write_file("store/name/file", "");
  fs::create_directory_symlink("2026-01-01T000000Z", store() + "/name/link");
  fs::create_directory_symlink("2026-01-01T000000Z", store() + "/name/latest");
  fs::create_directories(store() + "/name/.hidden");
  fs::create_directories(store() + "/name/empty");
  std::vector<StoredSnapshot> all = stored_snapshots(store(), "name");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].is_latest);
  EXPECT_EQ(all[0].trouble, "");
  EXPECT_EQ(all[0].in_use, false);
  // Its own blocks and those of what is in it.
  struct stat status {};
  ASSERT_EQ(::stat((store() + "/name/2026-01-01T000000Z").c_str(), &status), 0);
  std::uint64_t blocks = static_cast<std::uint64_t>(status.st_blocks);
  for (const auto& file : fs::directory_iterator(store() + "/name/2026-01-01T000000Z")) {
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    blocks += static_cast<std::uint64_t>(status.st_blocks);
  }
  EXPECT_EQ(all[0].disk_bytes, blocks * 512);
}

TEST_F(StoreCalls, WhatCannotBeReadIsListedWithItsReason) {
  write_manifest("name", "2026-01-01T000000Z", 0);
  for (int error : {EACCES, EIO}) {
    fail_openat("manifest.json", error);
    std::vector<StoredSnapshot> all = stored_snapshots(store(), "name");
    ASSERT_EQ(all.size(), 1u);
    EXPECT_FALSE(all[0].manifest);
    EXPECT_NE(all[0].trouble, "");
  }
}

TEST_F(StoreCalls, ACounterIsReadWithOrWithoutItsNewline) {
  EXPECT_EQ(next_slot("41\n"), 41u);
  EXPECT_EQ(next_slot("17"), 17u);
  EXPECT_EQ(next_slot(std::to_string(format::store_slots - 1) + "\n"), format::store_slots - 1);
  EXPECT_EQ(next_slot(std::to_string(format::store_slots) + "\n"), 0u);
  EXPECT_EQ(next_slot(std::to_string(format::store_slots + 5) + "\n"), 5u);
  write_manifest("name", "2026-01-01T000000Z", 7);
  for (const char* damaged : {"", "\n", "x\n", "-1\n"}) EXPECT_EQ(next_slot(damaged), 8u) << damaged;
}

TEST_F(StoreCalls, ACounterThatCannotBeReadIsAnError) {
  StoreName name(store(), "name");
  for (int error : {EIO, EACCES}) {
    fail_openat(".next-slot", error);
    EXPECT_EQ(error_of([&] { name.take_slot(); }), error);
  }
}

TEST_F(StoreCalls, ACounterThatCannotBeWrittenIsAnError) {
  StoreName name(store(), "name");
  instead::unlinkat = [](int, const char*, int) { return fail_with(EPERM); };
  EXPECT_EQ(error_of([&] { name.take_slot(); }), EPERM);
  instead::unlinkat = nullptr;
  instead::renameat = [](int, const char*, int, const char*) { return fail_with(EROFS); };
  EXPECT_EQ(error_of([&] { name.take_slot(); }), EROFS);
  instead::renameat = nullptr;
  EXPECT_EQ(name.take_slot(), 0u) << "what is left of an attempt is no obstacle";
  EXPECT_EQ(name.take_slot(), 1u);
}

TEST_F(StoreCalls, OnlySnapshotsHaveSlots) {
  write_manifest("name", "2026-01-01T000000Z", 0);
  write_manifest("name", ".hidden", 1);
  write_manifest(".hidden", "2026-01-01T000000Z", 1);
  write_manifest("other", "2026-01-01T000000Z", 2);
  directory_.write_file("store/file", "");
  EXPECT_EQ(next_slot(std::to_string(format::store_slots)), 1u);
  write_manifest("name", "2026-01-02T000000Z", 1);
  EXPECT_EQ(next_slot(std::to_string(format::store_slots)), 3u);
}

TEST_F(StoreCalls, TheOriginIsThatOfTheNewestCompleteOne) {
  write_manifest("name", "2026-01-01T000000Z", 0);
  write_manifest("name", "2026-01-02T000000Z", 1);
  write_manifest("name", "2026-01-03T000000Z", 2, false);
  write_manifest("name", "2026-01-04T000000Z", 3, false);
  fs::create_directory(store() + "/name/2026-01-05T000000Z");
  EXPECT_EQ(StoreName(store(), "name").origin()->host, "host of 2026-01-02T000000Z");
  for (int day : {1, 2}) fs::remove_all(store() + "/name/2026-01-0" + std::to_string(day) + "T000000Z");
  EXPECT_EQ(StoreName(store(), "name").origin()->host, "host of 2026-01-04T000000Z")
      << "or of the newest at all";
}

TEST_F(StoreCalls, LatestThatCannotBeSetIsAnErrorAndStaysAsItWas) {
  for (const char* time : {"2026-01-01T000000Z", "2026-01-02T000000Z"}) write_manifest("name", time, 0);
  StoreName name(store(), "name");
  name.update_latest("2026-01-01T000000Z");
  auto error_of_updating = [&] { return error_of([&] { name.update_latest("2026-01-02T000000Z"); }); };
  instead::unlinkat = [](int, const char*, int) { return fail_with(EPERM); };
  EXPECT_EQ(error_of_updating(), EPERM);
  EXPECT_EQ(error_of([&] { name.take_from_latest({"2026-01-01T000000Z", "2026-01-02T000000Z"}); }), EPERM);
  instead::unlinkat = nullptr;
  instead::symlinkat = [](const char*, int, const char*) { return fail_with(ENOSPC); };
  EXPECT_EQ(error_of_updating(), ENOSPC);
  instead::symlinkat = nullptr;
  instead::renameat = [](int, const char*, int, const char*) { return fail_with(EROFS); };
  EXPECT_EQ(error_of_updating(), EROFS);
  instead::renameat = nullptr;
  instead::fsync = [](int) { return fail_with(EIO); };
  EXPECT_EQ(error_of([&] { name.update_latest("2026-01-01T000000Z"); }), EIO);
  instead::fsync = nullptr;
  EXPECT_EQ(latest(), "2026-01-01T000000Z");
  EXPECT_EQ(error_of_updating(), 0) << "what is left of an attempt is no obstacle";
  EXPECT_EQ(latest(), "2026-01-02T000000Z");
  name.take_from_latest({"2026-01-01T000000Z"});
  EXPECT_EQ(latest(), "2026-01-02T000000Z") << "which does not go";
}

/// Names that were given by hand sort anywhere: what is newest, the manifests tell.
TEST_F(StoreCalls, TheNewestIsTheOneThatBeganLast) {
  write_whole("2026-01-01T000000Z", 100);
  write_whole("before the move", 50);
  write_whole("2026-01-02T000000Z", 200);
  write_manifest("name", "2026-01-03T000000Z", 2, true, 150);  // which cannot be opened
  StoreName name(store(), "name");
  name.update_latest("2026-01-02T000000Z");
  name.take_from_latest({"2026-01-02T000000Z"});
  EXPECT_EQ(latest(), "2026-01-01T000000Z");
  name.take_from_latest({"2026-01-01T000000Z", "2026-01-02T000000Z"});
  EXPECT_EQ(latest(), "before the move") << "which is a snapshot all the same";
  name.update_latest("2026-01-01T000000Z");
  EXPECT_EQ(latest(), "2026-01-01T000000Z") << "from which the next one leads on";
  name.update_latest("before the move");
  EXPECT_EQ(latest(), "2026-01-01T000000Z");
  fs::remove(store() + "/name/2026-01-01T000000Z/manifest.json");
  name.update_latest("before the move");
  EXPECT_EQ(latest(), "before the move") << "what has no manifest is no later one";
}

TEST_F(StoreCalls, LatestThatLeadsNowhereIsMended) {
  write_whole("2026-01-01T000000Z", 1);
  write_whole("2026-01-02T000000Z", 2);
  StoreName name(store(), "name");
  name.update_latest("2026-01-02T000000Z");
  name.take_from_latest({});
  EXPECT_EQ(latest(), "2026-01-02T000000Z");
  fs::remove_all(store() + "/name/2026-01-02T000000Z");
  name.take_from_latest({});
  EXPECT_EQ(latest(), "2026-01-01T000000Z");
  // What could not be looked at is not mended.
  fs::remove(store() + "/name/latest");
  fs::create_symlink("gone", store() + "/name/latest");
  instead::fstatat = [](int d, const char* p, struct stat* s, int f) {
    return f == 0 ? fail_with(EIO) : real::fstatat(d, p, s, f);
  };
  name.take_from_latest({});
  EXPECT_EQ(latest(), "gone");
  instead::fstatat = nullptr;
  fs::remove_all(store() + "/name/2026-01-01T000000Z");
  name.take_from_latest({});
  EXPECT_EQ(latest(), "") << "there is none";
}

TEST_F(StoreCalls, OpensNameToThoseWhoMayReadWhatIsInIt) {
  ::umask(0077);
  auto mode_of = [](const std::string& path) { return fs::status(path).permissions(); };
  StoreName(store(), "name").open_to(0750);
  EXPECT_EQ(mode_of(store() + "/name"), fs::perms(0750));
  EXPECT_EQ(mode_of(store()), fs::perms(0750)) << "new as well";
  StoreName other(store(), "other");
  other.open_to(0646);
  EXPECT_EQ(mode_of(store() + "/other"), fs::perms(0755)) << "listed and searched, not written";
  EXPECT_EQ(mode_of(store()), fs::perms(0750)) << "which is its owner's since";
  other.open_to(0700);
  EXPECT_EQ(mode_of(store() + "/other"), fs::perms(0755)) << "nobody loses what he had";
  instead::fchmod = [](int, mode_t) { return fail_with(EPERM); };
  EXPECT_EQ(error_of([&] { other.open_to(0755); }), 0) << "nothing to change";
  EXPECT_EQ(error_of([&] { StoreName(store(), "third").open_to(0755); }), EPERM);
}

TEST_F(StoreCalls, LatestThatIsGoneAlreadyNeedNotBeRemoved) {
  write_manifest("name", "2026-01-01T000000Z", 0);
  StoreName name(store(), "name");
  name.update_latest("2026-01-01T000000Z");
  instead::unlinkat = [](int d, const char* p, int f) {
    real::unlinkat(d, p, f);
    return fail_with(ENOENT);
  };
  EXPECT_EQ(error_of([&] { name.take_from_latest({"2026-01-01T000000Z"}); }), 0);
  EXPECT_EQ(latest(), "");
}

// ---- marks and removal -----------------------------------------------------------------------------------

class MarkCalls : public StoreCalls {
 protected:
  MarkCalls() {
    write_manifest("name", "2026-01-01T000000Z", 0);
    snapshot_ = open_at(AT_FDCWD, store() + "/name/2026-01-01T000000Z", O_RDONLY | O_DIRECTORY);
  }
  void answer_flock(int error, int times = 1 << 30) {
    calls_ = 0;
    instead::flock = [=, this](int d, int o) {
      return ++calls_ <= times ? fail_with(error) : real::flock(d, o);
    };
  }
  Fd snapshot_;
  int calls_ = 0;
};

TEST_F(MarkCalls, AnInterruptedMarkIsSetAgain) {
  answer_flock(EINTR, 3);
  Fd mark = mark_as_read(snapshot_.get());
  EXPECT_EQ(calls_, 4);
  EXPECT_EQ(is_in_use(snapshot_.get()), true);
}

TEST_F(MarkCalls, WithoutLocksASnapshotCanBeReadAndNotRemoved) {
  answer_flock(ENOLCK);
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), 0);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(error_of([&] { mark_as_removed(snapshot_.get()); }), ENOLCK);
  EXPECT_EQ(is_in_use(snapshot_.get()), std::nullopt);
}

TEST_F(MarkCalls, WhoHoldsItForAMomentIsWaitedFor) {
  answer_flock(EWOULDBLOCK, 3);
  EXPECT_TRUE(mark_as_removed(snapshot_.get()));
  EXPECT_EQ(calls_, 4);
  answer_flock(EWOULDBLOCK);
  EXPECT_FALSE(mark_as_removed(snapshot_.get()));
  EXPECT_EQ(calls_, 4);
  EXPECT_EQ(is_in_use(snapshot_.get()), true);
  answer_flock(EWOULDBLOCK, 150);
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), 0);
  EXPECT_EQ(calls_, 151);
  answer_flock(EWOULDBLOCK);
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), ENOENT) << "it is being removed";
  EXPECT_EQ(calls_, 201);
}

TEST_F(MarkCalls, OneRemovedMeanwhileIsNotRead) {
  instead::fstat = [](int d, struct stat* s) {
    int result = real::fstat(d, s);
    s->st_nlink = 0;
    return result;
  };
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), ENOENT);
  answer_flock(EWOULDBLOCK);
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), ENOENT);
  EXPECT_EQ(calls_, 1) << "there is nothing to wait for";
  answer_flock(ENOLCK);
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), ENOENT);
  instead::flock = nullptr;
  instead::fstat = [](int, struct stat* s) {
    s->st_nlink = 0;
    return fail_with(EIO);
  };
  EXPECT_EQ(error_of([&] { mark_as_read(snapshot_.get()); }), 0) << "nobody can tell, and the lock is there";
}

TEST_F(MarkCalls, AManifestThatMayNotBeWrittenIsLockedAllTheSame) {
  for (int error : {EACCES, EROFS, EPERM, EIO, EMFILE}) {
    instead::openat = [=](int d, const char* p, int f, unsigned m) {
      return (f & O_ACCMODE) == O_RDWR ? fail_with(error) : real::openat(d, p, f, m);
    };
    bool may_be_read = error == EACCES || error == EROFS || error == EPERM;
    EXPECT_EQ(is_in_use(snapshot_.get()), may_be_read ? std::optional(false) : std::nullopt) << error;
    EXPECT_EQ(error_of([&] { mark_as_removed(snapshot_.get()); }), may_be_read ? 0 : error);
  }
}

/// An immutable file, which is no directory to be looked into.
TEST_F(MarkCalls, AFileThatCannotBeRemovedSaysWhy) {
  directory_.write_file("kept", "");
  Fd parent = open_at(AT_FDCWD, directory_.path(), O_RDONLY | O_DIRECTORY);
  instead::unlinkat = [](int, const char*, int) { return fail_with(EPERM); };
  EXPECT_EQ(error_of([&] { remove_tree(parent.get(), "kept"); }), EPERM);
}

/// NFS would keep it by another name in its directory, which then could not be removed.
TEST_F(MarkCalls, NothingIsOpenOfWhatIsDeleted) {
  StoreName name(store(), "name");
  Removal removal(name);
  ASSERT_TRUE(removal.take("2026-01-01T000000Z"));
  ASSERT_TRUE(removal.hide().empty());
  unsigned others = 0;
  instead::unlinkat = [&](int d, const char* p, int f) {
    if (std::string_view(p) != "manifest.json") {
      ++others;
      for (const auto& each : fs::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        std::string target = fs::read_symlink(each.path(), gone);
        EXPECT_EQ(target.find("manifest.json"), std::string::npos) << target;
      }
    }
    return real::unlinkat(d, p, f);
  };
  removal.delete_hidden();
  EXPECT_GE(others, 1u) << "the directory at least";
}

TEST_F(MarkCalls, ARemovalThatIsRefusedIsAnError) {
  StoreName name(store(), "name");
  Removal removal(name);
  ASSERT_TRUE(removal.take("2026-01-01T000000Z"));
  instead::renameat = [](int, const char*, int, const char*) { return fail_with(EROFS); };
  std::vector<Removal::Refused> refused = removal.hide();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].time, "2026-01-01T000000Z");
  EXPECT_TRUE(refused[0].why.starts_with("Read-only file system; cannot update '")) << refused[0].why;
  EXPECT_TRUE(fs::exists(store() + "/name/2026-01-01T000000Z"));
  removal.delete_hidden();
  EXPECT_TRUE(fs::exists(store() + "/name/2026-01-01T000000Z")) << "which is not hidden";
  instead::renameat = nullptr;
  ASSERT_TRUE(removal.take("2026-01-01T000000Z"));
  EXPECT_TRUE(removal.hide().empty());
  instead::unlinkat = [](int, const char*, int) { return fail_with(EPERM); };
  EXPECT_EQ(error_of([&] { removal.delete_hidden(); }), EPERM);
  instead::unlinkat = nullptr;
  auto hidden = list_directory(name.directory());
  std::erase_if(hidden, [](const std::string& each) { return each == ".lock" || each == "latest"; });
  ASSERT_EQ(hidden.size(), 1u);
  fs::remove(store() + "/name/" + hidden[0] + "/manifest.json");
  EXPECT_EQ(error_of([&] { removal.delete_hidden(); }), 0) << "a manifest that is gone is no obstacle";
  EXPECT_FALSE(fs::exists(store() + "/name/" + hidden[0]));
}

}  // namespace
}  // namespace pwalk::snapshot
