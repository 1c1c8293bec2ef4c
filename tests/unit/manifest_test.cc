// The manifest's text: what goes in comes out, and nothing else is accepted.
// SPDX-License-Identifier: MIT

#include "snapshot/manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "snapshot/format.h"

namespace pwalk::snapshot {
namespace {

Manifest sample() {
  Manifest manifest;
  for (std::uint8_t i = 0; i < 16; ++i) manifest.uuid[i] = i;
  manifest.program = "test 1";
  manifest.host = "host";
  manifest.root = "/a\nb/%41/\xff/\xc3\xa9\"";
  manifest.slot = 77;
  manifest.start = {-5, 999'999'999};
  manifest.end = {1795383833, 1};
  manifest.options["threads"] = "4";
  manifest.totals.entries = 3;
  manifest.totals.files = 1;
  manifest.totals.directories = 1;
  manifest.totals.apparent_bytes = ~std::uint64_t{0};
  manifest.totals.newest_mtime = {-12'000'000'000, 5};
  manifest.by_uid[4294967294].entries = 3;
  manifest.by_gid[0].excess_disk = 5;
  manifest.errors.push_back({format::call_statx, 13, 1});
  manifest.vanished_entries = 6;
  manifest.excluded_entries = 9;
  manifest.duplicate_names = 7;
  manifest.unread[format::state_excluded_loop] = 8;
  manifest.file_system.magic = 0xef53;
  manifest.file_system.blocks = 1u << 31;
  manifest.mounts.push_back({1, 8, 1, "/", "/mnt/a b", "ext4", "/dev/sda1", "rw"});
  manifest.devices.push_back({8, 1, "ext4", 2, ~std::uint64_t{0}});
  manifest.parts = {{0, 1}};
  ArrayFile entries{format::array_entries, "00000000.entries", array_file_bytes(3 * 64), 3,
                    0x0123456789abcdef};
  ArrayFile names{format::array_names, "00000000.names", array_file_bytes(5), 5, 1};
  manifest.shards.push_back({0, {entries, names}});
  return manifest;
}

std::string broken_rule(const std::string& text) {
  try {
    parse_manifest(text);
  } catch (const FormatError& error) {
    EXPECT_EQ(error.file(), format::manifest_name);
    return error.rule();
  }
  return "";
}

/// `text` with a change in its body, and the hash made right again.
std::string changed(std::string text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  std::size_t hash = text.rfind(" \"hash\": \"");
  return text.substr(0, hash) + " \"hash\": \"" + hex64(hash64(text.data(), hash)) + "\"\n}\n";
}

TEST(Manifest, ComesBackAsItWas) {
  Manifest manifest = sample();
  std::string text = to_text(manifest);
  Manifest back = parse_manifest(text);
  EXPECT_EQ(to_text(back), text);
  EXPECT_EQ(back.root, manifest.root);
  EXPECT_EQ(back.uuid, manifest.uuid);
  EXPECT_EQ(back.start, manifest.start);
  EXPECT_EQ(back.totals, manifest.totals);
  EXPECT_EQ(back.by_uid, manifest.by_uid);
  EXPECT_EQ(back.unread, manifest.unread);
  EXPECT_EQ(back.excluded_entries, 9u);
  EXPECT_EQ(back.devices[0].inode_max, ~std::uint64_t{0});
  EXPECT_EQ(back.mounts[0].mount_point, "/mnt/a b");
}

TEST(Manifest, EveryChangedByteIsFound) {
  std::string text = to_text(sample());
  for (std::size_t at = 0; at < text.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      ASSERT_NE(broken_rule(damaged), "") << at << " bit " << bit;
    }
}

TEST(Manifest, EveryTruncationIsFound) {
  std::string text = to_text(sample());
  for (std::size_t length = 0; length < text.size(); ++length)
    ASSERT_NE(broken_rule(text.substr(0, length)), "") << length;
  EXPECT_EQ(broken_rule(text + "\n"), "M1");
  EXPECT_EQ(broken_rule(text + "junk"), "M1");
}

TEST(Manifest, RefusesWhatItDoesNotKnow) {
  std::string text = to_text(sample());
  EXPECT_EQ(broken_rule(changed(text, "\"version\": 1", "\"version\": 2")), "M2");
  EXPECT_EQ(broken_rule(changed(text, "\"version\": 1", "\"version\": 0")), "M2");
  EXPECT_EQ(broken_rule(changed(text, "pwalk-snapshot", "other-snapshot")), "M2");
  EXPECT_EQ(broken_rule(changed(text, "\"incompatible\": 0", "\"incompatible\": 1")), "M3");
  EXPECT_EQ(broken_rule(changed(text, "\"compatible\": 0", "\"compatible\": 9")), "") << "compatible is";
  EXPECT_EQ(broken_rule(changed(text, "\"host\"", "\"new\": [1], \"host\"")), "")
      << "unknown members are ignored";
}

TEST(Manifest, RefusesMembersOutOfRange) {
  std::string text = to_text(sample());
  EXPECT_EQ(broken_rule(changed(text, "\"slot\": 77", "\"slot\": 1048576")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"slot\": 77", "\"slot\": -1")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"slot\": 77", "\"slot\": \"77\"")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"host\"", "\"hast\"")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "00010203-", "00010203")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"nanoseconds\": 999999999", "\"nanoseconds\": 1000000000")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "excluded_loop", "excluded_moon")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"statx\"", "\"stat\"")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "/a%0ab", "/a%0gb")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"others\": 1", "\"others\": 2")), "M6");
}

TEST(Manifest, RefusesShardsThatDoNotFollow) {
  std::string text = to_text(sample());
  EXPECT_EQ(broken_rule(changed(text, "\"first_entry\": 0", "\"first_entry\": 1")), "M5");
  EXPECT_EQ(broken_rule(changed(text, "\"records\": 3", "\"records\": 4")), "M5");
  EXPECT_EQ(broken_rule(changed(text, "\"records\": 3", "\"records\": 0")), "M5");
  EXPECT_EQ(broken_rule(changed(text, "00000000.entries", "00000001.entries")), "M5");
  EXPECT_EQ(broken_rule(changed(text, "00000000.entries", "../../../etc/pas")), "M4");
  EXPECT_EQ(broken_rule(changed(text, "\"shards\": 1", "\"shards\": 2")), "M5");
}

TEST(Manifest, FileLengthsFollowFromCounts) {
  EXPECT_EQ(array_file_bytes(1), 4096u + 8 + 8 + 8);
  EXPECT_EQ(array_file_bytes(65536), 4096u + 65536 + 8 + 8);
  EXPECT_EQ(array_file_bytes(65537), 4096u + 65544 + 16 + 8);
  EXPECT_EQ(array_file_bytes(65536ull * 8192), 4096u + 65536ull * 8192 + 65536 + 8);
  EXPECT_EQ(array_file_bytes(65536ull * 8192 + 8), 4096u + 65536ull * 8192 + 8 + 65544 + 16);
}

}  // namespace
}  // namespace pwalk::snapshot
