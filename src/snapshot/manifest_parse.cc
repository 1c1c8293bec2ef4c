// Reading the manifest: first what it is and what stands alone in it, then its lists.
// SPDX-License-Identifier: MIT
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"
#include "snapshot/manifest_json.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot {

namespace {

using Object = JsonObject;

[[noreturn]] void broken(const std::string& place, const char* rule, const std::string& detail) {
  broken_manifest(place, rule, detail);
}

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

void read_owner(const Object& object, const char* key, std::map<std::uint32_t, OwnerTotals>& owners) {
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
    manifest.options[name] = Object::text(value, "/options/" + printable(name));
  read_file_system(top, manifest.file_system);
}

void read_ancestor(const Object& object, Ancestor& ancestor) {
  ancestor.mode = static_cast<std::uint16_t>(object.number("mode", 07777));
  object.get("uid", ancestor.uid);
  object.get("gid", ancestor.gid);
  object.get("acl", ancestor.acl);
}

void read_mount(const Object& object, Mount& mount) {
  object.get("mount_id", mount.mount_id);
  object.get("major", mount.major);
  object.get("minor", mount.minor);
  object.get("root", mount.root);
  object.get("mount_point", mount.mount_point);
  object.get("type", mount.type);
  object.get("source", mount.source);
  object.get("options", mount.options);
}

void read_device(const Object& object, Device& device) {
  object.get("major", device.major);
  object.get("minor", device.minor);
  object.get("type", device.type);
  object.get("inode_min", device.inode_min);
  object.get("inode_max", device.inode_max);
  if (device.inode_min > device.inode_max)
    broken(object.place("inode_min"), rule::manifest_members, "larger than inode_max");
}

/// The number of a name; 0 where there is none. Numbers between others may have no name, so an empty one is
/// none.
template <class Names>
std::uint16_t code_of(const Names& name_of, std::uint16_t last, std::string_view name) {
  for (std::uint16_t code = 1; code <= last; ++code)
    if (!name.empty() && name_of(code) == name) return code;
  return 0;
}

void read_error(const Object& object, ErrorCount& count) {
  std::string call;
  object.get("call", call);
  count.call = code_of(call_name, format::last_call, call);
  if (count.call == 0) broken(object.place("call"), rule::manifest_members, "unknown call");
  object.get("errno", count.error);
  object.get("errors", count.errors);
}

void read_counts(const Object& top, Manifest& manifest) {
  read_totals(top, manifest.totals);
  top.get("vanished_entries", manifest.vanished_entries);
  top.get("duplicate_names", manifest.duplicate_names);
  if (top.has("excluded_entries")) top.get("excluded_entries", manifest.excluded_entries);
  for (const auto& [name, value] : top.object("unread").items()) {
    std::uint16_t state = code_of(state_name, format::state_last_excluded, name);
    if (state <= format::state_read || !value.is_number_unsigned())
      broken("/unread/" + printable(name), rule::manifest_members, "unknown state, or not a number");
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

/// Its files are in it already. `next_entry` is the number of entries before, and then of those with it.
void read_shard(const Object& object, Shard& shard, std::uint64_t& next_entry) {
  object.get("first_entry", shard.first_entry);
  if (shard.first_entry != next_entry)
    broken(object.place("first_entry"), rule::manifest_shards, "does not follow the shard before");
  for (const ArrayFile& file : shard.files)
    if (file.array == format::array_entries) next_entry += file.records;
  if (next_entry >> format::entry_number_bits != 0)
    broken(object.place("files"), rule::manifest_shards, "more than 2^40 entries");
}

void read_part(const Object& object, Part& part) {
  object.get("first_shard", part.first_shard);
  object.get("shards", part.shards);
}

void check_shards(const Manifest& manifest, std::uint64_t entries) {
  if (entries == 0) broken("/shards", rule::manifest_shards, "no entry, not even the root");
  if (manifest.parts.size() != 1 || manifest.parts[0].first_shard != 0 ||
      manifest.parts[0].shards != manifest.shards.size())
    broken("/parts", rule::manifest_shards, "not one part with all shards");
}

/// What a list leaves behind when it begins (anew), and what each of its elements adds.
template <class Element>
JsonList list_of(const char* name, std::vector<Element>& elements, void (*read)(const Object&, Element&)) {
  return {name, [&] { elements.clear(); },
          [&, read](const Object& object) { read(object, elements.emplace_back()); }};
}

JsonList owners_list(const char* name, const char* key, std::map<std::uint32_t, OwnerTotals>& owners) {
  return {name, [&] { owners.clear(); }, [&, key](const Object& object) { read_owner(object, key, owners); }};
}

void read_lists(std::string_view text, Manifest& manifest) {
  JsonList ancestors{"ancestors", [&] { manifest.ancestors.emplace(); },
                     [&](const Object& object) { read_ancestor(object, manifest.ancestors->emplace_back()); },
                     false};
  JsonList mounts = list_of("mounts", manifest.mounts, read_mount);
  JsonList devices = list_of("devices", manifest.devices, read_device);
  JsonList by_uid = owners_list("by_uid", "uid", manifest.by_uid);
  JsonList by_gid = owners_list("by_gid", "gid", manifest.by_gid);
  JsonList errors = list_of("errors", manifest.errors, read_error);
  JsonList parts = list_of("parts", manifest.parts, read_part);
  std::uint64_t next_entry = 0;
  Shard shard;  // the one that is being read
  JsonList shards{"shards",
                  [&] {
                    manifest.shards.clear();
                    next_entry = 0;
                  },
                  [&](const Object& object) {
                    if (manifest.shards.size() == format::shards_limit)
                      broken("/shards", rule::manifest_shards, "more than 65,536");
                    read_shard(object, shard, next_entry);
                    manifest.shards.push_back(std::exchange(shard, {}));
                  }};
  JsonList files{"files", [&] { shard.files.clear(); },
                 [&](const Object& object) {
                   read_file(object, static_cast<std::uint32_t>(manifest.shards.size()), shard);
                 },
                 true, &shards};
  read_json(text, {}, {&ancestors, &mounts, &devices, &by_uid, &by_gid, &errors, &parts, &shards, &files});
  check_shards(manifest, next_entry);
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
  std::optional<Json> json =
      read_json(text,
                {"format", "version", "incompatible", "compatible", "uuid", "complete", "program", "host",
                 "root", "slot", "start", "end", "options", "file_system", "totals", "vanished_entries",
                 "duplicate_names", "excluded_entries", "unread"},
                {});
  if (!json) broken("", rule::manifest_hash, "not a JSON object");
  Object top(*json, "");
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
  read_lists(text, manifest);
  return manifest;
}

}  // namespace pwalk::snapshot
