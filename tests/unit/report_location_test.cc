// SNAPSHOT[/PATH]: where the snapshot ends and the path in it begins, and what is said where there is none.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <system_error>

#include "../support/temporary_directory.h"
#include "../support/tiny_scan.h"
#include "report/location.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"

namespace pwalk::report {
namespace {

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "no error";
}

class LocationTest : public ::testing::Test {
 protected:
  LocationTest() {
    directory_.make_directory("live/usr/share");
    directory_.write_file("live/usr/file", "12345");
    directory_.make_directory("store/name");
    test::TinyScan(directory_.path("live"), directory_.path("store/name/time"));
    std::filesystem::create_symlink("time", directory_.path("store/name/latest"));
  }

  std::string path(const std::string& name) const { return directory_.path(name); }
  std::string message(const std::string& argument) const {
    return message_of([&] { locate(argument); });
  }

  test::TemporaryDirectory directory_;
};

TEST_F(LocationTest, SnapshotAlone) {
  for (const char* ending : {"", "/", "//", "/.", "/./"}) {
    Location location = locate(path("store/name/time") + ending);
    EXPECT_EQ(location.inner_path, "") << ending;
    EXPECT_EQ(location.scanned_path(), path("live")) << ending;
    EXPECT_EQ(location.entry.place, (snapshot::Place{0, 0})) << ending;
  }
}

TEST_F(LocationTest, PathInside) {
  Location location = locate(path("store/name/latest") + "/usr//./share/");
  EXPECT_EQ(location.snapshot_path, path("store/name/latest"));
  EXPECT_EQ(location.inner_path, "usr/share");
  EXPECT_EQ(location.scanned_path(), path("live/usr/share"));
  EXPECT_EQ(location.entry.name, "share");
  EXPECT_TRUE(location.entry.is_directory());
  EXPECT_EQ(locate(path("store/name/latest/usr/file")).entry.apparent_bytes, 5u);
}

TEST_F(LocationTest, TheLongestPrefixThatIsASnapshotIsTaken) {
  // A snapshot that lies in another snapshot's directory hides the path of the same name in the outer one.
  test::TinyScan(directory_.path("live/usr"), directory_.path("store/name/time/usr"));
  EXPECT_EQ(locate(path("store/name/time/usr/share")).snapshot_path, path("store/name/time/usr"));
  EXPECT_EQ(locate(path("store/name/time")).snapshot_path, path("store/name/time"));
}

TEST_F(LocationTest, RelativeArguments) {
  auto before = std::filesystem::current_path();
  std::filesystem::current_path(path("store/name"));
  EXPECT_EQ(locate("latest/usr").inner_path, "usr");
  std::filesystem::current_path(path("store/name/time"));
  EXPECT_EQ(locate("./usr/share").inner_path, "usr/share");
  EXPECT_EQ(locate(".").inner_path, "");
  std::filesystem::current_path(before);
}

TEST_F(LocationTest, ScannedPathInTheRootDirectoryHasOneSlash) {
  Location location = locate(path("store/name/time/usr"));
  auto snapshot = location.snapshot;
  const_cast<snapshot::Manifest&>(snapshot->manifest()).root = "/";
  EXPECT_EQ(location.scanned_path(), "/usr");
}

TEST_F(LocationTest, PathThatIsNotThere) {
  std::string snapshot = path("store/name/time");
  EXPECT_EQ(message(snapshot + "/usr/none\n/x"),
            "cannot find 'usr/none\\n/x' in snapshot '" + snapshot + "': No such file or directory");
  EXPECT_EQ(message(snapshot + "/usr/file/x"),
            "cannot find 'usr/file/x' in snapshot '" + snapshot + "': No such file or directory");
  EXPECT_EQ(message(snapshot + "/manifest.json"),
            "cannot find 'manifest.json' in snapshot '" + snapshot + "': No such file or directory");
  EXPECT_EQ(message(snapshot + "/usr/" + std::string(70000, 'x') + "/" + std::string(300, 'y')).substr(0, 17),
            "cannot find 'usr/");
}

TEST_F(LocationTest, Stores) {
  EXPECT_EQ(message(path("store/name")), "'" + path("store/name") +
                                             "' is a store: name a snapshot in it, such as '" +
                                             path("store/name/latest") + "': Is a directory");
  EXPECT_EQ(message(path("store/")), "'" + path("store/") + "' is a store: name a snapshot in it, such as '" +
                                         path("store/name/latest") + "': Is a directory");
}

TEST_F(LocationTest, WhatIsNoSnapshot) {
  EXPECT_EQ(message(path("live")), "'" + path("live") +
                                       "' is not a snapshot: cannot find 'manifest.json' in it: No such file "
                                       "or directory");
  EXPECT_EQ(message(path("live/usr/file")),
            "'" + path("live/usr/file") + "' is not a snapshot: Not a directory");
  EXPECT_EQ(message(path("none/x")),
            "cannot find a snapshot at '" + path("none/x") + "': No such file or directory");
  EXPECT_EQ(message(""), "cannot find a snapshot at '': No such file or directory");
  EXPECT_EQ(message("/").substr(0, 23), "'/' is not a snapshot: ");
}

TEST_F(LocationTest, DamagedManifest) {
  directory_.write_file("store/name/time/manifest.json", "{}");
  EXPECT_THROW(locate(path("store/name/time")), FormatError);
}

TEST_F(LocationTest, WhatIsNewerIsNotDamaged) {
  EXPECT_EQ(trouble_text("a", FormatError("manifest.json", "/version", "M2", "is newer")),
            "'a' cannot be read: manifest.json, /version: is newer (rule M2)");
  EXPECT_EQ(trouble_text("a", FormatError("manifest.json", "", "M1", "no JSON")),
            "'a' is damaged: manifest.json: no JSON (rule M1)");
}

TEST_F(LocationTest, WhatCannotBeOpenedIsToldWithItsSnapshot) {
  std::filesystem::remove(path("store/name/time/manifest.json"));
  std::filesystem::create_directory(path("store/name/time/manifest.json"));
  EXPECT_TRUE(message(path("store/name/time"))
                  .starts_with("cannot open the snapshot '" + path("store/name/time") + "': "))
      << message(path("store/name/time"));
}

TEST_F(LocationTest, ALinkWithoutItsTargetFallsShort) {
  test::write_sample(path("sample"), test::sample_tree(), 1);
  EXPECT_EQ(shortfall(locate(path("sample/link"))), "");
  EXPECT_NE(shortfall(locate(path("sample/unreadable_link"))), "");
}

TEST_F(LocationTest, ShortfallIsOfTheSubtree) {
  EXPECT_EQ(shortfall(locate(path("store/name/time"))), "");
  test::TinyScan(path("live"), path("early"), false);
  EXPECT_EQ(shortfall(locate(path("early/usr/file"))), "the scan ended before it had reached everything");
}

/// Whoever took the records of all errors out of a snapshot has not made it one without errors.
TEST_F(LocationTest, ShortfallIsToldWithoutRecordsOfErrors) {
  test::write_sample(path("sample"), test::sample_tree(), 1);
  EXPECT_NE(shortfall(locate(path("sample"))), "");
  test::SnapshotEditor editor(path("sample"));
  editor.array(0, format::array_errors).records.clear();
  for (std::uint64_t index = 0; index < editor.records(0, format::array_directories); ++index)
    editor.change<format::Directory>(0, format::array_directories, index,
                                     [](format::Directory& directory) { directory.errors = 0; });
  editor.manifest().errors.clear();
  editor.manifest().totals.errors = 0;
  editor.save();
  EXPECT_NE(shortfall(locate(path("sample"))), "");
  EXPECT_NE(shortfall(locate(path("sample/failed"))), "");
  EXPECT_NE(shortfall(locate(path("sample/partial"))), "");
  EXPECT_EQ(shortfall(locate(path("sample/excluded"))), "");
}

}  // namespace
}  // namespace pwalk::report
