// A store's directory as somebody may have left it: files, directories, links and snapshots under any names,
// a torn counter of slots. Names and listings come out of it as the mount and the scan see them.
// SPDX-License-Identifier: MIT
#include "snapshot/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "fuzz/input.h"
#include "mount/log.h"
#include "mount/source.h"
#include "mount/tree.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk::fuzz {

namespace {

void check_names(std::string_view root, std::string_view a, std::string_view b, snapshot::Timestamp start) {
  std::string name = snapshot::default_snapshot_name(root);
  require(snapshot::why_not_a_name(name).empty());
  require(!(snapshot::time_name_before(a, b) && snapshot::time_name_before(b, a)));
  require(!snapshot::time_name_before(a, a));
  try {
    require(!snapshot::time_name(start).empty());
  } catch (const std::system_error& error) {
    require(error.code().value() == EOVERFLOW);
  }
}

/// A name that can be made in a directory; a few short ones, so that they meet.
std::string name_from(Input& input) {
  static const std::vector<std::string> usual = {
      "name", "latest", "2026-11-22T184652Z", "2026-11-22T184652Z-2", ".next-slot", "manifest.json"};
  auto which = input.number<std::uint8_t>();
  std::string name = which < 200 ? usual[which % usual.size()] : std::string(input.text().substr(0, 250));
  for (char& c : name)
    if (c == '/' || c == '\0') c = '_';
  return name == "." || name == ".." || name.empty() ? "dot" : name;
}

bool is_directory(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// Makes one thing in the store or in one of its directories. Nothing is made through a link, which leads
/// anywhere on this machine.
void make(const std::string& store, const test::TemporaryDirectory& samples, Input& input) {
  auto kind = input.number<std::uint8_t>();
  std::string where = store;
  if ((kind & 8) != 0) where += "/" + name_from(input);
  std::string path = where + "/" + name_from(input);
  if (!is_directory(where)) return;
  switch (kind % 5) {
    case 0:
      ::mkdir(path.c_str(), 0700);
      break;
    case 1: {
      struct stat status;
      if (::lstat(path.c_str(), &status) != 0) test::write_bytes(path, std::string(input.text()));
      break;
    }
    case 2: {
      std::string target(input.text());
      if (target.find('\0') == std::string::npos) static_cast<void>(::symlink(target.c_str(), path.c_str()));
      break;
    }
    default: {  // a snapshot, or its manifest alone: moved in by links, which are quick to make
      if (::mkdir(path.c_str(), 0700) != 0) break;
      if (kind % 5 == 3) {
        static_cast<void>(
            ::link(samples.path("sample/manifest.json").c_str(), (path + "/manifest.json").c_str()));
        break;
      }
      for (const auto& file : std::filesystem::directory_iterator(samples.path("sample")))
        static_cast<void>(
            ::link(file.path().c_str(), (path + "/" + file.path().filename().string()).c_str()));
      break;
    }
  }
}

class Names final : public mount::ListingSink {
 public:
  bool add(const char* name, const mount::Node& node, std::uint64_t next) override {
    require(next > last_ && *name != '\0' && std::string_view(name).find('/') == std::string_view::npos);
    last_ = next;
    names_.insert(name);
    if (node.id != 0) ids_.push_back(node.id);
    return names_.size() < 1000;
  }
  const std::set<std::string>& names() const { return names_; }
  const std::vector<std::uint64_t>& ids() const { return ids_; }

 private:
  std::uint64_t last_ = 0;
  std::set<std::string> names_;
  std::vector<std::uint64_t> ids_;
};

/// Every name that a directory of the mount lists can be looked up, or has a reason why not.
void look(mount::Tree& tree, std::uint64_t id, int levels) {
  Names names;
  tree.list(id, 0, names);
  for (const std::string& name : names.names()) {
    if (name == "." || name == "..") continue;
    require(name[0] != '.');
    try {
      mount::Lookup found = tree.look_up(id, name);
      require(found.node || found.error != 0);
      if (found.node && levels > 0 && S_ISDIR(found.node->attributes.st_mode))
        look(tree, found.node->id, levels - 1);
      if (found.node && S_ISLNK(found.node->attributes.st_mode)) tree.link_target(found.node->id);
    } catch (const std::system_error& error) {
      require(error.code().value() > 0);
    }
  }
}

void mount_it(const std::string& store) {
  mount::Log log([](const std::string&) {});
  try {
    mount::Source source(store, log);
    mount::Tree tree(source, {}, {});
    look(tree, 1, 1);
  } catch (const FormatError&) {
  } catch (const std::system_error& error) {
    require(error.code().value() > 0);
  }
}

void scan_into_it(const std::string& store, const std::string& name) {
  try {
    snapshot::StoreName opened(store, name);
    if (auto origin = opened.origin()) require(!origin->host.empty());
    require(opened.take_slot() < format::store_slots);
    std::string free = opened.free_time_name("2026-11-22T184652Z");
    struct stat status;
    require(::lstat((opened.path() + "/" + free).c_str(), &status) != 0);
    opened.update_latest("2026-11-22T184652Z");
  } catch (const std::system_error& error) {
    require(error.code().value() > 0);
  }
}

}  // namespace

}  // namespace pwalk::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  using namespace pwalk::fuzz;
  static test::TemporaryDirectory directory(test::memory_directory());
  // Little to read: what is looked at is the store.
  static bool is_ready =
      (test::write_sample(directory.path("sample"),
                          test::sample_directory("", 2, 0755, {test::sample_file("file", 3, 10)}), 1),
       true);
  static_cast<void>(is_ready);
  Input input(bytes, length);
  std::string root(input.text()), a(input.text()), b(input.text());
  check_names(root, a, b, {input.number<std::int64_t>(), 0});
  std::string store = directory.path("store");
  std::filesystem::remove_all(store);
  ::mkdir(store.c_str(), 0700);
  std::string name = name_from(input);
  for (int made = 0; !input.empty() && made < 16; ++made) make(store, directory, input);
  bool is_name = snapshot::why_not_a_name(name).empty();
  // As it was left, or after one more scan.
  if (is_name && name.size() % 2 == 0) scan_into_it(store, name);
  mount_it(store);
  return 0;
}
