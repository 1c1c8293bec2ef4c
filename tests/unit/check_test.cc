// The full check on whole snapshots: what the writer writes passes, whatever the tree and however many
// workers; the hard-link excess is what its definition gives; and damage to bytes of any file is
// found. What each rule catches is in tests/bad.
// SPDX-License-Identifier: MIT
#include "snapshot/check.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <random>
#include <set>

#include "base/error.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"
#include "snapshot/snapshot.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

using snapshot::check_snapshot;
using snapshot::CheckReport;
using test::SampleNode;

std::string text_of(const CheckReport& report) {
  std::string text;
  for (const snapshot::Problem& problem : report.problems) text += problem.text + "\n";
  return text;
}

class Check : public testing::Test {
 protected:
  std::string write(const SampleNode& root, unsigned workers) {
    std::string path = directory_.path("snapshot" + std::to_string(written_++));
    test::write_sample(path, root, workers);
    return path;
  }
  void expect_whole(const std::string& path) {
    for (unsigned threads : {1u, 3u}) {
      CheckReport report = check_snapshot(path, {threads, 100});
      EXPECT_TRUE(report.whole()) << text_of(report);
      EXPECT_TRUE(report.structure_checked && report.derived_checked);
    }
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
  int written_ = 0;
};

TEST_F(Check, SampleIsWholeFromAnyNumberOfWorkers) {
  for (unsigned workers : {1u, 2u, 5u}) {
    std::string path = write(test::sample_tree(), workers);
    EXPECT_EQ(snapshot::Snapshot::open(path)->shard_count(), workers);
    expect_whole(path);
    CheckReport report = check_snapshot(path);
    EXPECT_EQ(report.entries, 27u);
    EXPECT_EQ(report.directories, 12u);
  }
}

TEST_F(Check, RootMayBeAFile) {
  expect_whole(write(test::sample_link("", test::sample_file("", 7, 100'000), 3), 1));
  expect_whole(write(test::sample_symlink("", 8, "somewhere"), 1));
  SampleNode unreadable = test::sample_symlink("", 9, "");
  unreadable.target_error = EIO;
  std::string path = write(unreadable, 1);
  expect_whole(path);
  EXPECT_EQ(snapshot::Snapshot::open(path)->manifest().totals.errors, 1u);
}

TEST_F(Check, EmptyRootIsWhole) {
  expect_whole(write(test::sample_directory("", 2, 0700, {}), 1));
}

TEST_F(Check, ManyBlocks) {
  std::vector<SampleNode> children;
  for (std::uint64_t i = 0; i < 5000; ++i)
    children.push_back(test::sample_file("a name of some length, number " + std::to_string(i), 100 + i, i));
  for (std::uint64_t i = 0; i < 1000; ++i)
    children.push_back(test::sample_directory("d" + std::to_string(i), 10'000 + i, 0755, {}));
  std::string path = write(test::sample_directory("", 2, 0755, std::move(children)), 3);
  expect_whole(path);
  // Each damaged block is named, and only those.
  std::string bytes = test::read_bytes(path + "/00000000.entries");
  for (std::uint64_t block : {1, 3}) bytes[format::records_offset + block * format::block_bytes + 77] ^= 1;
  test::write_bytes(path + "/00000000.entries", bytes);
  CheckReport report = check_snapshot(path);
  ASSERT_EQ(report.problems.size(), 2u) << text_of(report);
  EXPECT_EQ(report.problems[0].place, "block 1");
  EXPECT_EQ(report.problems[1].place, "block 3");
  EXPECT_FALSE(report.structure_checked);
}

TEST_F(Check, DeepChain) {
  SampleNode shared = test::sample_file("link", 500, 1000);
  SampleNode chain = test::sample_directory("d", 3, 0755, {test::sample_link("link", shared, 3)});
  for (std::uint64_t i = 0; i < 2000; ++i) {
    std::vector<SampleNode> children;
    children.push_back(std::move(chain));
    if (i == 1000) children.push_back(test::sample_link("link", shared, 3));
    chain = test::sample_directory("d", 1000 + i, 0755, std::move(children));
  }
  chain.name.clear();
  chain.children.push_back(test::sample_link("link", shared, 3));
  std::string path = write(chain, 2);
  expect_whole(path);
  EXPECT_EQ(snapshot::Snapshot::open(path)->manifest().totals.excess_apparent, 2000u);
}

// ---- random trees

/// A tree of `entries` names, many of them links of few inodes whose sizes differ.
SampleNode random_tree(std::mt19937_64& random, int entries) {
  std::vector<SampleNode> made{test::sample_directory("", 2, 0755, {})};
  std::vector<std::size_t> parents{0};
  std::vector<std::size_t> directories{0};
  for (int i = 1; i < entries; ++i) {
    parents.push_back(directories[random() % directories.size()]);
    std::string name = "n" + std::to_string(random() % 1000) + "." + std::to_string(i);
    if (random() % 4 == 0) {
      directories.push_back(made.size());
      made.push_back(test::sample_directory(name, 1000 + i, random() % 2 == 0 ? 0755 : 0700, {}));
      made.back().stat.stx_gid = 100 + static_cast<std::uint32_t>(random() % 2);
    } else if (random() % 2 == 0) {
      SampleNode file = test::sample_file(name, 500 + random() % 6, 4096 * (random() % 5));
      made.push_back(test::sample_link(name, file, 20));
      made.back().stat.stx_uid = 1000 + static_cast<std::uint32_t>(made.back().stat.stx_ino);
      made.back().device = static_cast<std::uint32_t>(random() % 2);
    } else {
      made.push_back(test::sample_file(name, 1000 + i, random() % 100'000));
      made.back().stat.stx_mtime.tv_sec = static_cast<std::int64_t>(random() % 1000) - 500;
    }
  }
  for (std::size_t i = made.size() - 1; i > 0; --i) made[parents[i]].children.push_back(std::move(made[i]));
  return std::move(made[0]);
}

using Inode = std::pair<std::uint32_t, std::uint64_t>;
using Links = std::map<Inode, std::vector<const SampleNode*>>;

/// The links below `node`, and the check of its excess against the definition.
void check_excess(const snapshot::Snapshot& snapshot, const SampleNode& node, const snapshot::Entry& entry,
                  Links& links) {
  snapshot::Directory directory = snapshot.directory_of(entry);
  for (const SampleNode& child : node.children) {
    if (child.is_directory()) {
      Links below;
      check_excess(snapshot, child, snapshot.find(directory, child.name).value(), below);
      for (auto& [inode, nodes] : below) links[inode].insert(links[inode].end(), nodes.begin(), nodes.end());
    } else if (child.stat.stx_nlink > 1) {
      links[{child.device, child.stat.stx_ino}].push_back(&child);
    }
  }
  std::uint64_t inodes = 0, apparent = 0, disk = 0;
  for (const auto& [inode, nodes] : links) {
    std::uint64_t largest_apparent = 0, largest_disk = 0;
    for (const SampleNode* link : nodes) {
      apparent += link->stat.stx_size;
      disk += link->stat.stx_blocks * 512;
      largest_apparent = std::max<std::uint64_t>(largest_apparent, link->stat.stx_size);
      largest_disk = std::max<std::uint64_t>(largest_disk, link->stat.stx_blocks * 512);
    }
    inodes += nodes.size() - 1;
    apparent -= largest_apparent;
    disk -= largest_disk;
  }
  EXPECT_EQ(directory.record.excess_inodes, inodes);
  EXPECT_EQ(directory.record.excess_apparent, apparent);
  EXPECT_EQ(directory.record.excess_disk, disk);
}

TEST_F(Check, RandomTreesAreWholeAndTheirExcessIsAsDefined) {
  std::uint64_t with_excess = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    SampleNode tree = random_tree(random, 10 + static_cast<int>(random() % 150));
    std::string path = write(tree, 1 + seed % 4);
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_whole(path);
    auto snapshot = snapshot::Snapshot::open(path);
    Links links;
    check_excess(*snapshot, tree, snapshot->root(), links);
    with_excess += snapshot->manifest().totals.excess_inodes > 0 ? 1 : 0;
  }
  EXPECT_GT(with_excess, 30u);
}

// ---- damage

/// Nothing about the snapshot can be said, or it is damaged; anything but whole.
bool is_found(const std::string& path) {
  try {
    return !check_snapshot(path).whole();
  } catch (const FormatError& error) {
    return error.rule() == snapshot::rule::manifest_version ||
           error.rule() == snapshot::rule::manifest_features;
  }
}

std::vector<std::string> files_of(const std::string& path) {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(path)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST_F(Check, FindsChangedBytes) {
  std::string path = write(test::sample_tree(), 2);
  std::size_t changes = 0;
  for (const std::string& file : files_of(path)) {
    const std::string whole = test::read_bytes(file);
    // A prime step: every residue of every field is met somewhere.
    for (std::size_t at = 0; at < whole.size(); at += 17) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
      test::write_bytes(file, changed);
      EXPECT_TRUE(is_found(path)) << file << " byte " << at;
      ++changes;
    }
    test::write_bytes(file, whole);
  }
  EXPECT_GT(changes, 3000u);
  expect_whole(path);
}

TEST_F(Check, FindsEveryLength) {
  std::string path = write(test::sample_tree(), 1);
  for (const std::string& file : files_of(path)) {
    const std::string whole = test::read_bytes(file);
    for (std::size_t length = 0; length < whole.size(); length += 31) {
      test::write_bytes(file, whole.substr(0, length));
      EXPECT_TRUE(is_found(path)) << file << " length " << length;
    }
    for (std::size_t more : {1, 8, 4096}) {
      test::write_bytes(file, whole + std::string(more, '\0'));
      EXPECT_TRUE(is_found(path)) << file << " longer by " << more;
    }
    test::write_bytes(file, whole);
  }
  expect_whole(path);
}

TEST_F(Check, SurvivesChangedRecordsWithRightHashes) {
  std::string path = write(test::sample_tree(), 2);
  const test::SnapshotEditor whole(path);
  std::mt19937_64 random(1);
  int found = 0;
  constexpr int rounds = 400;
  for (int round = 0; round < rounds; ++round) {
    test::SnapshotEditor editor(whole);
    std::uint32_t shard = static_cast<std::uint32_t>(random() % 2);
    std::uint32_t array = 1 + static_cast<std::uint32_t>(random() % (format::array_kinds - 1));
    std::string& records = editor.array(shard, array).records;
    if (records.empty()) continue;
    // Whole words too: an index of 2^32 - 1 is another kind of wrong than one that is near.
    std::size_t at = random() % records.size();
    std::size_t length = std::min<std::size_t>(records.size() - at, random() % 2 == 0 ? 1 : 4);
    for (std::size_t i = 0; i < length; ++i)
      records[at + i] = static_cast<char>(length == 1 ? random() : round % 3 == 0 ? 0 : 0xff);
    editor.save();
    found += check_snapshot(path).whole() ? 0 : 1;
  }
  // Access times, birth times and the like may have any value; most else may not.
  EXPECT_GT(found, rounds / 2);
}

/// A name that takes a millisecond to read, and a hundred thousand errors of its entry: it is read once.
TEST_F(Check, ManyErrorsOfAnEntryTakeNoLongerThanItsName) {
  test::SampleNode file = test::sample_file(std::string(8 << 20, 'x'), 3, 1);
  file.has_stat = false;
  file.stat_error = EIO;
  std::string path = write(test::sample_directory("", 2, 0755, {file}), 1);
  test::SnapshotEditor editor(path);
  auto error = editor.get<format::Error>(0, format::array_errors, 0);
  std::string& records = editor.array(0, format::array_errors).records;
  constexpr std::uint64_t errors = 100'000;
  for (std::uint64_t index = 1; index < errors; ++index)
    records.append(reinterpret_cast<const char*>(&error), sizeof error);
  editor.manifest().errors[0].errors = errors;
  editor.manifest().totals.errors = errors;
  editor.change_directory("", [](format::Directory& root) { root.errors = errors; });
  editor.save();
  auto begin = std::chrono::steady_clock::now();
  expect_whole(path);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(Check, FindsAttributesThatNoEntryHas) {
  std::string path = write(test::sample_tree(), 1);
  const test::SnapshotEditor whole(path);
  auto rule_with = [&](auto change) {
    test::SnapshotEditor editor(whole);
    auto record = editor.get<format::Attributes>(0, format::array_attributes, 0);
    change(record);
    editor.put(0, format::array_attributes, editor.records(0, format::array_attributes), record);
    editor.save();
    CheckReport report = check_snapshot(path);
    return report.problems.empty() ? "" : report.problems[0].rule;
  };
  using Attributes = format::Attributes;
  EXPECT_EQ(rule_with([](Attributes&) {}), "");
  EXPECT_EQ(rule_with([](Attributes& record) { record = {}; }), "A2");
  EXPECT_EQ(rule_with([](Attributes& record) { record.flags |= 0x8000; }), "A3");
  EXPECT_EQ(rule_with([](Attributes& record) { record.device_index = 99; }), "A4");
  EXPECT_EQ(rule_with([](Attributes& record) { record.flags |= format::flag_no_stat; }), "A5");
}

#ifndef PWALK_INSTRUMENTED  // a sanitizer needs memory of its own

TEST_F(Check, AttributesThatNoEntryHasTakeNoMemory) {
  std::string path = write(test::sample_tree(), 1);
  {
    test::SnapshotEditor editor(path);
    std::string& records = editor.array(0, format::array_attributes).records;
    std::string one = records.substr(0, sizeof(format::Attributes));
    for (int i = 0; i < 2'000'000; ++i) records += one;
    editor.save();
  }
  // The sums of each record would be 96 MB.
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_DATA, &before), 0);
  std::uint64_t data_kib = 0;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmData:" && status >> data_kib) break;
  struct rlimit tight = {data_kib * 1024 + (std::uint64_t{24} << 20), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_DATA, &tight), 0);
  bool is_whole = false;
  try {
    is_whole = check_snapshot(path, {1, 100}).whole();
  } catch (const std::bad_alloc&) {
  }
  ::setrlimit(RLIMIT_DATA, &before);
  EXPECT_TRUE(is_whole);
}

#endif

TEST_F(Check, EndsAtTheLimit) {
  std::string path = write(test::sample_tree(), 1);
  test::SnapshotEditor editor(path);
  std::uint64_t directories = editor.records(0, format::array_directories);
  for (std::uint64_t index = 0; index < directories; ++index)
    editor.change<format::Directory>(0, format::array_directories, index,
                                     [](format::Directory& record) { record.files += 1; });
  editor.save();
  CheckReport report = check_snapshot(path, {1, 4});
  EXPECT_TRUE(report.ended_early);
  EXPECT_EQ(report.problems.size(), 4u);
  EXPECT_EQ(report.problems[0].rule, "T1");
  report = check_snapshot(path, {1, 100});
  EXPECT_FALSE(report.ended_early);
  // Where there is exactly one subdirectory both sides are one more; the manifest differs from the root.
  std::uint64_t with_one = 2;  // alpha and beta
  EXPECT_EQ(report.problems.size(), directories - with_one + 1);
}

TEST_F(Check, ThreadsFindTheSame) {
  std::string path = write(test::sample_tree(), 3);
  test::SnapshotEditor editor(path);
  for (const char* name : {"alpha", "beta", "empty", "failed"})
    editor.change_directory(name, [](format::Directory& record) { record.fingerprint[3] ^= 1; });
  editor.save();
  std::string once = text_of(check_snapshot(path, {1, 100}));
  EXPECT_FALSE(once.empty());
  EXPECT_EQ(text_of(check_snapshot(path, {4, 100})), once);
}

TEST_F(Check, ProblemsAreFitForATerminal) {
  std::string path = write(test::sample_tree(), 1);
  test::write_bytes(path + "/\033[31mred\n", "");
  CheckReport report = check_snapshot(path);
  ASSERT_EQ(report.problems.size(), 1u);
  for (char byte : report.problems[0].text) EXPECT_GE(static_cast<unsigned char>(byte), 0x20);
}

// ---- what is no damage

TEST_F(Check, UnknownArrayIsIgnored) {
  std::string path = write(test::sample_tree(), 1);
  snapshot::Manifest manifest = snapshot::parse_manifest(test::read_bytes(path + "/manifest.json"));
  manifest.shards[0].files.push_back({0, "00000000.future", 6, 1, 0});
  test::write_bytes(path + "/manifest.json", to_text(manifest));
  test::write_bytes(path + "/00000000.future", "future");
  expect_whole(path);
  test::write_bytes(path + "/00000000.future", "futur");
  CheckReport report = check_snapshot(path);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].rule, "F1");
}

TEST_F(Check, NewerVersionIsNotDamage) {
  std::string path = write(test::sample_tree(), 1);
  std::string text = test::read_bytes(path + "/manifest.json");
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  test::write_bytes(path + "/manifest.json", text);
  EXPECT_THROW(check_snapshot(path), FormatError);
}

TEST_F(Check, WhatIsNoSnapshotIsTrouble) {
  EXPECT_THROW(check_snapshot(directory_.path("missing")), std::system_error);
  EXPECT_THROW(check_snapshot(directory_.path()), std::system_error);
  test::write_bytes(directory_.path("file"), "");
  EXPECT_THROW(check_snapshot(directory_.path("file")), std::system_error);
}

}  // namespace
}  // namespace pwalk
