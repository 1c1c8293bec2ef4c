// From FUSE requests to questions about the tree, and one reply for each.
// SPDX-License-Identifier: MIT
#include "mount/operations.h"

#include <fuse_lowlevel.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/error.h"
#include "mount/acls.h"
#include "mount/attributes.h"
#include "mount/node_id.h"

namespace pwalk::mount {

namespace {

constexpr double year_seconds = 31536000;
constexpr double store_seconds = 1;  // snapshots come and go
// readdir(3) asks for half of that. Who asks for more gets it in pieces: others wait behind each.
constexpr std::size_t largest_listing = std::size_t{64} << 10;
constexpr std::size_t largest_read = std::size_t{1} << 20;  // the kernel asks for at most 256 pages

// ---- answers ----------------------------------------------------------------------------------------------

struct ErrorReply {
  int error;
};
struct EntryReply {
  fuse_entry_param parameters;
};
struct AttributesReply {
  struct stat attributes;
  double timeout;
};
struct TargetReply {
  std::string target;
};
struct OpenReply {
  fuse_file_info flags;
};
struct BytesReply {
  const char* bytes;
  std::size_t length;
};
struct TextReply {
  std::string text;
};
/// An extended attribute's value, or the names of all.
struct ExtendedReply {
  std::string bytes;
  std::size_t room;  // 0 asks for the length
};
struct FileSystemReply {
  struct statvfs numbers;
};
using Reply = std::variant<ErrorReply, EntryReply, AttributesReply, TargetReply, OpenReply, BytesReply,
                           TextReply, ExtendedReply, FileSystemReply>;

struct Sender {
  fuse_req_t request;
  void operator()(const ErrorReply& reply) const { fuse_reply_err(request, sendable_error(reply.error)); }
  void operator()(const EntryReply& reply) const { fuse_reply_entry(request, &reply.parameters); }
  void operator()(const AttributesReply& reply) const {
    fuse_reply_attr(request, &reply.attributes, reply.timeout);
  }
  void operator()(const TargetReply& reply) const { fuse_reply_readlink(request, reply.target.c_str()); }
  void operator()(const OpenReply& reply) const { fuse_reply_open(request, &reply.flags); }
  void operator()(const BytesReply& reply) const { fuse_reply_buf(request, reply.bytes, reply.length); }
  void operator()(const TextReply& reply) const {
    fuse_reply_buf(request, reply.text.data(), reply.text.size());
  }
  void operator()(const ExtendedReply& reply) const {
    if (reply.room == 0) {
      fuse_reply_xattr(request, reply.bytes.size());
    } else if (reply.bytes.size() > reply.room) {
      fuse_reply_err(request, ERANGE);
    } else {
      fuse_reply_buf(request, reply.bytes.data(), reply.bytes.size());
    }
  }
  void operator()(const FileSystemReply& reply) const { fuse_reply_statfs(request, &reply.numbers); }
};

/// The errno for what was thrown, told to the log where it is news.
int error_of_exception(Context& context, std::uint64_t node) noexcept {
  try {
    try {
      throw;
    } catch (const FormatError& error) {
      context.log.damage(context.tree.label(node), error);
      return EIO;
    } catch (const std::system_error& error) {
      int number = error.code().value();
      if (number == EIO || number == ENOMEM || number == EMFILE || number == ENFILE)
        context.log.once(error.what());
      return number;
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    } catch (const std::exception& error) {
      context.log.once(error.what());
      return EIO;
    }
  } catch (...) {  // out of memory while telling
    return EIO;
  }
}

/// Runs `body`, which returns a Reply or throws, and sends the one reply.
template <class Body>
void answer(fuse_req_t request, std::uint64_t node, Body body) noexcept {
  auto& context = *static_cast<Context*>(fuse_req_userdata(request));
  Reply reply = ErrorReply{EIO};
  try {
    reply = body(context);
  } catch (...) {
    reply = ErrorReply{error_of_exception(context, node)};
  }
  std::visit(Sender{request}, reply);
}

// ---- nodes ------------------------------------------------------------------------------------------------

void fill(fuse_entry_param& parameters, const Node& node) noexcept {
  parameters.ino = node.id;
  parameters.generation = node.generation;
  parameters.attr = node.attributes;
  parameters.attr_timeout = node.attributes_last ? year_seconds : store_seconds;
  parameters.entry_timeout = node.name_lasts ? year_seconds : store_seconds;
}

void look_up(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, parent, [&](Context& context) -> Reply {
    Lookup found = context.tree.look_up(parent, name);
    EntryReply reply{};
    if (found.node) {
      fill(reply.parameters, *found.node);
    } else if (found.lasts) {
      reply.parameters.entry_timeout = year_seconds;  // node id 0: the kernel keeps that there is none
    } else {
      return ErrorReply{found.error};
    }
    return reply;
  });
}

void get_attributes(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
  answer(request, id, [&](Context& context) -> Reply {
    Node node = context.tree.node(id);
    return AttributesReply{node.attributes, node.attributes_last ? year_seconds : store_seconds};
  });
}

void read_link(fuse_req_t request, fuse_ino_t id) {
  answer(request, id, [&](Context& context) -> Reply { return TargetReply{context.tree.link_target(id)}; });
}

void open_file(fuse_req_t request, fuse_ino_t id, fuse_file_info* file) {
  answer(request, id, [&](Context& context) -> Reply {
    OpenReply reply{*file};
    bool directly = context.tree.is_read_directly(id);
    reply.flags.direct_io = directly;
    reply.flags.keep_cache = !directly;
    reply.flags.noflush = 1;
    return reply;
  });
}

/// Takes as long as a list of errors that is put together anew, or as a directory has subdirectories.
bool is_slow(NodeKind kind) noexcept {
  return kind == NodeKind::errors || kind == NodeKind::own_json;
}

/// What is slow must not keep the threads from what others ask, however much of it is asked for in turn.
void read_file(fuse_req_t request, fuse_ino_t id, std::size_t room, off_t offset, fuse_file_info*) {
  auto read = [=](Context& context) -> Reply {
    return TextReply{context.tree.read(id, static_cast<std::uint64_t>(offset), std::min(room, largest_read))};
  };
  SlowLane* lane = static_cast<Context*>(fuse_req_userdata(request))->slow_lane;
  if (lane == nullptr || !is_slow(node_kind(id))) return answer(request, id, read);
  try {
    lane->add({[=] { answer(request, id, read); },
               [=] { answer(request, id, [](Context&) -> Reply { return ErrorReply{ENODEV}; }); }});
  } catch (const std::bad_alloc&) {
    answer(request, id, [](Context&) -> Reply { return ErrorReply{ENOMEM}; });
  }
}

void get_file_system(fuse_req_t request, fuse_ino_t id) {
  answer(request, id, [&](Context& context) -> Reply {
    return FileSystemReply{context.tree.file_system(id == 0 ? root_node : id)};
  });
}

// ---- extended attributes ----------------------------------------------------------------------------------

void get_extended(fuse_req_t request, fuse_ino_t id, const char* name, std::size_t room) {
  answer(request, id, [&](Context& context) -> Reply {
    // ls and others ask a file system that does not know an attribute no second time.
    std::optional<std::string> value = context.tree.recursive_attribute(id, name);
    if (!value && !is_acl_attribute(name)) return ErrorReply{EOPNOTSUPP};
    if (!value) value = acl_attribute(context.tree.acl(id), name);
    if (value->empty()) return ErrorReply{ENODATA};
    return ExtendedReply{*value, room};
  });
}

void list_extended(fuse_req_t request, fuse_ino_t id, std::size_t room) {
  answer(request, id, [&](Context& context) -> Reply {
    return ExtendedReply{context.tree.attribute_names(id), room};
  });
}

// ---- what needs no answer ---------------------------------------------------------------------------------

void forget(fuse_req_t request, fuse_ino_t, std::uint64_t) {
  fuse_reply_none(request);
}

void forget_many(fuse_req_t request, std::size_t, fuse_forget_data*) {
  fuse_reply_none(request);
}

// ---- directories ------------------------------------------------------------------------------------------

void open_directory(fuse_req_t request, fuse_ino_t id, fuse_file_info* file) {
  answer(request, id, [&](Context& context) -> Reply {
    if (context.opendir_never) return ErrorReply{ENOSYS};
    OpenReply reply{*file};
    if (context.tree.is_in_snapshot(id)) {
      reply.flags.cache_readdir = 1;
      reply.flags.keep_cache = 1;
    }
    return reply;
  });
}

/// One listing's bytes, in a buffer that each thread keeps: an allocation for each call, zero-filled, would
/// cost more than the entries in it.
class Buffer {
 public:
  char* at_least(std::size_t bytes) {
    if (bytes > capacity_) {
      memory_ = std::make_unique_for_overwrite<char[]>(bytes);
      capacity_ = bytes;
    }
    return memory_.get();
  }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
};

template <bool plus>
class Filler final : public ListingSink {
 public:
  Filler(fuse_req_t request, char* bytes, std::size_t room) : request_(request), bytes_(bytes), room_(room) {}

  bool add(const char* name, const Node& node, std::uint64_t next) override {
    std::size_t left = room_ - length_;
    std::size_t needed = 0;
    auto offset = static_cast<off_t>(next);
    if constexpr (plus) {
      fuse_entry_param parameters{};
      fill(parameters, node);
      // The kernel refuses a whole listing for one size beyond 2^63: let it ask for that entry alone.
      if (node.attributes.st_size < 0) parameters.ino = 0;
      needed = fuse_add_direntry_plus(request_, bytes_ + length_, left, name, &parameters, offset);
    } else {
      needed = fuse_add_direntry(request_, bytes_ + length_, left, name, &node.attributes, offset);
    }
    if (needed > left) {
      full_ = true;
      return false;
    }
    length_ += needed;
    return true;
  }

  std::size_t length() const noexcept { return length_; }
  bool full() const noexcept { return full_; }

 private:
  fuse_req_t request_;
  char* bytes_;
  std::size_t room_;
  std::size_t length_ = 0;
  bool full_ = false;
};

template <bool plus>
void read_directory(fuse_req_t request, fuse_ino_t id, std::size_t room, off_t offset, fuse_file_info*) {
  answer(request, id, [&](Context& context) -> Reply {
    thread_local Buffer buffer;
    room = std::min(room, largest_listing);
    char* bytes = buffer.at_least(room);
    Filler<plus> filler(request, bytes, room);
    int error = 0;
    try {
      error = context.tree.list(id, static_cast<std::uint64_t>(offset), filler);
    } catch (...) {
      // What came before a damaged entry is sent; the next request starts at it and gets the error.
      if (filler.length() == 0) error = listable_error(error_of_exception(context, id));
    }
    if (filler.length() > 0) return BytesReply{bytes, filler.length()};
    if (error != 0) return ErrorReply{error};
    // A name that is too long for FUSE. An empty listing would say that this is the end.
    if (filler.full()) return ErrorReply{ENAMETOOLONG};
    return BytesReply{bytes, 0};
  });
}

// ---- the connection ---------------------------------------------------------------------------------------

void start(void* user_data, fuse_conn_info* connection) {
  auto& context = *static_cast<Context*>(user_data);
  // Readdirplus for every listing: a cold du of a directory of 500,000 entries takes 2.4 s, with AUTO 6.0 s.
  // libfuse 3.14 does not pass PARALLEL_DIROPS on to the kernel.
  connection->want |= connection->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_EXPORT_SUPPORT |
                                             FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS);
  if (!context.readdirplus) connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS);
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
                             FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_IOCTL_DIR);
  // With it the kernel asks for a directory's ACL when it decides about one, and caches the answer.
  bool enforced = context.tree.may_have_acls() && (connection->capable & FUSE_CAP_POSIX_ACL) != 0;
  if (enforced) connection->want |= FUSE_CAP_POSIX_ACL;
  context.tree.set_posix_acls_enforced(enforced);
  context.opendir_never =
      context.tree.is_one_snapshot() && (connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0;
  connection->time_gran = 1;
  if (context.ready) std::exchange(context.ready, nullptr)();
}

fuse_lowlevel_ops make_operations(bool with_attributes) noexcept {
  fuse_lowlevel_ops table{};
  table.init = start;
  table.lookup = look_up;
  table.forget = forget;
  table.forget_multi = forget_many;
  table.getattr = get_attributes;
  table.readlink = read_link;
  table.open = open_file;
  table.read = read_file;
  table.opendir = open_directory;
  table.readdir = read_directory<false>;
  table.readdirplus = read_directory<true>;
  table.statfs = get_file_system;
  if (with_attributes) {
    table.getxattr = get_extended;
    table.listxattr = list_extended;
  }
  return table;
}

}  // namespace

const fuse_lowlevel_ops& operations(bool with_attributes) noexcept {
  static const fuse_lowlevel_ops without = make_operations(false);
  static const fuse_lowlevel_ops with = make_operations(true);
  return with_attributes ? with : without;
}

}  // namespace pwalk::mount
