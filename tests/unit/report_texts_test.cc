// The texts that the views are made of: times, names of all bytes, lengths that tell nothing.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "report/child_totals.h"
#include "report/entry_json.h"
#include "report/iso_time.h"
#include "report/scanned_path.h"
#include "report/subtree_summary.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::report {
namespace {

TEST(IsoTime, HasNineDigitsAndEveryYear) {
  EXPECT_EQ(iso_time({0, 0}), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(iso_time({1795565446, 5}), "2026-11-25T00:10:46.000000005Z");
  EXPECT_EQ(iso_time({-1, 999999999}), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(iso_time({253402300800, 0}), "10000-01-01T00:00:00.000000000Z");
  EXPECT_EQ(iso_time({-62198755200, 0}), "-001-01-01T00:00:00.000000000Z");
  EXPECT_EQ(iso_time({std::numeric_limits<std::int64_t>::max(), 0}), "");
}

class Texts : public testing::Test {
 protected:
  std::shared_ptr<const snapshot::Snapshot> write(const test::SampleNode& root) {
    ++written_;
    test::write_sample(last_path(), root, 1);
    return snapshot::Snapshot::open(last_path());
  }
  std::string last_path() const { return directory_.path(std::to_string(written_)); }

 private:
  int written_ = 0;
  test::TemporaryDirectory directory_;
};

TEST_F(Texts, NamesOfAnyBytesComeBack) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/') all += static_cast<char>(byte);
  }
  for (const std::string& name : {all, std::string("\xff\xfe"), std::string("100%41"),
                                  std::string("caf\xc3\xa9"), std::string("\"\\\n")}) {
    auto snapshot = write(test::sample_directory("", 2, 0755, {test::sample_directory(name, 3, 0755, {})}));
    snapshot::Entry entry = snapshot->resolve(name).value();
    auto json = nlohmann::json::parse(entry_json(*snapshot, entry, {name, std::nullopt}, {}));
    EXPECT_EQ(percent_decode(json["name"].get<std::string>()), name);
    EXPECT_EQ(percent_decode(json["user"].get<std::string>()), name);
    EXPECT_TRUE(json["group"].is_null());
    auto own = nlohmann::json::parse(own_json(*snapshot, entry, {}, {}));
    EXPECT_EQ(percent_decode(own["path"].get<std::string>()), snapshot->manifest().root + "/" + name);
    std::string line = child_line(entry, child_totals(*snapshot, entry));
    EXPECT_EQ(line.find_first_of("\x1b\x7f"), std::string::npos);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
  }
}

/// The root's texts must have one length, and say something else, for a small and for a very large file.
TEST_F(Texts, LengthsDoNotDependOnTheSubtree) {
  auto with = [&](std::uint64_t bytes, int files) {
    std::vector<test::SampleNode> children;
    for (int i = 0; i < files; ++i)
      children.push_back(
          test::sample_file("f" + std::to_string(i), static_cast<std::uint64_t>(i) + 10, bytes));
    return write(test::sample_directory("", 2, 0755, {test::sample_directory("d", 3, 0700, children)}));
  };
  auto few = with(1, 1);
  auto many = with(std::uint64_t{1} << 60, 300);
  snapshot::Directory a = few->root_directory();
  snapshot::Directory b = many->root_directory();
  EXPECT_EQ(summary_json(*few, a, "n").size(), summary_json(*many, b, "n").size());
  EXPECT_EQ(summary_json(*few, a, "n").size(), summary_json_bytes(*few, a, "n"));
  EXPECT_EQ(summary_text(*few, a, "n").size(), summary_text(*many, b, "n").size());
  EXPECT_EQ(summary_text(*few, a, "n").size(), summary_text_bytes(*few, a, "n"));
  EXPECT_NE(summary_json(*few, a, "n"), summary_json(*many, b, "n"));
  EXPECT_NE(summary_text(*few, a, "n"), summary_text(*many, b, "n"));
  snapshot::Entry d = few->resolve("d").value();
  snapshot::Entry e = many->resolve("d").value();
  EXPECT_EQ(own_json(*few, d, {}, {}).size(), own_json(*many, e, {}, {}).size());
  EXPECT_EQ(own_json(*few, d, {}, {}).size(), own_json_bytes(*few, d, {}, {}));
  EXPECT_NE(own_json(*few, d, {}, {}), own_json(*many, e, {}, {}));
}

TEST_F(Texts, APathBeyondAllReasonIsLeftOut) {
  test::SampleNode deep = test::sample_directory(std::string(255, 'x'), 1000, 0755, {});
  for (std::uint64_t level = 1; level < 300; ++level)
    deep = test::sample_directory(std::string(255, 'x'), 1000 + level, 0755, {deep});
  auto snapshot = write(test::sample_directory("", 2, 0755, {deep}));
  snapshot::Directory at = snapshot->root_directory();
  std::size_t with_path = 0;
  while (at.record.dir_count > 0) {
    at = snapshot->subdirectory(at, 0);
    auto path = scanned_path(*snapshot, at);
    EXPECT_EQ(path.has_value(), snapshot->manifest().root.size() + at.record.depth * 256 <= path_bytes_max);
    with_path += path.has_value() ? 1 : 0;
  }
  EXPECT_EQ(with_path, 255u);
  EXPECT_TRUE(
      nlohmann::json::parse(own_json(*snapshot, snapshot->entry(at.entry()), {}, {}))["path"].is_null());
}

/// Names of one byte: no path of 4,096 levels is long, but the way up is.
TEST_F(Texts, APathOfTooManyLevelsIsLeftOut) {
  test::SampleNode deep = test::sample_directory("x", 1000, 0755, {});
  for (std::uint64_t level = 1; level < path_levels_max + 2; ++level) {
    std::vector<test::SampleNode> below;  // a list in braces would copy all levels for each
    below.push_back(std::move(deep));
    deep = test::sample_directory("x", 1000 + level, 0755, std::move(below));
  }
  auto snapshot = write(test::sample_directory("", 2, 0755, {deep}));
  std::uint32_t with_path = 0;
  for (snapshot::Directory at = snapshot->root_directory(); at.record.dir_count > 0;) {
    at = snapshot->subdirectory(at, 0);
    if (at.record.depth < path_levels_max - 1) continue;
    with_path += scanned_path(*snapshot, at).has_value() ? 1 : 0;
  }
  EXPECT_EQ(with_path, 2u);
}

TEST_F(Texts, NamesAndTargetsBeyondAllReasonAreLeftOut) {
  std::string longest(path_bytes_max, 'x');
  auto snapshot = write(test::sample_directory(
      "", 2, 0755,
      {test::sample_symlink("a", 3, longest), test::sample_symlink("b", 4, longest + "x"),
       test::sample_file(longest, 5, 1), test::sample_file(longest + "x", 6, 1)}));
  KeptErrorIndex errors;
  auto json = [&](const std::string& name) {
    return nlohmann::json::parse(entry_json(*snapshot, snapshot->resolve(name).value(), {}, errors));
  };
  EXPECT_EQ(json("a")["target"], longest);
  EXPECT_TRUE(json("b")["target"].is_null());
  EXPECT_EQ(json("b")["errors"], nlohmann::json::array());
  EXPECT_EQ(json(longest)["name"], longest);
  EXPECT_TRUE(json(longest + "x")["name"].is_null());
}

test::SampleNode file_without_stat(const std::string& name, std::uint64_t inode) {
  test::SampleNode file = test::sample_file(name, inode, 1);
  file.has_stat = false;
  file.stat_error = EIO;
  return file;
}

TEST_F(Texts, ErrorsOfAnEntryHaveTheirNumberLimited) {
  write(test::sample_directory("", 2, 0755,
                               {file_without_stat("a", 3), file_without_stat("b", 4),
                                test::sample_file("c", 5, 1), test::sample_directory("d", 6, 0755, {})}));
  test::SnapshotEditor editor(last_path());
  auto add = [&](const char* name, std::uint16_t call, std::uint16_t errno_value, std::uint64_t times) {
    snapshot::Place place = editor.entry(name);
    while (times-- > 0)
      editor.put(0, format::array_errors, editor.records(0, format::array_errors),
                 format::Error{place.shard, place.index, call, errno_value, 0});
  };
  add("d", format::call_fgetxattr, EACCES, 1);
  add("a", format::call_statx, ESTALE, 249);
  add("d", format::call_openat, EPERM, 1);
  add("b", format::call_statx, ENOMEM, 99);
  editor.change_directory("d", [](format::Directory& directory) {
    directory.state = format::state_failed;
    directory.error = EPERM;
  });
  editor.save();
  auto snapshot = snapshot::Snapshot::open(last_path());
  KeptErrorIndex errors;
  auto json = [&](const char* name) {
    return nlohmann::json::parse(entry_json(*snapshot, snapshot->resolve(name).value(), {}, errors));
  };
  auto a = json("a"), b = json("b"), c = json("c"), d = json("d");
  EXPECT_EQ(a["errors"].size(), 100u);
  EXPECT_EQ(a["errors_left_out"], 150);
  EXPECT_EQ(b["errors"].size(), 100u);
  EXPECT_FALSE(b.contains("errors_left_out"));
  EXPECT_EQ(c["errors"], nlohmann::json::array());
  ASSERT_EQ(d["errors"].size(), 2u);
  EXPECT_EQ(d["errors"][0]["name"], "EPERM");
  EXPECT_EQ(d["errors"][1]["call"], "fgetxattr");
  auto own = own_json(*snapshot, snapshot->resolve("d").value(), {}, errors);
  EXPECT_EQ(own.size(), own_json_bytes(*snapshot, snapshot->resolve("d").value(), {}, errors));
  EXPECT_EQ(nlohmann::json::parse(own)["errors"], d["errors"]);
}

TEST_F(Texts, ErrorsAreReadOnce) {
  std::vector<test::SampleNode> files;
  for (std::uint64_t i = 0; i < 100; ++i) files.push_back(file_without_stat("f" + std::to_string(i), 10 + i));
  auto snapshot = write(test::sample_directory("", 2, 0755, files));
  KeptErrorIndex errors;
  auto errors_of = [&](const char* name) {
    return nlohmann::json::parse(
        entry_json(*snapshot, snapshot->resolve(name).value(), {}, errors))["errors"];
  };
  auto before = errors_of("f1");
  std::filesystem::resize_file(last_path() + "/00000000.errors", 4096);
  EXPECT_EQ(errors_of("f1"), before);
  EXPECT_EQ(errors_of("f99").size(), 1u);
  KeptErrorIndex others;
  EXPECT_THROW(others.of(*snapshot), FormatError);
  EXPECT_THROW(others.of(*snapshot), FormatError);
}

TEST_F(Texts, TooManyErrorsAreNotIndexed) {
  auto snapshot =
      write(test::sample_directory("", 2, 0755, {file_without_stat("a", 3), file_without_stat("b", 4)}));
  KeptErrorIndex errors;
  EXPECT_EQ(errors.of(*snapshot, 1), nullptr);
  EXPECT_NE(errors.of(*snapshot, 2), nullptr);

  test::SnapshotEditor editor(last_path());
  auto& records = editor.array(0, format::array_errors).records;
  std::string one = records.substr(0, sizeof(format::Error));
  auto grow_to = [&](std::uint64_t number) {
    records.reserve(number * one.size());
    while (records.size() < number * one.size()) records += one;
    editor.save();
    auto grown = snapshot::Snapshot::open(last_path());
    KeptErrorIndex index;
    return nlohmann::json::parse(entry_json(*grown, grown->resolve("a").value(), {}, index));
  };
  auto most = grow_to(KeptErrorIndex::records_max);
  EXPECT_EQ(most["errors"].size(), 100u);
  auto more = grow_to(KeptErrorIndex::records_max + 1);
  EXPECT_TRUE(more["errors"].is_null());
}

}  // namespace
}  // namespace pwalk::report
