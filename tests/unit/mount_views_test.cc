// The views as nodes: which ids there are, the name that leads to them, and numbers that do not meet.
// SPDX-License-Identifier: MIT
#include "mount/views.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "mount/tree.h"
#include "support/mounted_sample.h"
#include "support/sample_snapshot.h"

namespace pwalk::mount {
namespace {

class ViewsOf : public test::MountedSample {
 public:
  using test::MountedSample::MountedSample;
  Lookup look_up(std::uint64_t from, const std::string& name) { return tree().look_up(from, name); }
  std::uint64_t id(std::uint64_t from, const std::string& name) { return MountedSample::id(name, from); }
};

test::SampleNode named(const std::vector<std::string>& names) {
  std::vector<test::SampleNode> children;
  std::uint64_t inode = 10;
  for (const std::string& name : names) children.push_back(test::sample_file(name, ++inode, 1));
  return test::sample_directory("", 2, 0755, children);
}

NodeKind kind_found(const std::vector<std::string>& recorded, const std::string& name) {
  ViewsOf views(named(recorded));
  Lookup found = views.look_up(root_node, name);
  return found.node ? node_kind(found.node->id) : NodeKind::none;
}

TEST(Views, AreFoundUnderTheFirstNameThatIsNotTaken) {
  EXPECT_EQ(kind_found({}, ".pwalk"), NodeKind::views);
  EXPECT_EQ(kind_found({}, ".pwalk~"), NodeKind::none);
  EXPECT_EQ(kind_found({".pwalk"}, ".pwalk"), NodeKind::entry);
  EXPECT_EQ(kind_found({".pwalk"}, ".pwalk~"), NodeKind::views);
  EXPECT_EQ(kind_found({".pwalk"}, ".pwalk~~"), NodeKind::none);
  EXPECT_EQ(kind_found({".pwalk", ".pwalk~"}, ".pwalk~"), NodeKind::entry);
  EXPECT_EQ(kind_found({".pwalk", ".pwalk~"}, ".pwalk~~"), NodeKind::views);
  EXPECT_EQ(kind_found({".pwalk~"}, ".pwalk"), NodeKind::views);
  EXPECT_EQ(kind_found({".pwalk~"}, ".pwalk~~"), NodeKind::none);
  EXPECT_EQ(kind_found({".pwalk"}, ".pwalk~x"), NodeKind::none);
  EXPECT_EQ(kind_found({}, ".pwal"), NodeKind::none);
  EXPECT_EQ(kind_found({}, ".pwalk "), NodeKind::none);
}

TEST(Views, IdsThatNameNothingAreStale) {
  ViewsOf views(named({"file"}));
  std::uint64_t file = node_entry_number(views.id(root_node, "file"));
  std::uint64_t slot = node_slot(views.id(root_node, "file"));
  auto stale = [&](std::uint64_t id) {
    try {
      views.tree().node(id);
      return false;
    } catch (const std::system_error& error) {
      return error.code().value() == ESTALE;
    }
  };
  auto of = [&](NodeKind kind, std::uint64_t number) {
    return view_node(kind, static_cast<std::uint32_t>(slot), number);
  };
  for (NodeKind kind :
       {NodeKind::views, NodeKind::stat_directory, NodeKind::du_directory, NodeKind::own_json,
        NodeKind::summary_json, NodeKind::summary, NodeKind::errors, NodeKind::snapshot_json}) {
    EXPECT_TRUE(stale(of(kind, file))) << static_cast<int>(kind);
    EXPECT_FALSE(stale(of(kind, 0))) << static_cast<int>(kind);
    EXPECT_TRUE(stale(of(kind, 1000))) << static_cast<int>(kind);
  }
  for (NodeKind kind : {NodeKind::stat_file, NodeKind::du_file}) {
    EXPECT_FALSE(stale(of(kind, file)));
    EXPECT_TRUE(stale(of(kind, 0)));
  }
  EXPECT_TRUE(stale(view_node(NodeKind::views, static_cast<std::uint32_t>(slot) + 1, 0)));
}

/// A directory that could not be read at the end of a chain whose path nobody can use.
TEST(Views, ErrorsAreToldWithPathsOfBoundedLength) {
  test::SampleNode chain = test::sample_directory("locked", 10, 0700, {});
  chain.outcome.state = format::state_failed;
  chain.outcome.call = format::call_openat;
  chain.outcome.error = EACCES;
  for (std::uint64_t level = 0; level < 300; ++level)
    chain = test::sample_directory(std::string(255, 'x'), 100 + level, 0755, {chain});
  ViewsOf views(test::sample_directory("", 2, 0755, {chain}));
  std::uint64_t errors = views.id(views.id(root_node, ".pwalk"), "errors");
  std::string text = views.tree().read(errors, 0, std::size_t{1} << 20);
  std::string path = ".";
  for (int level = 0; level < 255; ++level) path += "/" + std::string(255, 'x');
  EXPECT_TRUE(text == "cannot open '" + path + "/…': Permission denied\n") << text.size() << " bytes";
}

/// Every node below and including `id`, views too.
class Collector final : public ListingSink {
 public:
  bool add(const char* name, const Node&, std::uint64_t) override {
    names.emplace_back(name);
    return true;
  }
  std::vector<std::string> names;
};

void collect(ViewsOf& views, std::uint64_t id, std::vector<Node>& nodes) {
  Node node = views.tree().node(id);
  nodes.push_back(node);
  if (!S_ISDIR(node.attributes.st_mode)) return;
  Collector collector;
  views.tree().list(id, 0, collector);
  if (node_kind(id) == NodeKind::entry || id == root_node) collector.names.emplace_back(".pwalk");
  for (const std::string& name : collector.names) {
    if (name == "." || name == "..") continue;
    Node found = views.look_up(id, name).node.value();
    // However a node is asked for, it is the same.
    Node again = views.tree().node(found.id);
    EXPECT_EQ(std::memcmp(&again.attributes, &found.attributes, sizeof again.attributes), 0) << name;
    EXPECT_TRUE(found.name_lasts && found.attributes_last) << name;
    collect(views, found.id, nodes);
  }
}

TEST(Views, EveryNodeHasAnIdAndEveryDirectoryAnInodeOfItsOwn) {
  ViewsOf views(test::sample_tree());
  std::vector<Node> nodes;
  collect(views, root_node, nodes);
  EXPECT_GT(nodes.size(), 100u);
  std::set<std::uint64_t> ids;
  std::set<std::uint64_t> directory_inodes;
  std::size_t directories = 0;
  for (const Node& node : nodes) {
    ids.insert(node.id);
    if (!S_ISDIR(node.attributes.st_mode)) continue;
    ++directories;
    directory_inodes.insert(node.attributes.st_ino);
  }
  EXPECT_EQ(ids.size(), nodes.size());
  EXPECT_EQ(directory_inodes.size(), directories);
}

TEST(Views, EveryTextHasTheLengthThatStatShows) {
  ViewsOf views(test::sample_tree());
  std::vector<Node> nodes;
  collect(views, root_node, nodes);
  std::size_t texts = 0;
  for (const Node& node : nodes) {
    if (!is_view(node_kind(node.id)) || !S_ISREG(node.attributes.st_mode)) continue;
    ++texts;
    std::string whole = views.tree().read(node.id, 0, 1 << 20);
    if (views.tree().is_read_directly(node.id)) continue;
    EXPECT_EQ(whole.size(), static_cast<std::size_t>(node.attributes.st_size));
    EXPECT_EQ(whole.back(), '\n');
    EXPECT_EQ(views.tree().read(node.id, 3, 7), whole.substr(3, 7));
    EXPECT_EQ(views.tree().read(node.id, whole.size(), 7), "");
    EXPECT_EQ(views.tree().read(node.id, ~std::uint64_t{0}, 7), "");
  }
  EXPECT_GT(texts, 50u);
}

TEST(Views, ParentsAreTheDirectoriesThatTheyAreIn) {
  ViewsOf views(test::sample_tree());
  std::uint64_t alpha = views.id(root_node, "alpha");
  std::uint64_t of_alpha = views.id(alpha, ".pwalk");
  EXPECT_EQ(views.id(of_alpha, ".."), alpha);
  EXPECT_EQ(views.id(views.id(root_node, ".pwalk"), ".."), root_node);
  for (const char* name : {"du", "stat"}) EXPECT_EQ(views.id(views.id(of_alpha, name), ".."), of_alpha);
  EXPECT_THROW(views.look_up(views.id(of_alpha, "own.json"), ".."), std::system_error);
  EXPECT_EQ(views.id(of_alpha, "."), of_alpha);
}

TEST(Views, SizesOfTheTreeAreTotalsWhereThatIsAsked) {
  ViewsOf plain(test::sample_tree());
  ViewsOf recursive(test::sample_tree(), {.totals = {.as_sizes = true}});
  auto attributes = [](ViewsOf& views, const char* name) {
    return views.look_up(root_node, name).node.value().attributes;
  };
  std::uint64_t du = plain.id(plain.id(root_node, ".pwalk"), "du");
  Node alpha = plain.look_up(du, "alpha").node.value();
  EXPECT_NE(attributes(plain, "alpha").st_size, attributes(recursive, "alpha").st_size);
  // The one with the directories' own sizes, the other without.
  EXPECT_GT(alpha.attributes.st_size, attributes(recursive, "alpha").st_size);
  EXPECT_GT(attributes(recursive, "alpha").st_size, 0);
  EXPECT_EQ(attributes(plain, "alpha").st_blocks, attributes(recursive, "alpha").st_blocks);
}

}  // namespace
}  // namespace pwalk::mount
