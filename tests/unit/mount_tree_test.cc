// A mounted tree by its answers: listings from any offset, links, statistics, attributes, names of its parts.
// SPDX-License-Identifier: MIT
#include "mount/tree.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "mount/node_id.h"
#include "snapshot/manifest.h"
#include "support/mounted_sample.h"
#include "support/sample_snapshot.h"

namespace pwalk::mount {
namespace {

/// What a directory lists, until there are so many.
class Listed final : public ListingSink {
 public:
  explicit Listed(std::size_t room = std::numeric_limits<std::size_t>::max()) : room_(room) {}
  bool add(const char* name, const Node& node, std::uint64_t next) override {
    if (names.size() == room_) return false;
    names.emplace_back(name);
    nodes.push_back(node);
    next_ = next;
    return true;
  }
  std::uint64_t next() const { return next_; }

  std::vector<std::string> names;
  std::vector<Node> nodes;

 private:
  std::size_t room_;
  std::uint64_t next_ = 0;
};

/// The sample tree, if no other.
class Mounted : public test::MountedSample {
 public:
  explicit Mounted(const test::SampleNode& root = test::sample_tree(), const Options& options = {})
      : MountedSample(root, options) {}
};

using Names = std::vector<std::string>;

template <class Function>
int error_of(Function function) {
  try {
    function();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST(Listing, GoesOnFromAnyOffset) {
  Mounted mounted;
  for (const char* path : {"alpha", "", "alpha/.pwalk/stat", "alpha/.pwalk/du", "alpha/.pwalk", ".pwalk"}) {
    Listed all;
    EXPECT_EQ(mounted.tree().list(mounted.id(path), 0, all), 0) << path;
    ASSERT_GT(all.names.size(), 2u) << path;
    EXPECT_EQ(all.names[0], ".");
    EXPECT_EQ(all.names[1], "..");
    for (std::size_t room = 1; room <= all.names.size(); ++room) {
      Names names;
      for (std::uint64_t offset = 0; names.size() < all.names.size();) {
        Listed some(room);
        EXPECT_EQ(mounted.tree().list(mounted.id(path), offset, some), 0) << path;
        ASSERT_FALSE(some.names.empty()) << path << ": nothing from offset " << offset;
        names.insert(names.end(), some.names.begin(), some.names.end());
        offset = some.next();
      }
      EXPECT_EQ(names, all.names) << path << " in pieces of " << room;
    }
    Listed beyond;
    EXPECT_EQ(mounted.tree().list(mounted.id(path), all.next(), beyond), 0) << path;
    EXPECT_EQ(mounted.tree().list(mounted.id(path), ~std::uint64_t{0}, beyond), 0) << path;
    EXPECT_EQ(beyond.names, Names{}) << path;
  }
}

TEST(Listing, DotsAreTheDirectoryAndItsParent) {
  Mounted mounted;
  for (const char* path :
       {"alpha/deep", "alpha", "", "alpha/.pwalk", "alpha/.pwalk/stat", "alpha/.pwalk/du"}) {
    Listed listed;
    mounted.tree().list(mounted.id(path), 0, listed);
    EXPECT_EQ(listed.nodes[0].id, 0u) << path;
    EXPECT_EQ(listed.nodes[1].id, 0u) << path;
    EXPECT_EQ(listed.nodes[0].attributes.st_ino, mounted.stat(path).st_ino) << path;
    std::uint64_t parent = mounted.tree().look_up(mounted.id(path), "..").node.value().id;
    EXPECT_EQ(listed.nodes[1].attributes.st_ino, mounted.tree().node(parent).attributes.st_ino) << path;
  }
  EXPECT_EQ(mounted.tree().look_up(mounted.id("alpha/deep"), "..").node.value().id, mounted.id("alpha"));
  EXPECT_EQ(mounted.tree().look_up(mounted.id("alpha"), "..").node.value().id, root_node);
  EXPECT_EQ(mounted.tree().look_up(root_node, "..").node.value().id, root_node);
}

TEST(Listing, OfADirectoryThatCouldNotBeReadIsItsError) {
  Mounted mounted;
  struct Case {
    const char* name;
    int error;
    Names names;
  };
  for (const Case& each : {Case{"failed", EACCES, {}}, Case{"partial", EIO, {".", "..", "seen"}},
                           Case{"excluded", 0, {".", ".."}}, Case{"empty", 0, {".", ".."}}}) {
    for (const char* views : {"", "/.pwalk/stat", "/.pwalk/du"}) {
      Listed listed;
      EXPECT_EQ(mounted.tree().list(mounted.id(std::string(each.name) + views), 0, listed), each.error)
          << each.name << views;
      EXPECT_EQ(listed.names, each.names) << each.name << views;
    }
    Listed names_of_views;
    EXPECT_EQ(mounted.tree().list(mounted.id(std::string(each.name) + "/.pwalk"), 0, names_of_views), 0);
    EXPECT_EQ(names_of_views.names.size(), 8u) << "all but the manifest, and the dots";
  }
  Listed none;
  EXPECT_EQ(mounted.tree().list(mounted.id("pipe"), 0, none), ENOTDIR);
  EXPECT_EQ(mounted.tree().list(mounted.id(".pwalk/summary"), 0, none), ENOTDIR);
  EXPECT_EQ(none.names, Names{});
}

TEST(Listing, TellsTheLengthsOfChildrensTotalsAndNoneOfTheirFacts) {
  Mounted mounted;
  Listed facts, totals;
  mounted.tree().list(mounted.id("alpha/.pwalk/stat"), 0, facts);
  mounted.tree().list(mounted.id("alpha/.pwalk/du"), 0, totals);
  ASSERT_EQ(facts.names, totals.names);
  for (std::size_t i = 2; i < facts.names.size(); ++i) {
    const std::string& name = facts.names[i];
    EXPECT_EQ(facts.nodes[i].id, 0u) << name;
    EXPECT_EQ(facts.nodes[i].attributes.st_size, 0) << name;
    EXPECT_EQ(facts.nodes[i].attributes.st_ino, mounted.stat("alpha/.pwalk/stat/" + name).st_ino) << name;
    EXPECT_EQ(totals.nodes[i].id, mounted.id("alpha/.pwalk/du/" + name)) << name;
    EXPECT_EQ(totals.nodes[i].attributes.st_size, mounted.stat("alpha/.pwalk/du/" + name).st_size) << name;
  }
}

TEST(LinkTarget, IsTheRecordedOneAsFarAsFuseCanCarryIt) {
  std::string longest(4095, 'x');
  Mounted mounted(test::sample_directory(
      "", 2, 0755,
      {test::sample_symlink("link", 3, "alpha/text"), test::sample_symlink("longest", 4, longest),
       test::sample_symlink("longer", 5, longest + 'x'), test::sample_file("file", 6, 1)}));
  auto target = [&](const char* name) { return mounted.tree().link_target(mounted.id(name)); };
  EXPECT_EQ(target("link"), "alpha/text");
  EXPECT_EQ(target("longest"), longest);
  EXPECT_EQ(error_of([&] { target("longer"); }), ENAMETOOLONG);
  EXPECT_EQ(error_of([&] { target("file"); }), EINVAL);
  EXPECT_EQ(error_of([&] { target(""); }), EINVAL);
  EXPECT_EQ(error_of([&] { target(".pwalk/summary"); }), EINVAL);
  Mounted sample;
  EXPECT_EQ(error_of([&] { sample.tree().link_target(sample.id("unreadable_link")); }), EIO);
}

TEST(Sizes, OfDirectoriesAreTheirOwnUnlessTheTotalsAreAskedFor) {
  test::SampleNode root = test::sample_directory(
      "", 2, 0755, {test::sample_directory("directory", 3, 0755, {test::sample_file("file", 4, 70)})});
  Mounted plain(root), recursive(root, {.totals = {.as_sizes = true}});
  EXPECT_EQ(plain.stat("directory").st_size, 4096);
  EXPECT_EQ(plain.stat("directory/file").st_size, 70);
  EXPECT_EQ(recursive.stat("directory").st_size, 70);
  EXPECT_EQ(recursive.stat("directory/file").st_size, 70);
}

TEST(Views, OfTotalsHaveTheTimesOfTheNewestChange) {
  Mounted mounted(test::sample_directory(
      "", 2, 0755, {test::sample_directory("directory", 3, 0755, {test::sample_file("file", 4, 70)}), [] {
                      test::SampleNode unknown = test::sample_file("unknown", 5, 1);
                      unknown.has_stat = false;
                      unknown.stat_error = EIO;
                      unknown.dirent_type = S_IFREG;
                      return unknown;
                    }()}));
  struct stat newest = mounted.stat("directory/file"), shown = mounted.stat(".pwalk/du/directory");
  EXPECT_EQ(shown.st_mtim.tv_sec, newest.st_mtim.tv_sec);
  EXPECT_EQ(shown.st_mtim.tv_nsec, newest.st_mtim.tv_nsec);
  EXPECT_EQ(shown.st_ctim.tv_sec, newest.st_ctim.tv_sec);
  struct stat unknown = mounted.stat(".pwalk/du/unknown");
  EXPECT_EQ(unknown.st_mtim.tv_sec, 0);
  EXPECT_EQ(unknown.st_mtim.tv_nsec, 0);
}

TEST(Views, HaveInodeNumbersThatFollowFromTheEntrys) {
  Mounted mounted(test::sample_directory("", 2, 0755, {test::sample_file("small", 77, 1)}));
  constexpr std::uint64_t of_views = std::uint64_t{1} << 63;
  auto code = static_cast<std::uint64_t>(NodeKind::stat_file);
  EXPECT_EQ(mounted.stat(".pwalk/stat/small").st_ino, of_views | code << 59 | 77);
  // One that leaves no room for the kind of view.
  std::uint64_t large = (std::uint64_t{1} << 60) + 77;
  Mounted others(test::sample_directory("", 2, 0755, {test::sample_file("large", large, 1)}));
  EXPECT_EQ(others.stat("large").st_ino, large);
  std::uint64_t facts = others.stat(".pwalk/stat/large").st_ino;
  std::uint64_t totals = others.stat(".pwalk/du/large").st_ino;
  EXPECT_NE(facts, totals);
  EXPECT_EQ(facts & totals & of_views, of_views);
}

TEST(Attributes, TellOfDirectoriesOnly) {
  Mounted mounted(test::sample_tree(), {.totals = {.as_attributes = true}});
  auto value = [&](const char* path, const char* name) {
    return mounted.tree().recursive_attribute(mounted.id(path), name);
  };
  EXPECT_EQ(value("alpha", "user.pwalk.rsubdirs"), "2") << "itself and `deep`";
  EXPECT_EQ(value("", "user.pwalk.rsubdirs").value_or(""), value(".", "user.pwalk.rsubdirs"));
  EXPECT_EQ(value("alpha/text", "user.pwalk.rsubdirs"), "");
  EXPECT_EQ(value("alpha/.pwalk", "user.pwalk.rsubdirs"), "");
  EXPECT_EQ(value("alpha", "user.pwalk.other"), std::nullopt);
  EXPECT_EQ(mounted.tree().attribute_names(mounted.id("alpha")), "") << "these are not listed";
  Mounted without;
  EXPECT_EQ(without.tree().recursive_attribute(without.id("alpha"), "user.pwalk.rsubdirs"), std::nullopt);
  EXPECT_EQ(without.tree().attribute_names(without.id("alpha")), "");
}

TEST(Attributes, AreListedWhereThatIsAskedFor) {
  Mounted mounted(test::sample_tree(), {.totals = {.as_attributes = true, .listed = true}});
  std::string names = mounted.tree().attribute_names(mounted.id("alpha"));
  EXPECT_EQ(names.substr(0, sizeof "user.pwalk.rbytes"), std::string("user.pwalk.rbytes", 18));
  EXPECT_EQ(mounted.tree().attribute_names(mounted.id("alpha/text")), "");
  EXPECT_EQ(mounted.tree().attribute_names(mounted.id(".pwalk/summary")), "");
}

const std::string inside = test::MountedSample::inner_path();

TEST(FileSystem, IsTheScannedOneInASnapshotAndTheStoresAboveIt) {
  Mounted mounted(test::sample_tree(), {.as_store = true});
  mounted.change_manifest([](snapshot::Manifest& manifest) {
    manifest.file_system = {.block_bytes = 8192,
                            .blocks = 1000,
                            .blocks_free = 300,
                            .blocks_available = 200,
                            .inodes = 50,
                            .inodes_free = 5,
                            .name_bytes_max = 143};
  });
  struct statvfs shown = mounted.tree().file_system(mounted.id(inside + "/alpha"));
  EXPECT_EQ(shown.f_bsize, 8192u);
  EXPECT_EQ(shown.f_frsize, 8192u);
  EXPECT_EQ(shown.f_blocks, 1000u);
  EXPECT_EQ(shown.f_bfree, 300u);
  EXPECT_EQ(shown.f_bavail, 200u);
  EXPECT_EQ(shown.f_files, 50u);
  EXPECT_EQ(shown.f_ffree, 5u);
  EXPECT_EQ(shown.f_namemax, 143u);
  struct statvfs below {};
  ASSERT_EQ(::statvfs(mounted.store_path().c_str(), &below), 0);
  for (const char* own : {"", "name"}) {
    struct statvfs of_store = mounted.tree().file_system(mounted.id(own));
    EXPECT_EQ(of_store.f_blocks, below.f_blocks) << own;
    EXPECT_EQ(of_store.f_bsize, below.f_bsize) << own;
  }
}

TEST(FileSystem, HasPlausibleSizesWhereTheScanCouldNotFindOut) {
  Mounted mounted;
  mounted.change_manifest([](snapshot::Manifest& manifest) { manifest.file_system = {}; });
  struct statvfs unknown = mounted.tree().file_system(root_node);
  EXPECT_EQ(unknown.f_bsize, 512u);
  EXPECT_EQ(unknown.f_namemax, 255u);
}

TEST(Labels, AreTheStoreOrTheSnapshotInIt) {
  Mounted store(test::sample_tree(), {.as_store = true});
  EXPECT_EQ(store.tree().label(root_node), store.store_path());
  EXPECT_EQ(store.tree().label(store.id("name")), store.store_path());
  EXPECT_EQ(store.tree().label(store.id(inside + "/alpha")), store.snapshot_path());
  EXPECT_FALSE(store.tree().is_in_snapshot(root_node));
  EXPECT_FALSE(store.tree().is_in_snapshot(store.id("name")));
  EXPECT_TRUE(store.tree().is_in_snapshot(store.id(inside)));
  EXPECT_TRUE(store.tree().is_in_snapshot(store.id(inside + "/.pwalk")));
  Mounted one;
  EXPECT_EQ(one.tree().label(root_node), one.snapshot_path());
  EXPECT_EQ(one.tree().label(one.id("alpha")), one.snapshot_path());
  EXPECT_TRUE(one.tree().is_in_snapshot(root_node));
}

TEST(Parents, AboveASnapshotAreTheStores) {
  Mounted store(test::sample_tree(), {.as_store = true});
  auto parent = [&](const std::string& path) {
    return store.tree().look_up(store.id(path), "..").node.value().id;
  };
  EXPECT_EQ(parent(inside), store.id("name"));
  EXPECT_EQ(parent(inside + "/alpha"), store.id(inside));
  EXPECT_EQ(parent(inside + "/alpha/deep"), store.id(inside + "/alpha"));
  EXPECT_EQ(parent("name"), root_node);
  EXPECT_EQ(parent(""), root_node);
  EXPECT_EQ(error_of([&] { parent(inside + "/pipe"); }), ENOTDIR);
}

}  // namespace
}  // namespace pwalk::mount
