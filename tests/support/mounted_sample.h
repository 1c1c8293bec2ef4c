// A sample tree as a mount shows it, without FUSE: alone, or as the only snapshot of a store.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "mount/acls.h"
#include "mount/log.h"
#include "mount/node_id.h"
#include "mount/source.h"
#include "mount/totals_options.h"
#include "mount/tree.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::test {

class MountedSample {
 public:
  struct Options {
    bool as_store = false;
    mount::AclPolicy policy = {};
    mount::TotalsOptions totals = {};
  };

  explicit MountedSample(const SampleNode& root) : MountedSample(root, Options{}) {}
  MountedSample(const SampleNode& root, const Options& options) : options_(options) {
    directory_.make_directory("store");
    directory_.make_directory("store/name");
    write_sample(snapshot_path(), root, 2);
    mount();
  }

  std::string store_path() const { return directory_.path("store"); }
  /// The snapshot's path below the store.
  static std::string inner_path() { return "name/2026-01-01T000000Z"; }
  std::string snapshot_path() const { return store_path() + "/" + inner_path(); }

  /// Mounts anew what `change` has made of the manifest.
  template <class Change>
  void change_manifest(Change change) {
    tree_.reset();
    SnapshotEditor editor(snapshot_path());
    change(editor.manifest());
    editor.save();
    mount();
  }

  mount::Tree& tree() { return *tree_; }
  /// By looking each name of a path up; std::bad_optional_access if there is no such node.
  mount::Node node(const std::string& path, std::uint64_t from = mount::root_node) {
    mount::Node at = tree_->node(from);
    for (std::size_t begin = 0; begin < path.size();) {
      std::size_t end = std::min(path.find('/', begin), path.size());
      at = tree_->look_up(at.id, path.substr(begin, end - begin)).node.value();
      begin = end + 1;
    }
    return at;
  }
  std::uint64_t id(const std::string& path, std::uint64_t from = mount::root_node) {
    return node(path, from).id;
  }
  struct stat stat(const std::string& path) {
    return node(path).attributes;
  }

 private:
  void mount() {
    source_.emplace(options_.as_store ? store_path() : snapshot_path(), log_);
    tree_.emplace(*source_, options_.policy, options_.totals);
  }

  Options options_;
  TemporaryDirectory directory_;
  mount::Log log_{[](const std::string&) {}};
  std::optional<mount::Source> source_;
  std::optional<mount::Tree> tree_;
};

}  // namespace pwalk::test
