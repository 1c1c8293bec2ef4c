// The manifest's text: what goes in comes out, and nothing else is accepted.
// SPDX-License-Identifier: MIT

#include "snapshot/manifest.h"

#include <gtest/gtest.h>
#include <time.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

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

// ---- every member, by what it may not be

using Json = nlohmann::ordered_json;

/// The text of a manifest with these members, with a hash that is right.
std::string text_with_hash(Json json) {
  json.erase("hash");
  std::string body = json.dump(1);
  body.resize(body.rfind("\n}"));
  body += ",\n";
  return body + manifest_tail(body);
}

/// A manifest in which every list has something.
Json full_sample() {
  Manifest manifest = sample();
  manifest.ancestors.emplace();
  manifest.ancestors->push_back({0755, 1, 2, false});
  return Json::parse(to_text(manifest));
}

/// All members and elements, whatever they hold, but the hash, and what is for people alone.
void collect(const Json& json, const Json::json_pointer& at, std::vector<Json::json_pointer>& out) {
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      if ((name == "hash" && at.empty()) || name == "errno_name") continue;
      out.push_back(at / name);
      collect(value, at / name, out);
    }
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) {
      out.push_back(at / i);
      collect(json[i], at / i, out);
    }
  }
}

std::string rule_with(Json json, const Json::json_pointer& at, const Json& value) {
  json[at] = value;
  return broken_rule(text_with_hash(std::move(json)));
}

TEST(ManifestMembers, EachIsOfItsType) {
  Json whole = full_sample();
  ASSERT_EQ(broken_rule(text_with_hash(whole)), "");
  std::vector<Json::json_pointer> all;
  collect(whole, Json::json_pointer(), all);
  ASSERT_GT(all.size(), 100u);
  for (const auto& at : all)
    for (const Json& other :
         {Json(nullptr), Json(true), Json(7), Json("text"), Json::array(), Json::object()}) {
      const Json& now = whole[at];
      if (now.type() == other.type() || (now.is_number() && other.is_number())) continue;
      EXPECT_NE(rule_with(whole, at, other), "") << at << " " << other;
    }
}

TEST(ManifestMembers, NumbersAreWholeAndInTheirRange) {
  Json whole = full_sample();
  std::vector<Json::json_pointer> all;
  collect(whole, Json::json_pointer(), all);
  for (const auto& at : all) {
    if (!whole[at].is_number()) continue;
    bool signed_one = at.back() == "seconds";
    EXPECT_NE(rule_with(whole, at, 1.5), "") << at;
    EXPECT_EQ(rule_with(whole, at, -1) == "", signed_one) << at;
    if (signed_one) {
      EXPECT_EQ(rule_with(whole, at, std::numeric_limits<std::int64_t>::max()), "") << at;
      EXPECT_EQ(rule_with(whole, at, std::uint64_t{1} << 63), "M4") << at;
      EXPECT_EQ(rule_with(whole, at, std::numeric_limits<std::int64_t>::min()), "") << at;
    }
  }
  for (const char* at :
       {"/by_uid/0/uid", "/by_gid/0/gid", "/devices/0/major", "/mounts/0/minor", "/ancestors/0/uid"}) {
    EXPECT_EQ(rule_with(whole, Json::json_pointer(at), 0xffffffffu), "") << at;
    EXPECT_EQ(rule_with(whole, Json::json_pointer(at), std::uint64_t{1} << 32), "M4") << at;
  }
  EXPECT_EQ(rule_with(whole, Json::json_pointer("/ancestors/0/mode"), 07777), "");
  EXPECT_EQ(rule_with(whole, Json::json_pointer("/ancestors/0/mode"), 010000), "M4");
  EXPECT_EQ(rule_with(whole, Json::json_pointer("/devices/0/inode_min"), ~std::uint64_t{0}), "");
  whole["devices"][0]["inode_max"] = 1;
  EXPECT_EQ(rule_with(whole, Json::json_pointer("/devices/0/inode_min"), 1), "");
  EXPECT_EQ(rule_with(whole, Json::json_pointer("/devices/0/inode_min"), 2), "M4");
}

TEST(ManifestMembers, NoneMayBeMissingButTheLaterOnes) {
  Json whole = full_sample();
  std::vector<Json::json_pointer> all;
  collect(whole, Json::json_pointer(), all);
  for (const auto& at : all) {
    if (!whole[at.parent_pointer()].is_object()) continue;
    std::string parent = at.parent_pointer().to_string();
    bool may = at.to_string() == "/ancestors" || at.to_string() == "/excluded_entries" ||
               parent == "/options" || parent == "/unread";
    Json less = whole;
    less[at.parent_pointer()].erase(at.back());
    EXPECT_EQ(broken_rule(text_with_hash(less)) == "", may) << at;
  }
  whole.erase("ancestors");
  EXPECT_FALSE(parse_manifest(text_with_hash(whole)).ancestors);
  EXPECT_EQ(parse_manifest(text_with_hash(full_sample())).ancestors->size(), 1u);
}

TEST(ManifestMembers, TextsAreOfTheirForm) {
  Json whole = full_sample();
  auto rule = [&](const char* at, const char* text) {
    return rule_with(whole, Json::json_pointer(at), text);
  };
  for (const char* text : {"0001020304050607-0809-0a0b-0c0d0e0f", "00010203-0405-0607-0809-0a0b0c0d0e0", "",
                           "00010203-0405-0607-0809-0A0B0C0D0E0F", "00010203-0405-0607-0809-0a0b0c0d0e0g",
                           "00010203-0405-0607-0809-0a0b0c0d0e0f00", "000102030405060708090a0b0c0d0e0f"})
    EXPECT_EQ(rule("/uuid", text), "M4") << text;
  for (const char* text : {"", "a", "a/b", "%00/", "/%00", "/a%00b", "/a%2"})
    EXPECT_EQ(rule("/root", text), "M4") << text;
  EXPECT_EQ(rule("/root", "/"), "");
  for (const char* text : {"0123456789abcde", "0123456789abcdef0", "0123456789abcdeg", ""})
    EXPECT_EQ(rule("/shards/0/files/0/hash", text), "M4") << text;
  for (const char* text : {"", ".entries", "a/b", "%2e", "%2f"})
    EXPECT_EQ(rule("/shards/0/files/0/file_name", text), "M4") << text;
  for (const char* text : {"none", "", "opendir"}) EXPECT_EQ(rule("/errors/0/call", text), "M4") << text;
}

TEST(ManifestMembers, ListsAreInOrderAndWithoutRepetition) {
  Json whole = full_sample();
  for (const char* list : {"by_uid", "by_gid"}) {
    Json twice = whole;
    twice[list].push_back(twice[list][0]);
    EXPECT_EQ(broken_rule(text_with_hash(twice)), "M4") << list;
  }
  for (const char* state : {"read", "not_listed", ""}) {
    Json other = whole;
    other["unread"][state] = 1;
    EXPECT_EQ(broken_rule(text_with_hash(other)), "M4") << state;
  }
  for (const char* state : {"failed", "partial", "vanished", "not_reached"}) {
    Json other = whole;
    other["unread"][state] = 1;
    EXPECT_EQ(broken_rule(text_with_hash(other)), "") << state;
  }
  Json& files = whole["shards"][0]["files"];
  Json order = whole;
  std::swap(order["shards"][0]["files"][0], order["shards"][0]["files"][1]);
  EXPECT_EQ(broken_rule(text_with_hash(order)), "M5");
  Json twice = whole;
  twice["shards"][0]["files"].push_back(files[1]);
  EXPECT_EQ(broken_rule(text_with_hash(twice)), "M5");
  Json unknown = whole;
  unknown["shards"][0]["files"].push_back({{"array", "later"},
                                           {"file_name", "anything"},
                                           {"file_bytes", 3},
                                           {"records", 0},
                                           {"hash", "0000000000000000"}});
  EXPECT_EQ(broken_rule(text_with_hash(unknown)), "") << "an array of a later version";
  EXPECT_EQ(parse_manifest(text_with_hash(unknown)).shards[0].files[2].array, 0u);
  unknown["shards"][0]["files"][2]["file_name"] = "of any %ff bytes";
  Manifest of_any_bytes = parse_manifest(text_with_hash(unknown));
  EXPECT_EQ(of_any_bytes.shards[0].files[2].file_name, "of any \xff bytes");
  EXPECT_NE(to_text(of_any_bytes).find("\"of any %ff bytes\""), std::string::npos);
  Json parts = whole;
  parts["parts"] = Json::array();
  EXPECT_EQ(broken_rule(text_with_hash(parts)), "M5");
  parts["parts"] = {{{"first_shard", 0}, {"shards", 0}}};
  EXPECT_EQ(broken_rule(text_with_hash(parts)), "M5");
  parts["parts"] = {{{"first_shard", 1}, {"shards", 1}}};
  EXPECT_EQ(broken_rule(text_with_hash(parts)), "M5");
  Json many = whole;
  std::uint64_t next = files[0]["records"];
  for (std::size_t shard = 1; shard < format::shards_limit; ++shard)
    many["shards"].push_back({{"first_entry", next}, {"files", Json::array()}});
  many["parts"] = {{{"first_shard", 0}, {"shards", format::shards_limit}}};
  EXPECT_EQ(broken_rule(text_with_hash(many)), "");
  many["shards"].push_back(many["shards"].back());
  many["parts"] = {{{"first_shard", 0}, {"shards", format::shards_limit + 1}}};
  EXPECT_EQ(broken_rule(text_with_hash(many)), "M5");
  parts["parts"] = {{{"first_shard", 0}, {"shards", 1}}, {{"first_shard", 1}, {"shards", 0}}};
  EXPECT_EQ(broken_rule(text_with_hash(parts)), "M5") << "one part for now";
  Json none = whole;
  none["shards"] = Json::array();
  none["parts"] = {{{"first_shard", 0}, {"shards", 0}}};
  EXPECT_EQ(broken_rule(text_with_hash(none)), "M5") << "not even the root";
}

/// So many records of an array, with everything else right.
std::string rule_of_records(std::uint32_t array, std::uint64_t records) {
  Manifest manifest = sample();
  for (ArrayFile& file : manifest.shards[0].files)
    if (file.array == array) {
      file.records = records;
      file.file_bytes = array_file_bytes(records * array_record_bytes(array));
    }
  return broken_rule(to_text(manifest));
}

TEST(ManifestMembers, ArraysHaveTheirLimits) {
  for (auto [array, limit] : {std::pair{format::array_entries, std::uint64_t{format::records_limit}},
                              std::pair{format::array_names, std::uint64_t{format::names_limit}}}) {
    EXPECT_EQ(rule_of_records(array, 0), "M5");
    EXPECT_EQ(rule_of_records(array, 1), "");
    EXPECT_EQ(rule_of_records(array, limit), "");
    EXPECT_EQ(rule_of_records(array, limit + 1), "M5");
  }
}

TEST(ManifestMembers, ThereAreFewerThanTwoToTheFortyEntries) {
  Manifest manifest = sample();
  manifest.shards.clear();
  for (std::uint32_t shard = 0; shard < 257; ++shard) {
    ArrayFile entries{format::array_entries, array_file_name(shard, format::array_entries),
                      array_file_bytes(format::records_limit * 64), format::records_limit, 0};
    manifest.shards.push_back({shard * format::records_limit, {entries}});
    if (shard < 255) continue;
    manifest.parts = {{0, shard + 1}};
    EXPECT_EQ(broken_rule(to_text(manifest)), shard < 256 ? "" : "M5");
  }
}

// ---- within bounds, whoever wrote it

/// The sample's text with more at the begin of the object `in`; of the whole, if that is empty.
std::string text_with(const std::string& in, const std::string& more) {
  std::string begin = in.empty() ? "{" : "\"" + in + "\": {";
  return changed(to_text(sample()), begin, begin + more);
}

std::string distinct_members(int members) {
  std::string text;
  for (int i = 0; i < members; ++i) text += "\"member" + std::to_string(i) + "\":\"7\",";
  return text;
}

/// KiB that this process came to need at most for parsing, beyond what it had.
std::uint64_t parsing_needs(const std::string& text) {
  auto kib = [](const char* what) {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::uint64_t number = 0;
    while (status >> word)
      if (word == what && status >> number) break;
    return number;
  };
  std::ofstream("/proc/self/clear_refs") << 5;  // the most is what there is now
  std::uint64_t before = kib("VmRSS:");
  broken_rule(text);
  return kib("VmHWM:") - before;
}

/// Seconds of a processor that it takes to read manifests with so many members more, in one place or another.
double reading_takes(int members) {
  auto now = [] {
    struct timespec time {};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  const double begin = now();
  std::string many = distinct_members(members);
  EXPECT_EQ(broken_rule(text_with("", many)), "") << "unknown members are ignored";
  many.back() = '}';
  EXPECT_EQ(broken_rule(text_with("", "\"new\": {" + many + ",")), "");
  many.back() = ',';
  for (const char* in : {"options", "totals", "unread", "start"})
    EXPECT_EQ(broken_rule(text_with(in, many)), "M4") << in;
  return now() - begin;
}

TEST(ManifestBounds, ManyMembersTakeTheirTimeOnce) {
  // Each compared with those before, ten times as many would take a hundred times as long.
  const double some = reading_takes(30'000);
  EXPECT_LT(reading_takes(300'000), 30 * some);
}

TEST(ManifestBounds, NothingIsNestedDeeperThanSixteen) {
  auto nested = [](std::size_t depth) {
    return "\"new\": " + std::string(depth, '[') + std::string(depth, ']') + ",";
  };
  EXPECT_EQ(broken_rule(text_with("", nested(15))), "");
  EXPECT_EQ(broken_rule(text_with("", nested(16))), "M4");
  EXPECT_EQ(broken_rule(text_with("", nested(1'000'000))), "M4");
  EXPECT_EQ(broken_rule(text_with("totals", nested(14))), "");
  EXPECT_EQ(broken_rule(text_with("totals", nested(15))), "M4");
}

TEST(ManifestBounds, AFloodOfEmptyArraysIsNotKept) {
  std::string flood;
  for (int i = 0; i < 1'000'000; ++i) flood += "[],";
  flood += "7";
  EXPECT_EQ(broken_rule(text_with("", "\"new\": [" + flood + "],")), "");
  EXPECT_EQ(broken_rule(text_with("totals", "\"new\": [" + flood + "],")), "M4");
  EXPECT_EQ(broken_rule(text_with("", "\"host\": [" + flood + "],")), "M4");
  std::string text = to_text(sample());
  for (const char* list : {"by_uid", "by_gid", "errors", "mounts", "devices", "parts", "shards", "files"}) {
    std::string begin = "\"" + std::string(list) + "\": [";
    EXPECT_EQ(broken_rule(changed(text, begin, begin + flood + ",")), "M4") << list;
    std::string values = "{\"new\": [" + flood + "]},";
    EXPECT_EQ(broken_rule(changed(text, begin, begin + values)), "M4") << list;
  }
  EXPECT_LT(parsing_needs(text_with("", "\"new\": [" + flood + "],")), 20'000u);
  EXPECT_LT(parsing_needs(changed(text, "\"shards\": [", "\"shards\": [" + flood + ",")), 20'000u);
}

TEST(ManifestBounds, ListsAreAsLongAsTheyAre) {
  Manifest manifest = sample();
  for (std::uint32_t uid = 0; uid < 20'000; ++uid) manifest.by_uid[uid].entries = uid;
  for (std::uint32_t shard = 1; shard < 5000; ++shard) {
    manifest.shards.push_back({3 * shard, manifest.shards[0].files});
    for (ArrayFile& file : manifest.shards[shard].files) file.file_name = array_file_name(shard, file.array);
  }
  manifest.parts[0].shards = 5000;
  Manifest back = parse_manifest(to_text(manifest));
  EXPECT_EQ(back.by_uid, manifest.by_uid);
  EXPECT_EQ(to_text(back), to_text(manifest));
}

TEST(ManifestBounds, OfSeveralListsOfOneNameTheLastCounts) {
  std::string text = to_text(sample());
  Manifest manifest = parse_manifest(changed(text, "\"by_gid\"", "\"by_uid\": [], \"by_gid\""));
  EXPECT_TRUE(manifest.by_uid.empty());
  EXPECT_EQ(manifest.by_gid.size(), 1u);
  std::string shards = text.substr(text.find("\"shards\": ["));
  shards.resize(shards.find("\n ]") + 3);
  manifest = parse_manifest(changed(text, "\"host\"", shards + ", \"host\""));
  EXPECT_EQ(to_text(manifest), text);
  std::string files = text.substr(text.find("\"files\": ["));
  files.resize(files.find("\n   ]") + 5);
  manifest = parse_manifest(changed(text, "\"first_entry\"", files + ", \"first_entry\""));
  EXPECT_EQ(to_text(manifest), text);
}

TEST(ManifestBounds, WhatNamesAMemberIsFitForATerminal) {
  for (const char* in : {"options", "unread"}) {
    std::string text = text_with(in, "\"\\u001b[31mred\":{},");
    try {
      parse_manifest(text);
      ADD_FAILURE() << in;
    } catch (const FormatError& error) {
      EXPECT_EQ(error.place(), std::string("/") + in + "/\\x1b[31mred");
      for (char byte : std::string(error.what())) EXPECT_GE(static_cast<unsigned char>(byte), 0x20) << in;
    }
  }
}

TEST(Manifest, IsAnObjectWithAHash) {
  for (const char* text : {"", "{", "[]", "7", "null", "{}"}) EXPECT_NE(broken_rule(text), "") << text;
  // Long enough to be one of the format, too short for a hash.
  EXPECT_EQ(broken_rule(R"({"format":"pwalk-snapshot","version":1})"), "M1");
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
