// The list of a store, for people and for programs.
// SPDX-License-Identifier: MIT
#include "report/store_list.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pwalk::report {
namespace {

std::vector<Listed> two() {
  snapshot::StoredSnapshot good;
  good.time = "2026-11-22T184652Z";
  good.manifest.emplace();
  good.manifest->complete = false;
  good.manifest->host = "host";
  good.manifest->root = "/d\xff";
  good.manifest->start = {1795373212, 5};
  good.manifest->totals.entries = 1234567;
  good.manifest->totals.disk_bytes = 5 << 20;
  good.manifest->totals.excess_disk = 2 << 20;
  good.is_latest = true;
  good.disk_bytes = 4096;
  good.in_use = true;
  snapshot::StoredSnapshot bad;
  bad.time = "broken\n";
  bad.trouble = "manifest.json: no JSON";
  return {{"d\xc3\xa9j\xc3\xa0", good}, {"b\x1b", bad}};
}

TEST(StoreTable, IsAlignedAndEscaped) {
  EXPECT_EQ(store_table(two()),
            "SNAPSHOT                 ENTRIES   TREE    OWN  NOTES\n"
            "d\xc3\xa9j\xc3\xa0/2026-11-22T184652Z  1234567   3.0M   4.0K  latest, incomplete, in use\n"
            "b\\x1b/broken\\n                 -      -      0  manifest.json: no JSON\n");
  EXPECT_EQ(store_table({}), "");
}

TEST(StoreJson, SaysEverything) {
  nlohmann::json list = nlohmann::json::parse(store_json(two()));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["name"], "d\xc3\xa9j\xc3\xa0");
  EXPECT_EQ(list[0]["time"], "2026-11-22T184652Z");
  EXPECT_EQ(list[0]["root"], "/d%ff");
  EXPECT_EQ(list[0]["start"], "2026-11-22T18:46:52Z");
  EXPECT_EQ(list[0]["complete"], false);
  EXPECT_EQ(list[0]["latest"], true);
  EXPECT_EQ(list[0]["in_use"], true);
  EXPECT_EQ(list[0]["entries"], 1234567);
  EXPECT_EQ(list[0]["snapshot_disk_bytes"], 4096);
  EXPECT_EQ(list[1]["time"], "broken%0a");
  EXPECT_TRUE(list[1]["in_use"].is_null()) << "it cannot be told";
  EXPECT_EQ(list[1]["trouble"], "manifest.json: no JSON");
  EXPECT_EQ(nlohmann::json::parse(store_json({})).size(), 0u);
}

}  // namespace
}  // namespace pwalk::report
