// SPDX-License-Identifier: MIT
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "snapshot/children.h"
#include "snapshot/derive.h"
#include "snapshot/entry_reader.h"
#include "snapshot/in_use.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot {

namespace {

constexpr std::uint64_t manifest_limit_bytes = std::uint64_t{1} << 30;

std::string record_text(std::uint64_t index) {
  return "record " + std::to_string(index);
}

bool known_state(std::uint16_t state) noexcept {
  return !state_name(state).empty();
}

}  // namespace

Totals Directory::totals() const noexcept {
  return totals_of(record);
}

std::shared_ptr<const Snapshot> Snapshot::open(const std::string& path) {
  return open(AT_FDCWD, path);
}

std::shared_ptr<const Snapshot> Snapshot::open(int directory, const std::string& path, Hold hold) {
  Fd opened = open_at(directory, path, O_RDONLY | O_DIRECTORY);
  Fd mark = mark_as_read(opened.get());
  std::shared_ptr<Snapshot> snapshot = open_shards(
      opened.get(), parse_manifest(read_file(opened.get(), format::manifest_name, manifest_limit_bytes)));
  if (hold == Hold::while_open) snapshot->mark_ = std::move(mark);
  return snapshot;
}

std::shared_ptr<const Snapshot> Snapshot::open(int snapshot_directory, Manifest manifest) {
  return open_shards(snapshot_directory, std::move(manifest));
}

std::shared_ptr<Snapshot> Snapshot::open_shards(int snapshot_directory, Manifest read) {
  std::shared_ptr<Snapshot> snapshot(new Snapshot);
  snapshot->manifest_ = std::move(read);
  const Manifest& manifest = snapshot->manifest_;
  snapshot->shards_.reserve(manifest.shards.size());
  for (std::uint32_t number = 0; number < manifest.shards.size(); ++number) {
    snapshot->shards_.push_back(std::make_unique<ShardReader>(snapshot_directory, manifest, number));
    snapshot->entry_count_ += snapshot->shards_.back()->records(format::array_entries);
  }
  if (snapshot->shards_[0]->records(format::array_entries) == 0)
    throw FormatError(format::manifest_name, "/shards/0", rule::entry_root, "the root is not in shard 0");
  return snapshot;
}

Snapshot::~Snapshot() = default;

const ShardReader& Snapshot::shard_at(std::uint32_t number, const char* what) const {
  if (number >= shards_.size())
    throw FormatError(format::manifest_name, "/shards", what, "there is no shard " + std::to_string(number));
  return *shards_[number];
}

Directory Snapshot::root_directory() const {
  Directory root = directory({0, 0});
  if (root.record.entry != 0 || root.parent() != Place{0, 0})
    throw FormatError(shards_[0]->file_name(format::array_directories), record_text(0), rule::entry_root,
                      "is not the root's");
  return root;
}

Entry Snapshot::entry(Place place) const {
  const ShardReader& shard = shard_at(place.shard, rule::entry_index);
  RememberedAttributes none;
  return read_entry(shard, place.index, manifest_.devices.size(), none);
}

Directory Snapshot::directory(Place place) const {
  const ShardReader& shard = shard_at(place.shard, rule::directory_index);
  Directory directory{
      place, shard.record<format::Directory>(format::array_directories, place.index, rule::directory_index)};
  const format::Directory& record = directory.record;
  auto broken = [&](const char* rule, const char* detail) {
    return FormatError(shard.file_name(format::array_directories), record_text(place.index), rule, detail);
  };
  if (!known_state(record.state)) throw broken(rule::directory_state, "has an unknown state");
  if ((record.access & ~format::known_access) != 0 || (record.flags & ~format::known_directory_flags) != 0)
    throw broken(rule::directory_flags, "has an unknown flag");
  if (record.reserved[0] != 0 || record.reserved[1] != 0)
    throw broken(rule::directory_reserved, "reserved field is not zero");
  if ((record.depth == 0) != (place == Place{0, 0}))
    throw broken(rule::directory_parent, "has the wrong depth");
  if (record.parent_shard >= shards_.size() ||
      record.parent_index >= shards_[record.parent_shard]->records(format::array_directories))
    throw broken(rule::directory_parent, "has no parent");
  if (record.child_shard >= shards_.size()) throw broken(rule::directory_children, "has no such shard");
  const ShardReader& children = *shards_[record.child_shard];
  if (std::uint64_t{record.child_first} + record.child_count > children.records(format::array_entries))
    throw broken(rule::directory_children, "has children outside of the entries");
  if (std::uint64_t{record.dir_first} + record.dir_count > children.records(format::array_directories) ||
      record.dir_count > record.child_count)
    throw broken(rule::directory_subdirectories, "has subdirectories outside of the records");
  if (record.acl != format::no_acl && record.acl >= children.records(format::array_acls))
    throw broken(rule::directory_acl, "has an ACL outside of the ACLs");
  if (record.entry >= shard.records(format::array_entries))
    throw broken(rule::entry_directory, "has no entry");
  if (record.state != format::state_read && record.state != format::state_partial && record.child_count != 0)
    throw broken(rule::directory_unread, "was not listed but has children");
  if (record.newest_mtime_nanoseconds > 999'999'999 || record.newest_ctime_nanoseconds > 999'999'999)
    throw broken(rule::totals, "has a time out of range");
  return directory;
}

Directory Snapshot::directory_of(const Entry& entry) const {
  Directory found = directory({entry.place.shard, entry.directory_index});
  if (!entry.is_directory() || found.record.entry != entry.place.index)
    throw FormatError(shards_[entry.place.shard]->file_name(format::array_directories),
                      record_text(entry.directory_index), rule::entry_directory,
                      "does not belong to entry " + std::to_string(entry.place.index));
  return found;
}

Directory Snapshot::parent_of(const Directory& child) const {
  if (child.is_root()) return child;
  Directory parent = directory(child.parent());
  check_is_child(*this, parent, child);
  return parent;
}

Entry Snapshot::child(const Directory& directory, std::uint32_t position) const {
  return Children(*this, directory, position).next();
}

Directory Snapshot::subdirectory(const Directory& directory, std::uint32_t position) const {
  const ShardReader& shard = shard_at(directory.record.child_shard, rule::directory_subdirectories);
  if (position >= directory.record.dir_count)
    throw FormatError(shard.file_name(format::array_directories), record_text(position),
                      rule::directory_subdirectories, "is not a subdirectory of its directory");
  Directory below =
      Snapshot::directory({directory.record.child_shard, directory.record.dir_first + position});
  check_is_child(*this, directory, below);
  return below;
}

void Snapshot::check_readable(const Entry& entry) const {
  const ShardReader& shard = shard_at(entry.place.shard, rule::entry_index);
  shard.check_readable(entry.name);
  if (entry.is_symlink()) shard.check_readable(entry.target);
}

std::optional<Entry> Snapshot::find(const Directory& directory, std::string_view name) const {
  if (directory.record.child_count == 0) return std::nullopt;
  const ShardReader& shard = shard_at(directory.record.child_shard, rule::directory_children);
  auto order_at = [&](std::uint64_t position) {
    std::string_view at =
        read_name(shard, static_cast<std::uint32_t>(directory.record.child_first + position));
    int order = at.compare(name);
    shard.check_readable(at);  // that there is no such name is kept for long
    return order;
  };
  std::uint64_t low = 0;
  std::uint64_t high = directory.record.child_count;
  if (name.starts_with('.')) {
    // Such names are the first of nearly every directory. Steps that double from there look at few blocks of
    // a large one; halving would look at some all over it, each read and verified at its first use.
    for (std::uint64_t position = 0; position < high; position = 2 * position + 1) {
      if (order_at(position) >= 0)
        high = position + 1;
      else
        low = position + 1;
    }
  }
  while (low < high) {
    std::uint64_t middle = low + (high - low) / 2;
    int order = order_at(middle);
    if (order == 0) return child(directory, static_cast<std::uint32_t>(middle));
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return std::nullopt;
}

std::optional<Entry> Snapshot::resolve(std::string_view path) const {
  Entry at = root();
  while (!path.empty()) {
    std::size_t slash = path.find('/');
    std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty() || component == ".") {
      if (!at.is_directory()) return std::nullopt;
      continue;
    }
    if (!at.is_directory()) return std::nullopt;
    auto next = find(directory_of(at), component);
    if (!next) return std::nullopt;
    at = *next;
  }
  return at;
}

std::string Snapshot::path_of(const Directory& directory) const {
  std::vector<std::string_view> names;
  for (Directory at = directory; !at.is_root(); at = parent_of(at)) names.push_back(entry(at.entry()).name);
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += *name;
  }
  return path;
}

std::optional<Acl> Snapshot::acl(const Directory& directory) const {
  if (directory.record.acl == format::no_acl) return std::nullopt;
  const ShardReader& shard = shard_at(directory.record.child_shard, rule::directory_acl);
  auto head = shard.record<format::Acl>(format::array_acls, directory.record.acl, rule::directory_acl);
  std::uint64_t begin = directory.record.acl * format::acl_unit + sizeof head;
  std::uint64_t length = std::uint64_t{head.access_bytes} + head.default_bytes;
  const ArrayReader& acls = *shard.array(format::array_acls);
  if (head.access_bytes > format::acl_value_limit || head.default_bytes > format::acl_value_limit ||
      length == 0 || begin + length > acls.record_area_bytes())
    throw FormatError(shard.file_name(format::array_acls), record_text(directory.record.acl),
                      rule::directory_acl, "has a length out of range");
  Acl acl;
  acl.access_value.resize(head.access_bytes);
  acl.default_value.resize(head.default_bytes);
  acls.copy(begin, head.access_bytes, acl.access_value.data());
  acls.copy(begin + head.access_bytes, head.default_bytes, acl.default_value.data());
  return acl;
}

std::uint64_t Snapshot::error_count(std::uint32_t shard) const noexcept {
  return shards_[shard]->records(format::array_errors);
}

format::Error Snapshot::error(std::uint32_t shard, std::uint64_t index) const {
  const ShardReader& reader = shard_at(shard, rule::error_entry);
  auto error = reader.record<format::Error>(format::array_errors, index, rule::error_entry);
  auto broken = [&](const char* rule, const char* detail) {
    return FormatError(reader.file_name(format::array_errors), record_text(index), rule, detail);
  };
  if (error.entry_shard >= shards_.size() ||
      error.entry >= shards_[error.entry_shard]->records(format::array_entries))
    throw broken(rule::error_entry, "names no entry");
  if (error.call == 0 || error.call > format::last_call || error.error == 0 || error.reserved != 0)
    throw broken(rule::error_call, "has an unknown call or no errno");
  return error;
}

std::uint64_t Snapshot::number_of(Place entry) const noexcept {
  return shards_[entry.shard]->first_entry() + entry.index;
}

std::optional<Place> Snapshot::place_of(std::uint64_t entry_number) const noexcept {
  if (entry_number >= entry_count_) return std::nullopt;
  auto after =
      std::upper_bound(shards_.begin(), shards_.end(), entry_number,
                       [](std::uint64_t number, const auto& shard) { return number < shard->first_entry(); });
  // Shards without entries share their first entry number with the next one: the last of them holds it.
  std::uint32_t shard = static_cast<std::uint32_t>(after - shards_.begin()) - 1;
  return Place{shard, static_cast<std::uint32_t>(entry_number - shards_[shard]->first_entry())};
}

}  // namespace pwalk::snapshot
