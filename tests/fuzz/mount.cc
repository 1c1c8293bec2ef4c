// The mount's answers about a snapshot whose records the input has edited: look-ups of any name, listings
// from any cookie, and whatever else can be asked, of node ids that were given out and of any others.
// SPDX-License-Identifier: MIT
#include <vector>

#include "base/error.h"
#include "fuzz/edited_snapshot.h"
#include "mount/attributes.h"
#include "mount/log.h"
#include "mount/node_id.h"
#include "mount/source.h"
#include "mount/tree.h"

namespace pwalk::fuzz {

namespace {

using mount::Node;

void require_sane(const Node& node) {
  mode_t type = node.attributes.st_mode & S_IFMT;
  require(type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFCHR || type == S_IFBLK ||
          type == S_IFIFO || type == S_IFSOCK);
  require(node.attributes.st_ino != 0);
}

/// A buffer with so much room, as the kernel hands one.
class Page final : public mount::ListingSink {
 public:
  Page(std::size_t room, std::vector<std::uint64_t>& ids) : room_(room), ids_(ids) {}

  bool add(const char* name, const Node& node, std::uint64_t next) override {
    require(next > last_);
    std::string_view text(name);
    require(!text.empty() && text.find('/') == std::string_view::npos);
    require(node.id != 0 || text == "." || text == "..");
    require_sane(node);
    if (room_ == 0) return false;
    --room_;
    last_ = next;
    if (node.id != 0) ids_.push_back(node.id);
    return true;
  }

 private:
  std::size_t room_;
  std::uint64_t last_ = 0;
  std::vector<std::uint64_t>& ids_;
};

/// One question; what it reveals of further nodes goes to `ids`.
void ask(mount::Tree& tree, Input& input, std::vector<std::uint64_t>& ids) {
  auto kind = input.number<std::uint8_t>();
  std::uint64_t id =
      (kind & 8) != 0 ? input.number<std::uint64_t>() : ids[input.number<std::uint8_t>() % ids.size()];
  switch (kind % 8) {
    case 0:
    case 1: {
      mount::Lookup found = tree.look_up(id, input.text());
      require(found.node || (found.error > 0));
      if (found.node) require_sane(*found.node);
      if (found.node) ids.push_back(found.node->id);
      return;
    }
    case 2:
    case 3: {
      Page page(input.number<std::uint8_t>() % 64, ids);
      int error = tree.list(
          id, (kind & 16) != 0 ? input.number<std::uint64_t>() : input.number<std::uint8_t>(), page);
      require(error >= 0);
      return;
    }
    case 4:
      return require_sane(tree.node(id));
    case 5:
      require(tree.link_target(id).size() < 4096);
      return;
    case 6: {
      snapshot::Acl acl = tree.acl(id);
      require(mount::acl_attribute_names(acl).size() < 100);
      return;
    }
    default:
      tree.file_system(id);
      return;
  }
}

}  // namespace

}  // namespace pwalk::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace pwalk;
  static fuzz::EditedSnapshot snapshot;
  fuzz::Input input(bytes, length);
  snapshot.edit(input);
  std::string said;
  mount::Log log([&](const std::string& text) { said = text; });
  try {
    mount::Source source(snapshot.path(), log);
    mount::AclPolicy policy;
    policy.others_allowed = (input.number<std::uint8_t>() & 1) != 0;
    mount::Tree tree(source, policy, {});
    std::vector<std::uint64_t> ids{mount::root_node};
    for (int questions = 0; !input.empty() && questions < 200; ++questions) {
      try {
        fuzz::ask(tree, input, ids);
      } catch (const FormatError& error) {
        log.damage(tree.label(1), error);
      } catch (const std::system_error& error) {
        fuzz::require(error.code().value() > 0 && mount::sendable_error(error.code().value()) < 512);
      }
    }
  } catch (const FormatError&) {
  } catch (const std::system_error& error) {
    fuzz::require(error.code().value() == ENOTDIR);  // the root is not a directory
  }
  return 0;
}
