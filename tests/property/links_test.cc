// The excess of random hard links in random trees of directories is what counting every subtree by itself
// gives, whatever the order of the notes and however many went to the storage.
// SPDX-License-Identifier: MIT

#include "snapshot/links.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <tuple>

#include "base/file.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

/// Directory records of a random tree, all in one shard, the children of each contiguous.
class Tree : public DirectoryRecords {
 public:
  Tree(std::mt19937& random, std::uint32_t directories) {
    records_.resize(1);
    for (std::uint32_t next = 0; records_.size() < directories; ++next) {
      auto children = static_cast<std::uint32_t>(random() % 4);
      if (next + 1 == records_.size()) children = std::max(children, 1u);
      records_[next].dir_first = static_cast<std::uint32_t>(records_.size());
      records_[next].dir_count = children;
      for (std::uint32_t i = 0; i < children; ++i) {
        format::Directory child = {};
        child.parent_index = next;
        child.depth = records_[next].depth + 1;
        records_.push_back(child);
      }
    }
  }
  format::Directory& record(Place place) override { return records_[place.index]; }
  std::vector<format::Directory> records_;
};

class LinksProperty : public ::testing::TestWithParam<unsigned> {};

TEST_P(LinksProperty, ExcessIsWhatEverySubtreeCounts) {
  std::mt19937 random(GetParam());
  Tree tree(random, static_cast<std::uint32_t>(2 + random() % 200));
  std::vector<LinkNote> all;
  for (std::uint64_t inode = 1; inode < 60; ++inode)
    for (std::uint64_t names = 1 + random() % 6; names > 0; --names) {
      LinkNote note = {};
      note.device_index = static_cast<std::uint32_t>(random() % 2);
      note.inode = inode;
      note.directory_index = static_cast<std::uint32_t>(random() % tree.records_.size());
      note.uid = static_cast<std::uint32_t>(random() % 3);
      note.gid = static_cast<std::uint32_t>(random() % 2);
      note.apparent_bytes = 1000 * inode + random() % 3;  // changed while it was scanned
      note.disk_bytes = 4096 * inode;
      all.push_back(note);
    }
  std::shuffle(all.begin(), all.end(), random);

  test::TemporaryDirectory directory{test::memory_directory()};
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  std::vector<std::unique_ptr<LinkNotes>> notes;
  for (int worker = 0; worker < 3; ++worker)
    notes.push_back(std::make_unique<LinkNotes>(descriptor.get(), 1 + random() % 40));
  for (const LinkNote& note : all) notes[random() % 3]->add(note);
  OwnerExcess owners = apply_links(notes, tree);

  OwnerTotals root;
  std::map<std::uint32_t, std::uint64_t> by_uid;
  std::map<std::uint32_t, std::uint64_t> by_gid;
  for (std::size_t i = 0; i < tree.records_.size(); ++i) {
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::vector<const LinkNote*>> inodes;
    for (const LinkNote& note : all) {
      std::uint32_t at = note.directory_index;
      while (at != i && at != 0) at = tree.records_[at].parent_index;
      if (at == i) inodes[{note.device_index, note.inode}].push_back(&note);
    }
    OwnerTotals expected;
    for (const auto& [inode, names] : inodes) {
      std::uint64_t apparent = 0, apparent_max = 0, disk = 0, disk_max = 0;
      for (const LinkNote* note : names) {
        apparent += note->apparent_bytes;
        apparent_max = std::max(apparent_max, note->apparent_bytes);
        disk += note->disk_bytes;
        disk_max = std::max(disk_max, note->disk_bytes);
      }
      expected.excess_inodes += names.size() - 1;
      expected.excess_apparent += apparent - apparent_max;
      expected.excess_disk += disk - disk_max;
    }
    EXPECT_EQ(tree.records_[i].excess_inodes, expected.excess_inodes) << i;
    EXPECT_EQ(tree.records_[i].excess_apparent, expected.excess_apparent) << i;
    EXPECT_EQ(tree.records_[i].excess_disk, expected.excess_disk) << i;
    if (i != 0) continue;
    root = expected;
    // Whose the excess of an inode is whose links do not agree: the owner of the one that leads.
    for (const auto& [inode, names] : inodes) {
      if (names.size() < 2) continue;
      const LinkNote* leading = *std::min_element(names.begin(), names.end(), [](auto* a, auto* b) {
        return std::tie(b->apparent_bytes, a->directory_index, a->uid, a->gid) <
               std::tie(a->apparent_bytes, b->directory_index, b->uid, b->gid);
      });
      by_uid[leading->uid] += names.size() - 1;
      by_gid[leading->gid] += names.size() - 1;
    }
  }
  for (const auto& [uid, totals] : owners.by_uid) EXPECT_EQ(totals.excess_inodes, by_uid[uid]) << uid;
  for (const auto& [gid, totals] : owners.by_gid) EXPECT_EQ(totals.excess_inodes, by_gid[gid]) << gid;
  for (const auto* list : {&owners.by_uid, &owners.by_gid}) {
    OwnerTotals sum;
    for (const auto& [number, totals] : *list) {
      sum.excess_inodes += totals.excess_inodes;
      sum.excess_apparent += totals.excess_apparent;
      sum.excess_disk += totals.excess_disk;
    }
    EXPECT_EQ(sum, root);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LinksProperty, ::testing::Range(1u, 60u));

TEST(Links, TheStorageKeepsNothing) {
  test::TemporaryDirectory directory{test::memory_directory()};
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  LinkNotes notes(descriptor.get(), 1);
  for (int i = 0; i < 10; ++i) notes.add({});
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace pwalk::snapshot
