// A store of which some cannot be read, or is damaged: that is no word about the rest of it, and not the same
// as being gone.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "mount/node_id.h"
#include "mount/source.h"
#include "mount/tree.h"
#include "support/failing_call.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::mount {
namespace {

namespace fs = std::filesystem;
namespace instead = test::instead;
namespace real = test::real;
using test::fail_with;

const std::string first = "2026-01-01T000000Z", second = "2026-01-02T000000Z", third = "2026-01-03T000000Z";

class Listed final : public ListingSink {
 public:
  bool add(const char* name, const Node& node, std::uint64_t) override {
    types[name] = node.attributes.st_mode & S_IFMT;
    return true;
  }
  std::map<std::string, mode_t> types;
};

/// A store with two NAMEs, of which one has three snapshots, and a mount of it.
class MountedStore : public ::testing::Test {
 protected:
  MountedStore() {
    directory_.make_directory("store");
    for (const char* name : {"name", "other"}) directory_.make_directory(std::string("store/") + name);
    std::uint32_t slot = 0;
    for (const std::string& time : {first, second, third}) write("name/" + time, slot++);
    write("other/" + first, slot);
    fs::create_symlink(third, path("name/latest"));
    mount();
  }
  ~MountedStore() override { test::answer_nothing(); }

  std::string path(const std::string& name) const { return directory_.path("store/" + name); }
  void write(const std::string& name, std::uint32_t slot) {
    test::write_sample(path(name), test::sample_directory("", 2, 0755, {test::sample_file("file", 3, 10)}),
                       1);
    test::SnapshotEditor editor(path(name));
    editor.manifest().slot = slot;
    editor.manifest().ancestors = {{0755, 0, 0, false}};  // by which the root is looked at
    editor.save();
  }
  void mount() {
    tree_.reset();
    source_.emplace(directory_.path("store"), log_);
    tree_.emplace(*source_, AclPolicy{}, TotalsOptions{});
  }
  /// In the first block of records, whose hash no longer fits.
  void damage(const std::string& time) {
    std::string entries = path("name/" + time + "/00000000.entries");
    std::string bytes = test::read_bytes(entries);
    bytes[4096] = static_cast<char>(bytes[4096] ^ 1);
    test::write_bytes(entries, bytes);
  }
  /// Fails what looks at a path, in whatever directory.
  static void fail_stat(const std::string& of, int error) {
    instead::fstatat = [=](int d, const char* p, struct stat* s, int f) {
      return of == p ? fail_with(error) : real::fstatat(d, p, s, f);
    };
  }

  Lookup look_up(const std::string& name, const std::string& time) {
    return tree_->look_up(tree_->look_up(root_node, name).node.value().id, time);
  }
  std::uint64_t id(const std::string& time) { return look_up("name", time).node.value().id; }
  std::map<std::string, mode_t> list(std::uint64_t id) {
    Listed listed;
    EXPECT_EQ(tree_->list(id, 0, listed), 0);
    return listed.types;
  }
  std::map<std::string, mode_t> list_name() { return list(tree_->look_up(root_node, "name").node->id); }
  /// The errno that answers; 0 for a node.
  template <class Action>
  static int error_of(Action action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  }
  int error_of_look_up(const std::string& time) {
    int error = 0;
    int thrown = error_of([&] { error = look_up("name", time).error; });
    return thrown != 0 ? thrown : error;
  }
  /// How many messages name a snapshot.
  auto told(const std::string& name) const {
    return std::count_if(said_.begin(), said_.end(),
                         [&](const std::string& text) { return text.find(name) != std::string::npos; });
  }

  test::TemporaryDirectory directory_;
  std::vector<std::string> said_;
  Log log_{[this](const std::string& text) { said_.push_back(text); }};
  std::optional<Source> source_;
  std::optional<Tree> tree_;
};

TEST_F(MountedStore, ListsAnOpenOneThatIsCutWithTheOthers) {
  for (const std::string& time : {first, second, third}) id(time);
  fs::resize_file(path("name/" + first + "/00000000.entries"), 4096);
  auto listed = list_name();
  EXPECT_EQ(listed.size(), 6u);  // the dots and latest
  EXPECT_TRUE(listed.count(first));
  EXPECT_EQ(listed[second], mode_t{S_IFDIR});
  EXPECT_EQ(listed[third], mode_t{S_IFDIR});
  EXPECT_EQ(listed["latest"], mode_t{S_IFLNK});
  EXPECT_EQ(error_of_look_up(first), EIO);
  EXPECT_EQ(error_of_look_up(second), 0);
}

TEST_F(MountedStore, SaysWhichSnapshotsRootIsDamaged) {
  for (const std::string& time : {first, second}) id(time);
  for (const std::string& time : {first, second})
    fs::resize_file(path("name/" + time + "/00000000.entries"), 4096);
  for (const std::string& time : {first, second}) {
    std::string text;
    try {
      look_up("name", time);
    } catch (const std::system_error& error) {
      text = error.what();
    }
    EXPECT_NE(text.find("name/" + time + "' is damaged"), std::string::npos) << text;
  }
}

TEST_F(MountedStore, OpensHandlesBehindADamagedSnapshot) {
  std::uint64_t whole = id(second), broken = id(first);
  damage(first);
  mount();
  EXPECT_TRUE(S_ISDIR(tree_->node(whole).attributes.st_mode));
  EXPECT_EQ(told("name/" + first + "' cannot be shown: 00000000.entries"), 1);
  EXPECT_EQ(error_of([&] { tree_->node(broken); }), EIO);
  EXPECT_EQ(error_of_look_up(first), EIO);
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(MountedStore, ListsWhatCannotBeLookedAt) {
  for (const std::string& of : {first, first + "/manifest.json"}) {
    for (int error : {EACCES, EIO}) {
      said_.clear();
      fail_stat(of, error);
      for (int times = 0; times < 2; ++times) {
        EXPECT_EQ(list_name().size(), 6u);
        EXPECT_EQ(error_of_look_up(first), error);
        EXPECT_EQ(error_of_look_up(second), 0);
      }
      EXPECT_EQ(told("name/" + first), 1);
      EXPECT_EQ(said_.size(), 1u);
      test::answer_nothing();
      EXPECT_EQ(error_of_look_up(first), 0);
      mount();
    }
  }
}

TEST_F(MountedStore, KeepsOpenWhatCannotBeLookedAt) {
  for (const std::string& of : {first, first + "/manifest.json"}) {
    for (int error : {EIO, ETIMEDOUT, EACCES, EHOSTDOWN, ESTALE}) {
      std::uint64_t root = id(first), file = tree_->look_up(root, "file").node->id;
      fail_stat(of, error);
      int answered = error == ESTALE ? EIO : error;
      EXPECT_EQ(error_of_look_up(first), answered);
      EXPECT_EQ(error_of([&] { tree_->look_up(root, "."); }), answered);
      source_->drop_removed();
      // Opened anew it could not be.
      EXPECT_EQ(error_of([&] { tree_->node(file); }), 0) << error;
      test::answer_nothing();
    }
  }
}

TEST_F(MountedStore, DropsWhatIsGone) {
  for (int error : {ENOENT, ENOTDIR, ELOOP}) {
    std::uint64_t root = id(first), file = tree_->look_up(root, "file").node->id;
    fail_stat(first + "/manifest.json", error);
    EXPECT_EQ(list_name().count(first), 0u);
    EXPECT_EQ(error_of_look_up(first), ENOENT);
    EXPECT_EQ(error_of([&] { tree_->node(file); }), ESTALE);
    test::answer_nothing();
  }
  EXPECT_TRUE(said_.empty());
}

TEST_F(MountedStore, SweepsBehindWhatCannotBeLookedAt) {
  id(first);
  std::uint64_t gone = id(second);
  fs::remove_all(path("name/" + second));
  fail_stat(first + "/manifest.json", EIO);
  source_->drop_removed();
  test::answer_nothing();
  EXPECT_EQ(error_of([&] { tree_->node(gone); }), ESTALE);
}

TEST_F(MountedStore, SaysNotOfAHandleThatItIsGoneWhereOneCannotBeRead) {
  std::uint64_t file = tree_->look_up(id(first), "file").node->id;
  mount();
  fail_stat(first + "/manifest.json", ETIMEDOUT);
  EXPECT_EQ(error_of([&] { tree_->node(file); }), ETIMEDOUT);
  test::answer_nothing();
  EXPECT_EQ(error_of([&] { tree_->node(file); }), 0);
}

TEST_F(MountedStore, ASnapshotThatLacksAFileIsThere) {
  fs::remove(path("name/" + first + "/00000000.entries"));
  EXPECT_EQ(error_of_look_up(first), EIO);
  EXPECT_EQ(list_name().count(first), 1u);
  EXPECT_EQ(told("name/" + first + "' cannot be shown: 00000000.entries"), 1);
}

TEST_F(MountedStore, ASnapshotThatCannotBeOpenedIsThere) {
  for (auto [error, answer] : {std::pair(ENOENT, EIO), {ELOOP, EIO}, {ESTALE, EIO}, {EACCES, EACCES}}) {
    instead::openat = [error = error](int d, const char* p, int f, unsigned m) {
      return std::string_view(p) == "manifest.json" ? fail_with(error) : real::openat(d, p, f, m);
    };
    EXPECT_EQ(error_of_look_up(first), answer);
    EXPECT_EQ(told("name/" + first + "' cannot be shown: cannot open 'manifest.json'"), 1);
    said_.clear();
  }
  // Removed between the two looks at it.
  instead::openat = [this](int d, const char* p, int f, unsigned m) {
    if (p == first) fs::remove_all(path("name/" + first));
    return real::openat(d, p, f, m);
  };
  EXPECT_EQ(error_of_look_up(first), ENOENT);
  EXPECT_TRUE(said_.empty());
}

TEST_F(MountedStore, ListsANameThatCannotBeLookedAt) {
  std::uint64_t other = look_up("other", first).node->id;
  for (int error : {EIO, EACCES}) {
    fail_stat("name", error);
    EXPECT_EQ(list(root_node).size(), 4u);
    EXPECT_EQ(error_of([&] { tree_->look_up(root_node, "name"); }), error);
    EXPECT_EQ(error_of([&] { tree_->node(other); }), 0);
    test::answer_nothing();
  }
  instead::openat = [](int d, const char* p, int f, unsigned m) {
    return std::string_view(p) == "name" ? fail_with(EIO) : real::openat(d, p, f, m);
  };
  EXPECT_EQ(list(root_node).size(), 4u);
  mount();
  EXPECT_EQ(error_of([&] { tree_->node(other); }), 0);
}

TEST_F(MountedStore, ListsALatestThatCannotBeRead) {
  std::uint64_t link = id("latest");
  instead::readlinkat = [](int, const char*, char*, std::size_t) { return fail_with(EIO); };
  EXPECT_EQ(list_name()["latest"], mode_t{S_IFLNK});
  EXPECT_EQ(error_of_look_up("latest"), EIO);
  EXPECT_EQ(error_of([&] { tree_->node(link); }), EIO);
}

// Whichever call fails, once: what is there is never said to be gone, and never left out of a listing.
TEST_F(MountedStore, EachCallThatFailsIsAnErrorAndNotAnAbsence) {
  std::vector<std::uint64_t> handles = {id(first), look_up("other", first).node->id, id("latest"),
                                        tree_->look_up(root_node, "name").node->id,
                                        tree_->look_up(id(second), "file").node->id};
  auto look_everywhere = [&] {
    mount();
    for (std::uint64_t handle : handles) tree_->node(handle);
    EXPECT_EQ(list(root_node).size(), 4u);
    EXPECT_EQ(list_name().size(), 6u);
    for (const std::string& time : {first, second, third}) {
      Lookup found = look_up("name", time);
      EXPECT_EQ(found.error, 0) << time;
      if (!found.node) continue;
      EXPECT_EQ(tree_->look_up(found.node->id, "file").error, 0);
      std::uint64_t views = tree_->look_up(found.node->id, ".pwalk").node.value().id;
      EXPECT_FALSE(tree_->read(tree_->look_up(views, "snapshot.json").node.value().id, 0, 4096).empty());
      tree_->node(found.node->id);
    }
    Lookup latest = look_up("name", "latest");
    EXPECT_EQ(latest.error, 0);
    if (latest.node) {
      EXPECT_EQ(tree_->link_target(latest.node->id), third);
    }
    source_->drop_removed();
    EXPECT_EQ(source_->latest("other"), std::nullopt);
  };
  for (const char* function : {"openat", "fstatat", "readlinkat", "pread", "readdir"}) {
    for (int error : {EIO, EACCES, EMFILE, ESTALE, ETIMEDOUT}) {
      test::FailingCall call(function, error);
      look_everywhere();
      unsigned calls = call.calls();
      ASSERT_GT(calls, 0u) << function;
      for (unsigned number = 1; number <= calls; ++number) {
        SCOPED_TRACE(std::string(function) + " number " + std::to_string(number) + ": " +
                     ::strerrorname_np(error));
        call.fail(number);
        int answered = error_of(look_everywhere);
        EXPECT_NE(answered, ENOENT);
        // Once it is mounted the kernel would take it for the node's.
        EXPECT_TRUE(answered != ESTALE || !tree_);
        call.fail(0);
        EXPECT_EQ(error_of(look_everywhere), 0);
        if (HasFailure()) return;
      }
    }
  }
}

/// As where the process has all the mappings that it may have.
TEST_F(MountedStore, ClosesWhatNobodyUsesWhereThereIsNoRoomForAnother) {
  std::uint64_t before = id(first), file = tree_->look_up(before, "file").node.value().id;
  id(second);
  unsigned refused = 0;
  instead::fstat = [&](int d, struct stat* s) {
    int result = real::fstat(d, s);
    // The third file of a snapshot that is opened beside others.
    if (result == 0 && s->st_size >= 4096 && ++refused == 3) return fail_with(ENOMEM);
    return result;
  };
  EXPECT_EQ(error_of_look_up(third), 0);
  instead::fstat = nullptr;
  EXPECT_GT(refused, 3u);
  EXPECT_EQ(source_->by_slot(0)->place.time, first) << "opened again";
  EXPECT_EQ(tree_->node(file).attributes.st_size, 10);
  EXPECT_EQ(id(first), before);
  EXPECT_TRUE(said_.empty());
  instead::fstat = [&](int d, struct stat* s) {
    int result = real::fstat(d, s);
    return result == 0 && s->st_size >= 4096 ? fail_with(ENOMEM) : result;
  };
  EXPECT_EQ(error_of([&] { look_up("other", first); }), ENOMEM) << "no room at all";
}

TEST_F(MountedStore, ASlotThatIsTakenIsReplacedByAFreeOne) {
  auto give = [&](const std::string& time, std::uint32_t slot) {
    test::SnapshotEditor editor(path("name/" + time));
    editor.manifest().slot = slot;
    editor.save();
  };
  give(first, 7);
  give(second, 7);
  give(third, 7);
  mount();
  std::set<std::uint32_t> slots;
  for (const std::string& time : {first, second, third}) slots.insert(node_slot(id(time)));
  EXPECT_EQ(slots, (std::set<std::uint32_t>{7, format::store_slots - 2, format::store_slots - 1}));
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(MountedStore, AClosedOneThatIsReplacedGivesUpItsSlot) {
  std::uint64_t before = id(first);
  bool refused = false;
  instead::fstat = [&](int d, struct stat* s) {
    int result = real::fstat(d, s);
    if (result == 0 && s->st_size >= 4096 && !std::exchange(refused, true)) return fail_with(ENOMEM);
    return result;
  };
  id(second);
  instead::fstat = nullptr;
  fs::remove_all(path("name/" + first));
  EXPECT_EQ(error_of([&] { tree_->node(before); }), ESTALE);
  source_->drop_removed();
  write("name/" + first, 0);
  EXPECT_EQ(id(first), before);
}

/// Whoever may write into the snapshot's directory could stop all threads by it, one after the other.
TEST(MountedSnapshot, AManifestThatBecomesAPipeIsNotThereAnyMore) {
  test::TemporaryDirectory directory;
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_directory("", 2, 0755, {}), 1);
  Log log([](const std::string&) {});
  Source source(path, log);
  Tree tree(source, AclPolicy{}, TotalsOptions{});
  std::uint64_t views = tree.look_up(root_node, ".pwalk").node.value().id;
  std::uint64_t manifest = tree.look_up(views, "snapshot.json").node.value().id;
  std::string text = tree.read(manifest, 0, 1 << 20);
  EXPECT_EQ(text, test::read_bytes(path + "/manifest.json"));
  auto error_of_reading = [&] {
    try {
      tree.read(manifest, 0, 1 << 20);
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  };
  fs::rename(path + "/manifest.json", path + "/old");
  EXPECT_EQ(error_of_reading(), ESTALE);
  ASSERT_EQ(::mkfifo((path + "/manifest.json").c_str(), 0600), 0);
  EXPECT_EQ(error_of_reading(), ESTALE);
  fs::remove(path + "/manifest.json");
  test::write_bytes(path + "/manifest.json", text);
  EXPECT_EQ(error_of_reading(), ESTALE) << "another file";
  fs::remove(path + "/manifest.json");
  fs::rename(path + "/old", path + "/manifest.json");
  EXPECT_EQ(error_of_reading(), 0);
}

/// Of which year that would be no calendar says.
TEST(MountedSnapshot, AStartBeyondAllYearsKeepsNoView) {
  test::TemporaryDirectory directory;
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_directory("", 2, 0755, {}), 1);
  test::SnapshotEditor editor(path);
  editor.manifest().start = editor.manifest().end = {std::int64_t{1} << 62, 0};
  editor.save();
  Log log([](const std::string&) {});
  Source source(path, log);
  Tree tree(source, AclPolicy{}, TotalsOptions{});
  std::uint64_t views = tree.look_up(root_node, ".pwalk").node.value().id;
  Listed listed;
  EXPECT_EQ(tree.list(views, 0, listed), 0);
  EXPECT_EQ(listed.types.size(), 9u);
}

TEST_F(MountedStore, NamesTooLongAreNotTold) {
  EXPECT_EQ(error_of_look_up(std::string(300, 'x')), ENAMETOOLONG);
  EXPECT_TRUE(said_.empty());
}

}  // namespace
}  // namespace pwalk::mount
