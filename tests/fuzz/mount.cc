// The mount's answers about a snapshot whose records the input has edited: look-ups of any name, listings
// from any cookie, what the views and the attributes of subtrees tell, and whatever else can be asked, of
// node ids that were given out and of any others, under any options.
// SPDX-License-Identifier: MIT
#include <string>
#include <string_view>
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

/// A name in the view `stat`, which is listed without its node.
bool is_in_stat(const Node& node) {
  return S_ISREG(node.attributes.st_mode) && node.attributes.st_ino >> 63 != 0;
}

/// A buffer with so much room, as the kernel hands one.
class Page final : public mount::ListingSink {
 public:
  Page(std::size_t room, std::vector<std::uint64_t>& ids) : room_(room), ids_(ids) {}

  bool add(const char* name, const Node& node, std::uint64_t next) override {
    require(next > last_);
    std::string_view text(name);
    require(!text.empty() && text.find('/') == std::string_view::npos);
    require(node.id != 0 || text == "." || text == ".." || is_in_stat(node));
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

/// What a view gives, in pieces and whole.
void read(mount::Tree& tree, std::uint64_t id, Input& input) {
  auto offset = input.number<std::uint32_t>();
  auto room = input.number<std::uint16_t>();
  bool directly = tree.is_read_directly(id);
  std::string piece = tree.read(id, offset, room);
  require(piece.size() <= room);
  // The manifest's reader makes room for all that is asked.
  if (mount::node_kind(id) == mount::NodeKind::snapshot_json) return;
  std::string text = tree.read(id, 0, std::size_t{16} << 20);
  require(piece == (offset < text.size() ? text.substr(offset, room) : ""));
  require(directly || text.size() == static_cast<std::uint64_t>(tree.node(id).attributes.st_size));
}

/// What listxattr(2) and getxattr(2) answer.
void ask_attributes(mount::Tree& tree, std::uint64_t id, Input& input) {
  std::string names = tree.attribute_names(id);
  require(names.empty() || names.back() == '\0');
  for (std::string_view rest = names; !rest.empty(); rest.remove_prefix(rest.find('\0') + 1)) {
    std::string_view name = rest.substr(0, rest.find('\0'));
    auto value = tree.recursive_attribute(id, name);
    require(value ? value->size() < 64 : mount::is_acl_attribute(name));
  }
  tree.recursive_attribute(id, input.text());
}

/// One question; what it reveals of further nodes goes to `ids`.
void ask(mount::Tree& tree, Input& input, std::vector<std::uint64_t>& ids) {
  auto kind = input.number<std::uint8_t>();
  std::uint64_t id =
      (kind & 8) != 0 ? input.number<std::uint64_t>() : ids[input.number<std::uint8_t>() % ids.size()];
  if ((kind & 64) != 0) return (kind & 32) != 0 ? ask_attributes(tree, id, input) : read(tree, id, input);
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
    mount::Source source(snapshot.path(), snapshot.open(), log);
    auto options = input.number<std::uint8_t>();
    auto has = [&](unsigned bit) { return (options & bit) != 0; };
    mount::AclPolicy policy;
    policy.others_allowed = has(1);
    policy.mode_trusted = has(32);
    mount::TotalsOptions totals;
    totals.for_all = has(2);
    totals.as_sizes = has(4);
    totals.as_attributes = has(8) || has(16);
    totals.listed = has(16);
    mount::Tree tree(source, policy, totals);
    tree.set_posix_acls_enforced(has(64));
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
