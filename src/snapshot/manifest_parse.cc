// Reading the manifest: each getter names the place of what is missing or out of range.
// SPDX-License-Identifier: MIT
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot {

namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void broken(const std::string& place, const char* rule, const std::string& detail) {
  throw FormatError(format::manifest_name, place, rule, detail);
}

/// One JSON object of the manifest and where it stands.
class Object {
 public:
  Object(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.is_object()) broken(place_, rule::manifest_members, "not an object");
  }

  const Json& member(const char* name) const {
    auto found = json_.find(name);
    if (found == json_.end()) broken(place_ + "/" + name, rule::manifest_members, "missing");
    return *found;
  }
  bool has(const char* name) const { return json_.contains(name); }
  std::string place(const char* name) const { return place_ + "/" + name; }

  std::uint64_t number(const char* name,
                       std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) const {
    const Json& value = member(name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit)
      broken(place(name), rule::manifest_members, "not a number in its range");
    return value.get<std::uint64_t>();
  }
  template <class Number>
  void get(const char* name, Number& out) const {
    out = static_cast<Number>(number(name, std::numeric_limits<Number>::max()));
  }
  void get(const char* name, bool& out) const {
    const Json& value = member(name);
    if (!value.is_boolean()) broken(place(name), rule::manifest_members, "not a boolean");
    out = value.get<bool>();
  }
  /// A percent-encoded string, decoded.
  void get(const char* name, std::string& out) const { out = text(member(name), place(name)); }
  void get(const char* name, Timestamp& out) const {
    Object time(member(name), place(name));
    const Json& seconds = time.member("seconds");
    if (!seconds.is_number_integer() ||
        (seconds.is_number_unsigned() &&
         seconds.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())))
      broken(time.place("seconds"), rule::manifest_members, "not a number in its range");
    out.seconds = seconds.get<std::int64_t>();
    out.nanoseconds = static_cast<std::uint32_t>(time.number("nanoseconds", 999'999'999));
  }
  const Json& array(const char* name) const {
    const Json& value = member(name);
    if (!value.is_array()) broken(place(name), rule::manifest_members, "not an array");
    return value;
  }
  /// Calls `take(Object)` for each element of an array of objects.
  template <class Take>
  void each(const char* name, Take take) const {
    std::size_t position = 0;
    for (const Json& element : array(name))
      take(Object(element, place(name) + "/" + std::to_string(position++)));
  }
  const Json& object(const char* name) const {
    const Json& value = member(name);
    if (!value.is_object()) broken(place(name), rule::manifest_members, "not an object");
    return value;
  }

  static std::string text(const Json& value, const std::string& place) {
    if (!value.is_string()) broken(place, rule::manifest_members, "not a string");
    auto decoded = percent_decode(value.get_ref<const std::string&>());
    if (!decoded) broken(place, rule::manifest_members, "not percent-encoded");
    return *decoded;
  }

 private:
  const Json& json_;
  std::string place_;
};

std::uint64_t hex_number(const Object& object, const char* name) {
  std::string digits;
  object.get(name, digits);
  auto bytes = from_hex(digits);
  if (digits.size() != 16 || !bytes) broken(object.place(name), rule::manifest_members, "not 16 digits");
  std::uint64_t value = 0;
  for (char byte : *bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void read_uuid(const Object& top, Manifest& manifest) {
  std::string text;
  top.get("uuid", text);
  std::string digits;
  for (char c : text)
    if (c != '-') digits += c;
  auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != manifest.uuid.size()) broken("/uuid", rule::manifest_members, "not a uuid");
  std::memcpy(manifest.uuid.data(), bytes->data(), manifest.uuid.size());
  if (uuid_text(manifest.uuid) != text) broken("/uuid", rule::manifest_members, "not a uuid");
}

void read_totals(const Object& top, Totals& totals) {
  Object object(top.member("totals"), "/totals");
  object.get("entries", totals.entries);
  object.get("files", totals.files);
  object.get("directories", totals.directories);
  object.get("symlinks", totals.symlinks);
  object.get("apparent_bytes", totals.apparent_bytes);
  object.get("directory_bytes", totals.directory_bytes);
  object.get("disk_bytes", totals.disk_bytes);
  object.get("errors", totals.errors);
  object.get("excess_inodes", totals.excess_inodes);
  object.get("excess_apparent", totals.excess_apparent);
  object.get("excess_disk", totals.excess_disk);
  object.get("newest_mtime", totals.newest_mtime);
  object.get("newest_ctime", totals.newest_ctime);
  if (object.number("others") != totals.others())
    broken("/totals/others", rule::manifest_totals, "is not entries - files - directories - symlinks");
}

void read_owners(const Object& top, const char* list, const char* key,
                 std::map<std::uint32_t, OwnerTotals>& owners) {
  top.each(list, [&](const Object& object) {
    std::uint32_t number = 0;
    object.get(key, number);
    auto [place, added] = owners.try_emplace(number);
    if (!added) broken(object.place(key), rule::manifest_members, "listed twice");
    OwnerTotals& totals = place->second;
    object.get("entries", totals.entries);
    object.get("apparent_bytes", totals.apparent_bytes);
    object.get("disk_bytes", totals.disk_bytes);
    object.get("excess_inodes", totals.excess_inodes);
    object.get("excess_apparent", totals.excess_apparent);
    object.get("excess_disk", totals.excess_disk);
  });
}

void read_file_system(const Object& top, FileSystem& file_system) {
  Object object(top.member("file_system"), "/file_system");
  object.get("magic", file_system.magic);
  object.get("block_bytes", file_system.block_bytes);
  object.get("blocks", file_system.blocks);
  object.get("blocks_free", file_system.blocks_free);
  object.get("blocks_available", file_system.blocks_available);
  object.get("inodes", file_system.inodes);
  object.get("inodes_free", file_system.inodes_free);
  object.get("name_bytes_max", file_system.name_bytes_max);
}

void read_origin(const Object& top, Manifest& manifest) {
  top.get("complete", manifest.complete);
  top.get("program", manifest.program);
  top.get("host", manifest.host);
  top.get("root", manifest.root);
  if (manifest.root.empty() || manifest.root[0] != '/' || manifest.root.find('\0') != std::string::npos)
    broken("/root", rule::manifest_members, "not an absolute path");
  manifest.slot = static_cast<std::uint32_t>(top.number("slot", format::store_slots - 1));
  top.get("start", manifest.start);
  top.get("end", manifest.end);
  for (const auto& [name, value] : top.object("options").items())
    manifest.options[name] = Object::text(value, "/options/" + name);
  if (top.has("ancestors")) {
    manifest.ancestors.emplace();
    top.each("ancestors", [&](const Object& object) {
      Ancestor& ancestor = manifest.ancestors->emplace_back();
      ancestor.mode = static_cast<std::uint16_t>(object.number("mode", 07777));
      object.get("uid", ancestor.uid);
      object.get("gid", ancestor.gid);
      object.get("acl", ancestor.acl);
    });
  }
  read_file_system(top, manifest.file_system);
  top.each("mounts", [&](const Object& object) {
    Mount& mount = manifest.mounts.emplace_back();
    object.get("mount_id", mount.mount_id);
    object.get("major", mount.major);
    object.get("minor", mount.minor);
    object.get("root", mount.root);
    object.get("mount_point", mount.mount_point);
    object.get("type", mount.type);
    object.get("source", mount.source);
    object.get("options", mount.options);
  });
  top.each("devices", [&](const Object& object) {
    Device& device = manifest.devices.emplace_back();
    object.get("major", device.major);
    object.get("minor", device.minor);
    object.get("type", device.type);
    object.get("inode_min", device.inode_min);
    object.get("inode_max", device.inode_max);
    if (device.inode_min > device.inode_max)
      broken(object.place("inode_min"), rule::manifest_members, "larger than inode_max");
  });
}

/// The number of a name; 0 where there is none. Numbers between others may have no name, so an empty one is
/// none.
template <class Names>
std::uint16_t code_of(const Names& name_of, std::uint16_t last, std::string_view name) {
  for (std::uint16_t code = 1; code <= last; ++code)
    if (!name.empty() && name_of(code) == name) return code;
  return 0;
}

void read_counts(const Object& top, Manifest& manifest) {
  read_totals(top, manifest.totals);
  read_owners(top, "by_uid", "uid", manifest.by_uid);
  read_owners(top, "by_gid", "gid", manifest.by_gid);
  top.each("errors", [&](const Object& object) {
    ErrorCount& count = manifest.errors.emplace_back();
    std::string call;
    object.get("call", call);
    count.call = code_of(call_name, format::last_call, call);
    if (count.call == 0) broken(object.place("call"), rule::manifest_members, "unknown call");
    object.get("errno", count.error);
    object.get("errors", count.errors);
  });
  top.get("vanished_entries", manifest.vanished_entries);
  top.get("duplicate_names", manifest.duplicate_names);
  if (top.has("excluded_entries")) top.get("excluded_entries", manifest.excluded_entries);
  for (const auto& [name, value] : top.object("unread").items()) {
    std::uint16_t state = code_of(state_name, format::state_last_excluded, name);
    if (state <= format::state_read || !value.is_number_unsigned())
      broken("/unread/" + name, rule::manifest_members, "unknown state, or not a number");
    manifest.unread[state] = value.get<std::uint64_t>();
  }
}

void read_file(const Object& object, std::uint32_t shard, Shard& out) {
  ArrayFile file;
  std::string array;
  object.get("array", array);
  object.get("file_name", file.file_name);
  object.get("file_bytes", file.file_bytes);
  object.get("records", file.records);
  file.hash = hex_number(object, "hash");
  file.array = code_of([](std::uint16_t code) { return array_name(code); }, format::array_kinds - 1, array);
  if (file.file_name.empty() || file.file_name.find('/') != std::string::npos || file.file_name[0] == '.')
    broken(object.place("file_name"), rule::manifest_members, "not a file name");
  if (file.array != 0) {
    std::uint64_t limit = file.array == format::array_names ? format::names_limit : format::records_limit;
    if (file.records == 0 || file.records > limit)
      broken(object.place("records"), rule::manifest_shards, "not in the range of an array");
    if (file.file_name != array_file_name(shard, file.array))
      broken(object.place("file_name"), rule::manifest_shards, "not the name of this array");
    if (file.file_bytes != array_file_bytes(file.records * array_record_bytes(file.array)))
      broken(object.place("file_bytes"), rule::manifest_shards, "not the length of so many records");
    for (const ArrayFile& other : out.files)
      if (other.array >= file.array) broken(object.place("array"), rule::manifest_shards, "not in order");
  }
  out.files.push_back(std::move(file));
}

void read_shards(const Object& top, Manifest& manifest) {
  std::uint64_t next_entry = 0;
  top.each("shards", [&](const Object& object) {
    auto number = static_cast<std::uint32_t>(manifest.shards.size());
    Shard shard;
    object.get("first_entry", shard.first_entry);
    if (shard.first_entry != next_entry)
      broken(object.place("first_entry"), rule::manifest_shards, "does not follow the shard before");
    object.each("files", [&](const Object& file) { read_file(file, number, shard); });
    for (const ArrayFile& file : shard.files)
      if (file.array == format::array_entries) next_entry += file.records;
    if (next_entry >> format::entry_number_bits != 0)
      broken(object.place("files"), rule::manifest_shards, "more than 2^40 entries");
    manifest.shards.push_back(std::move(shard));
  });
  if (next_entry == 0) broken("/shards", rule::manifest_shards, "no entry, not even the root");
  std::uint32_t next_shard = 0;
  top.each("parts", [&](const Object& object) {
    Part& part = manifest.parts.emplace_back();
    object.get("first_shard", part.first_shard);
    object.get("shards", part.shards);
    if (part.first_shard != next_shard || part.shards > manifest.shards.size() - next_shard)
      broken(object.place("first_shard"), rule::manifest_shards, "parts do not follow one another");
    next_shard += part.shards;
  });
  if (manifest.parts.size() != 1 || next_shard != manifest.shards.size())
    broken("/parts", rule::manifest_shards, "not one part with all shards");
}

void check_hash(std::string_view text) {
  std::size_t tail_bytes = manifest_tail("").size();
  if (text.size() < tail_bytes) broken("", rule::manifest_hash, "too short");
  std::string_view body = text.substr(0, text.size() - tail_bytes);
  if (text.substr(body.size()) != manifest_tail(body))
    broken("/hash", rule::manifest_hash, "is not the hash of the text before it");
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
  // The version comes before the hash: a newer format may end in another way, and deserves its own words.
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) broken("", rule::manifest_hash, "not a JSON object");
  Object top(json, "");
  std::string name;
  top.get("format", name);
  if (name != format::manifest_format) broken("/format", rule::manifest_version, "not a pwalk snapshot");
  std::uint64_t version = top.number("version");
  if (version > format::version)
    broken("/version", rule::manifest_version,
           "format version " + std::to_string(version) + " is newer than this program knows (" +
               std::to_string(format::version) + "): use a newer pwalk");
  if (version == 0) broken("/version", rule::manifest_version, "no such format version");
  check_hash(text);
  Manifest manifest;
  top.get("incompatible", manifest.incompatible);
  top.get("compatible", manifest.compatible);
  if ((manifest.incompatible & ~format::known_incompatible) != 0)
    broken("/incompatible", rule::manifest_features, "uses a feature that this program does not know");
  read_uuid(top, manifest);
  read_origin(top, manifest);
  read_counts(top, manifest);
  read_shards(top, manifest);
  return manifest;
}

}  // namespace pwalk::snapshot
