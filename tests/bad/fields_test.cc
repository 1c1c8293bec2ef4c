// Field by field: whatever a field may not be is found by the rule that the page gives for it, whatever its
// neighbours hold. (One case for each rule, and what a reader makes of it, is in catalogue_test.cc.)
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "snapshot/check.h"
#include "snapshot/format.h"
#include "snapshot/snapshot.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

using test::SnapshotEditor;
using Edit = std::function<void(SnapshotEditor&)>;

class Fields : public testing::Test {
 protected:
  /// The rules that the check names for the sample after `edit`.
  std::set<std::string> rules_after(const Edit& edit) {
    std::string path = directory_.path("snapshot" + std::to_string(written_++));
    test::write_sample(path, test::sample_tree(), 2);
    SnapshotEditor editor(path);
    edit(editor);
    editor.save();
    std::set<std::string> rules;
    report_ = snapshot::check_snapshot(path);
    for (const snapshot::Problem& problem : report_.problems) rules.insert(problem.rule);
    return rules;
  }
  void expect(const std::string& rule, const char* what, const Edit& edit) {
    EXPECT_EQ(rules_after(edit), std::set<std::string>{rule}) << what;
  }
  template <class Value, class Record>
  static auto set(Value Record::*field, std::uint64_t value) {
    return [=](Record& record) { record.*field = static_cast<Value>(value); };
  }
  template <class Value>
  void attributes(const char* rule, const char* name, Value format::Attributes::*field, std::uint64_t value) {
    expect(rule, name, [=](SnapshotEditor& editor) { editor.change_attributes(name, set(field, value)); });
  }
  template <class Value>
  void entry(const char* rule, const char* name, Value format::Entry::*field, std::uint64_t value) {
    expect(rule, name, [=](SnapshotEditor& editor) { editor.change_entry(name, set(field, value)); });
  }
  template <class Value>
  void directory(const char* rule, const char* name, Value format::Directory::*field, std::uint64_t value) {
    expect(rule, name, [=](SnapshotEditor& editor) { editor.change_directory(name, set(field, value)); });
  }
  void wide(const char* rule, const std::function<void(format::Wide&)>& change) {
    expect(rule, "old", [=](SnapshotEditor& editor) {
      snapshot::Place place = editor.entry("old");
      auto record = editor.get<format::Entry>(place.shard, format::array_entries, place.index);
      editor.change<format::Wide>(place.shard, format::array_wide, record.size, change);
    });
  }
  /// Lets an error record say that `call` failed for entry `name`.
  std::set<std::string> rules_of_call(const char* name, std::uint16_t call) {
    return rules_after([=](SnapshotEditor& editor) {
      snapshot::Place place = editor.entry(name);
      for (std::uint32_t shard = 0; shard < editor.manifest().shards.size(); ++shard) {
        if (editor.records(shard, format::array_errors) == 0) continue;
        editor.change<format::Error>(shard, format::array_errors, 0, [=](format::Error& error) {
          error.entry_shard = place.shard;
          error.entry = place.index;
          error.call = call;
        });
        return;
      }
    });
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
  int written_ = 0;
  snapshot::CheckReport report_;
};

TEST_F(Fields, NothingIsKnownOfAnEntryWithoutAStat) {
  attributes("A5", "no_stat", &format::Attributes::uid, 1);
  attributes("A5", "no_stat", &format::Attributes::gid, 1);
  attributes("A5", "no_stat", &format::Attributes::nlink, 1);
  attributes("A5", "no_stat", &format::Attributes::device_index, 1);
  attributes("A5", "no_stat", &format::Attributes::blksize, 4096);
  attributes("A5", "no_stat", &format::Attributes::rdev, 1);
  attributes("A2", "no_stat", &format::Attributes::mode, 0);
  entry("A5", "no_stat", &format::Entry::blocks_low, 1);
  entry("A5", "no_stat", &format::Entry::blocks_high_or_directory, 1);
  entry("A5", "no_stat", &format::Entry::atime, 1);
  entry("A5", "no_stat", &format::Entry::mtime, 1);
  entry("A5", "no_stat", &format::Entry::ctime, 1);
  entry("A5", "no_stat", &format::Entry::size, 1);
}

TEST_F(Fields, AWideEntrysOwnFieldsAreEmpty) {
  entry("E3", "old", &format::Entry::blocks_low, 1);
  entry("E3", "old", &format::Entry::blocks_high_or_directory, 1);
  entry("E3", "old", &format::Entry::atime, 1);
  entry("E3", "old", &format::Entry::mtime, 1);
  entry("E3", "old", &format::Entry::ctime, 1);
  entry("E3", "old", &format::Entry::inode, 1);
  entry("E3", "old", &format::Entry::btime, 1);
}

TEST_F(Fields, WideTimesAreInTheirRange) {
  wide("E3", set(&format::Wide::atime_nanoseconds, 1'000'000'000));
  wide("E3", set(&format::Wide::mtime_nanoseconds, 1'000'000'000));
  wide("E3", set(&format::Wide::ctime_nanoseconds, 1'000'000'000));
  wide("E3", set(&format::Wide::btime_nanoseconds, 1'000'000'000));
  wide("E3", [](format::Wide& wide) {
    wide.flags = 0;
    wide.btime_seconds = 0;
    wide.btime_nanoseconds = 1;
  });
  wide("E3", [](format::Wide& wide) {
    wide.flags = 0;
    wide.btime_seconds = 1;
    wide.btime_nanoseconds = 0;
  });
  EXPECT_TRUE(rules_after([](SnapshotEditor& editor) {
                snapshot::Place place = editor.entry("old");
                auto record = editor.get<format::Entry>(place.shard, format::array_entries, place.index);
                editor.change<format::Wide>(place.shard, format::array_wide, record.size,
                                            [](format::Wide& wide) {
                                              wide.flags = 0;
                                              wide.btime_seconds = wide.btime_nanoseconds = 0;
                                            });
              }).empty())
      << "a birth time may be missing";
}

TEST_F(Fields, DirectoriesKeepToTheirForm) {
  for (int word : {0, 1})
    expect("D9", "reserved", [=](SnapshotEditor& editor) {
      editor.change_directory("empty", [=](format::Directory& record) { record.reserved[word] = 1; });
    });
  directory("T1", "empty", &format::Directory::newest_mtime_nanoseconds, 1'000'000'000);
  directory("D2", "partial", &format::Directory::error, 0);
  directory("D2", "excluded", &format::Directory::error, 1);
  directory("D7", "empty", &format::Directory::flags, 0x8000);
  directory("D5", "empty", &format::Directory::parent_shard, 77);
  for (std::uint16_t state : {format::state_failed, format::state_vanished, format::state_not_reached})
    expect("D8", "children of what was not listed", [=](SnapshotEditor& editor) {
      editor.change_directory("deep", [=](format::Directory& record) {
        record.state = state;
        record.error = 5;
      });
    });
}

TEST_F(Fields, EachTotalIsWhatTheEntriesGive) {
  for (auto field :
       {&format::Directory::entries, &format::Directory::files, &format::Directory::directories,
        &format::Directory::symlinks, &format::Directory::apparent_bytes, &format::Directory::directory_bytes,
        &format::Directory::disk_bytes, &format::Directory::errors})
    expect("T1", "a total", [=](SnapshotEditor& editor) {
      editor.change_directory("deep", [=](format::Directory& record) { record.*field += 1; });
    });
  for (auto field : {&format::Directory::excess_inodes, &format::Directory::excess_apparent,
                     &format::Directory::excess_disk})
    expect("T2", "an excess", [=](SnapshotEditor& editor) {
      editor.change_directory("deep", [=](format::Directory& record) { record.*field += 1; });
    });
  for (auto field : {&format::Directory::newest_mtime_seconds, &format::Directory::newest_ctime_seconds})
    expect("T1", "a time", [=](SnapshotEditor& editor) {
      editor.change_directory("deep", [=](format::Directory& record) { record.*field += 1; });
    });
}

TEST_F(Fields, ErrorsFitWhatTheyAreOf) {
  using Set = std::set<std::string>;
  const std::vector<std::uint16_t> of_directories = {format::call_openat, format::call_getdents64,
                                                     format::call_fgetxattr};
  for (std::uint16_t call : of_directories) {
    EXPECT_TRUE(rules_of_call("text", call).count("R3")) << call;
    EXPECT_FALSE(rules_of_call("empty", call).count("R3")) << call;
  }
  EXPECT_TRUE(rules_of_call("link", format::call_readlinkat).count("R3")) << "its target is known";
  EXPECT_TRUE(rules_of_call("text", format::call_readlinkat).count("R3"));
  EXPECT_FALSE(rules_of_call("unreadable_link", format::call_readlinkat).count("R3"));
  for (const char* name : {"text", "empty", "link"})
    EXPECT_FALSE(rules_of_call(name, format::call_statx).count("R3"));
  EXPECT_EQ(rules_of_call("text", format::last_call + 1), Set{"R2"});
}

TEST_F(Fields, TheManifestsCountsAreTheTrees) {
  using snapshot::Manifest;
  const std::vector<std::pair<const char*, std::function<void(Manifest&)>>> changes = {
      {"call", [](Manifest& manifest) { manifest.errors[0].call += 1; }},
      {"errno", [](Manifest& manifest) { manifest.errors[0].error += 1; }},
      {"number", [](Manifest& manifest) { manifest.errors[0].errors += 1; }},
      {"one less", [](Manifest& manifest) { manifest.errors.pop_back(); }},
      {"uid", [](Manifest& manifest) { manifest.by_uid[1000].entries += 1; }},
      {"gid", [](Manifest& manifest) { manifest.by_gid.erase(100); }},
      {"another gid", [](Manifest& manifest) { manifest.by_gid[101] = {}; }},
      {"unread", [](Manifest& manifest) { manifest.unread.erase(format::state_vanished); }},
      {"newest ctime", [](Manifest& manifest) { manifest.totals.newest_ctime.seconds -= 1; }},
  };
  for (const auto& [what, change] : changes)
    expect("M6", what, [&apply = change](SnapshotEditor& editor) { apply(editor.manifest()); });
  expect("M7", "smallest inode", [](SnapshotEditor& editor) { editor.manifest().devices[0].inode_min -= 1; });
}

TEST_F(Fields, ADeviceWithoutEntriesHasNoRange) {
  EXPECT_TRUE(rules_after([](SnapshotEditor& editor) {
                editor.manifest().devices.push_back({99, 1, "ext4", 0, 0});
              }).empty());
  expect("M7", "a range of nothing", [](SnapshotEditor& editor) {
    editor.manifest().devices.push_back({99, 1, "ext4", 0, 1});
  });
}

/// Gives `beta` an ACL record of its own form.
Edit with_acl(const std::function<void(format::Acl&)>& change) {
  return [=](SnapshotEditor& editor) {
    snapshot::Place place = editor.directory("beta");
    auto record = editor.get<format::Directory>(place.shard, format::array_directories, place.index);
    editor.change<format::Acl>(record.child_shard, format::array_acls, record.acl, change);
  };
}

TEST_F(Fields, AclsHaveALength) {
  expect("D10", "no bytes at all",
         with_acl([](format::Acl& acl) { acl.access_bytes = acl.default_bytes = 0; }));
  expect("D10", "access", with_acl([](format::Acl& acl) { acl.access_bytes = format::acl_value_limit + 1; }));
  expect("D10", "default",
         with_acl([](format::Acl& acl) { acl.default_bytes = format::acl_value_limit + 1; }));
  expect("D10", "beyond the array", with_acl([](format::Acl& acl) { acl.default_bytes = 1000; }));
}

TEST_F(Fields, AReaderOfAclsBelievesNoLength) {
  for (auto change : std::vector<std::function<void(format::Acl&)>>{
           [](format::Acl& acl) { acl.access_bytes = acl.default_bytes = 0; },
           [](format::Acl& acl) { acl.access_bytes = format::acl_value_limit + 1; },
           [](format::Acl& acl) { acl.default_bytes = format::acl_value_limit + 1; },
           [](format::Acl& acl) { acl.default_bytes = 1000; }}) {
    rules_after(with_acl(change));
    auto snapshot = snapshot::Snapshot::open(directory_.path("snapshot" + std::to_string(written_ - 1)));
    snapshot::Directory beta = snapshot->directory_of(*snapshot->resolve("beta"));
    try {
      snapshot->acl(beta);
      ADD_FAILURE();
    } catch (const FormatError& error) {
      EXPECT_EQ(error.rule(), "D6");
    }
  }
}

TEST_F(Fields, TheCheckEndsWhereEnoughWasFound) {
  std::string path = directory_.path("many");
  test::write_sample(path, test::sample_tree(), 2);
  SnapshotEditor editor(path);
  for (const char* name : {"alpha", "beta", "deep", "huge", "empty"})
    editor.change_directory(name, [](format::Directory& record) { record.disk_bytes += 1; });
  editor.save();
  for (std::uint64_t limit : {0u, 1u, 2u, 3u}) {
    snapshot::CheckReport report = snapshot::check_snapshot(path, {1, limit});
    EXPECT_EQ(report.problems.size(), std::max<std::uint64_t>(limit, 1));
    EXPECT_TRUE(report.ended_early);
    EXPECT_FALSE(report.derived_checked);
  }
  snapshot::CheckReport report = snapshot::check_snapshot(path, {1, 100});
  EXPECT_GE(report.problems.size(), 4u);
  EXPECT_FALSE(report.ended_early);
  EXPECT_TRUE(report.structure_checked && report.derived_checked);
}

// ---- what a reader is asked for that is not there

class Reader : public Fields {
 protected:
  Reader() {
    test::write_sample(directory_.path("sample"), test::sample_tree(), 2);
    snapshot_ = snapshot::Snapshot::open(directory_.path("sample"));
  }
  template <class Action>
  static std::string rule_of(Action action) {
    try {
      action();
    } catch (const FormatError& error) {
      return error.rule();
    }
    return "";
  }
  std::shared_ptr<const snapshot::Snapshot> snapshot_;
};

TEST_F(Reader, PathsLeadToEntriesAndNowhereElse) {
  for (const char* path : {"", ".", "/", "./", "alpha", "/alpha", "alpha/", "alpha/.", "alpha//deep",
                           "alpha/text", "./alpha/./text"})
    EXPECT_TRUE(snapshot_->resolve(path)) << path;
  for (const char* path : {"..", "alpha/..", "none", "alpha/none", "alpha/text/.", "alpha/text/x", "zzz", "0",
                           "empty/x", "link/text"})
    EXPECT_FALSE(snapshot_->resolve(path)) << path;
  EXPECT_EQ(snapshot_->resolve("alpha/text")->name, "text");
  EXPECT_TRUE(snapshot_->resolve("alpha/..") == std::nullopt);
}

TEST_F(Reader, EveryNameIsFound) {
  std::vector<snapshot::Directory> pending{snapshot_->root_directory()};
  unsigned found = 0;
  while (!pending.empty()) {
    snapshot::Directory at = pending.back();
    pending.pop_back();
    for (std::uint32_t i = 0; i < at.record.child_count; ++i, ++found) {
      snapshot::Entry child = snapshot_->child(at, i);
      auto same = snapshot_->find(at, child.name);
      ASSERT_TRUE(same) << child.name;
      EXPECT_TRUE(same->place == child.place);
      EXPECT_FALSE(snapshot_->find(at, std::string(child.name) + "x"));
      EXPECT_TRUE(snapshot_->place_of(snapshot_->number_of(child.place)) == child.place);
    }
    for (std::uint32_t i = 0; i < at.record.dir_count; ++i) {
      pending.push_back(snapshot_->subdirectory(at, i));
      EXPECT_TRUE(snapshot_->parent_of(pending.back()).place == at.place);
      EXPECT_FALSE(snapshot_->path_of(pending.back()).empty());
    }
  }
  EXPECT_EQ(found + 1, snapshot_->entry_count());
  EXPECT_FALSE(snapshot_->place_of(snapshot_->entry_count()));
  EXPECT_FALSE(snapshot_->place_of(~std::uint64_t{0}));
  EXPECT_EQ(snapshot_->path_of(snapshot_->root_directory()), "");
  EXPECT_EQ(snapshot_->path_of(snapshot_->directory_of(*snapshot_->resolve("alpha/deep"))), "alpha/deep");
  EXPECT_TRUE(snapshot_->parent_of(snapshot_->root_directory()).is_root());
}

TEST_F(Reader, PositionsThatAreNotThereAreRefused) {
  snapshot::Directory root = snapshot_->root_directory();
  EXPECT_EQ(rule_of([&] { snapshot_->child(root, root.record.child_count); }), "D3");
  EXPECT_EQ(rule_of([&] { snapshot_->subdirectory(root, root.record.dir_count); }), "D4");
  EXPECT_EQ(rule_of([&] { snapshot_->directory_of(*snapshot_->resolve("alpha/text")); }), "E2");
}

}  // namespace
}  // namespace pwalk
