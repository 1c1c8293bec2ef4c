// SPDX-License-Identifier: MIT
#include "snapshot/manifest.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/text.h"
#include "snapshot/format.h"

namespace pwalk::snapshot {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view array_names[format::array_kinds] = {
    "", "entries", "directories", "names", "attributes", "acls", "wide", "errors"};
constexpr std::uint32_t array_sizes[format::array_kinds] = {0,
                                                            sizeof(format::Entry),
                                                            sizeof(format::Directory),
                                                            1,
                                                            sizeof(format::Attributes),
                                                            sizeof(format::Acl),
                                                            sizeof(format::Wide),
                                                            sizeof(format::Error)};
constexpr std::string_view call_names[format::last_call + 1] = {"",      "openat",     "getdents64",
                                                                "statx", "readlinkat", "fgetxattr"};

struct StateName {
  std::uint16_t state;
  std::string_view name;
};
constexpr StateName state_names[] = {
    {format::state_read, "read"},
    {format::state_failed, "failed"},
    {format::state_partial, "partial"},
    {format::state_not_reached, "not_reached"},
    {format::state_vanished, "vanished"},
    {format::state_excluded_pattern, "excluded_pattern"},
    {format::state_excluded_file, "excluded_file"},
    {format::state_excluded_other_file_system, "excluded_other_file_system"},
    {format::state_excluded_kernel_file_system, "excluded_kernel_file_system"},
    {format::state_excluded_own_output, "excluded_own_output"},
    {format::state_excluded_pwalk_mount, "excluded_pwalk_mount"},
    {format::state_excluded_cache_directory, "excluded_cache_directory"},
    {format::state_excluded_snapshot_directory, "excluded_snapshot_directory"},
    {format::state_excluded_depth, "excluded_depth"},
    {format::state_excluded_loop, "excluded_loop"},
};

Json timestamp_json(Timestamp time) {
  return Json{{"seconds", time.seconds}, {"nanoseconds", time.nanoseconds}};
}

Json totals_json(const Totals& totals) {
  return Json{{"entries", totals.entries},
              {"files", totals.files},
              {"directories", totals.directories},
              {"symlinks", totals.symlinks},
              {"others", totals.others()},
              {"apparent_bytes", totals.apparent_bytes},
              {"directory_bytes", totals.directory_bytes},
              {"disk_bytes", totals.disk_bytes},
              {"errors", totals.errors},
              {"excess_inodes", totals.excess_inodes},
              {"excess_apparent", totals.excess_apparent},
              {"excess_disk", totals.excess_disk},
              {"newest_mtime", timestamp_json(totals.newest_mtime)},
              {"newest_ctime", timestamp_json(totals.newest_ctime)}};
}

Json owners_json(const std::map<std::uint32_t, OwnerTotals>& owners, const char* key) {
  Json list = Json::array();
  for (const auto& [number, totals] : owners)
    list.push_back({{key, number},
                    {"entries", totals.entries},
                    {"apparent_bytes", totals.apparent_bytes},
                    {"disk_bytes", totals.disk_bytes},
                    {"excess_inodes", totals.excess_inodes},
                    {"excess_apparent", totals.excess_apparent},
                    {"excess_disk", totals.excess_disk}});
  return list;
}

Json file_system_json(const FileSystem& file_system) {
  return Json{{"magic", file_system.magic},
              {"block_bytes", file_system.block_bytes},
              {"blocks", file_system.blocks},
              {"blocks_free", file_system.blocks_free},
              {"blocks_available", file_system.blocks_available},
              {"inodes", file_system.inodes},
              {"inodes_free", file_system.inodes_free},
              {"name_bytes_max", file_system.name_bytes_max}};
}

Json mounts_json(const std::vector<Mount>& mounts) {
  Json list = Json::array();
  for (const Mount& mount : mounts)
    list.push_back({{"mount_id", mount.mount_id},
                    {"major", mount.major},
                    {"minor", mount.minor},
                    {"root", percent_encode(mount.root)},
                    {"mount_point", percent_encode(mount.mount_point)},
                    {"type", percent_encode(mount.type)},
                    {"source", percent_encode(mount.source)},
                    {"options", percent_encode(mount.options)}});
  return list;
}

Json devices_json(const std::vector<Device>& devices) {
  Json list = Json::array();
  for (const Device& device : devices)
    list.push_back({{"major", device.major},
                    {"minor", device.minor},
                    {"type", percent_encode(device.type)},
                    {"inode_min", device.inode_min},
                    {"inode_max", device.inode_max}});
  return list;
}

Json ancestors_json(const std::vector<Ancestor>& ancestors) {
  Json list = Json::array();
  for (const Ancestor& ancestor : ancestors)
    list.push_back(
        {{"mode", ancestor.mode}, {"uid", ancestor.uid}, {"gid", ancestor.gid}, {"acl", ancestor.acl}});
  return list;
}

Json shards_json(const std::vector<Shard>& shards) {
  Json list = Json::array();
  for (const Shard& shard : shards) {
    Json files = Json::array();
    for (const ArrayFile& file : shard.files)
      files.push_back({{"array", array_name(file.array)},
                       {"file_name", percent_encode(file.file_name)},
                       {"file_bytes", file.file_bytes},
                       {"records", file.records},
                       {"hash", hex64(file.hash)}});
    list.push_back({{"first_entry", shard.first_entry}, {"files", files}});
  }
  return list;
}

Json manifest_json(const Manifest& manifest) {
  Json options = Json::object();
  for (const auto& [name, value] : manifest.options) options[name] = percent_encode(value);
  Json errors = Json::array();
  for (const ErrorCount& count : manifest.errors)
    errors.push_back({{"call", call_name(count.call)},
                      {"errno", count.error},
                      {"errno_name", errno_name(count.error)},
                      {"errors", count.errors}});
  Json unread = Json::object();
  for (const auto& [state, directories] : manifest.unread)
    unread[std::string(state_name(state))] = directories;
  Json parts = Json::array();
  for (const Part& part : manifest.parts)
    parts.push_back({{"first_shard", part.first_shard}, {"shards", part.shards}});
  Json json{{"format", format::manifest_format},
            {"version", format::version},
            {"incompatible", manifest.incompatible},
            {"compatible", manifest.compatible},
            {"uuid", uuid_text(manifest.uuid)},
            {"complete", manifest.complete},
            {"program", percent_encode(manifest.program)},
            {"host", percent_encode(manifest.host)},
            {"root", percent_encode(manifest.root)},
            {"slot", manifest.slot},
            {"start", timestamp_json(manifest.start)},
            {"end", timestamp_json(manifest.end)},
            {"options", options},
            {"totals", totals_json(manifest.totals)},
            {"by_uid", owners_json(manifest.by_uid, "uid")},
            {"by_gid", owners_json(manifest.by_gid, "gid")},
            {"errors", errors},
            {"vanished_entries", manifest.vanished_entries},
            {"duplicate_names", manifest.duplicate_names},
            {"unread", unread},
            {"file_system", file_system_json(manifest.file_system)},
            {"mounts", mounts_json(manifest.mounts)},
            {"devices", devices_json(manifest.devices)},
            {"parts", parts},
            {"shards", shards_json(manifest.shards)}};
  if (manifest.excluded_entries != 0) json["excluded_entries"] = manifest.excluded_entries;
  if (manifest.ancestors) json["ancestors"] = ancestors_json(*manifest.ancestors);
  return json;
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  std::string text = manifest_json(manifest).dump(1);
  text.resize(text.size() - 2);  // the closing "\n}"
  text += ",\n";
  return text + manifest_tail(text);
}

std::string manifest_tail(std::string_view body) {
  return " \"hash\": \"" + hex64(hash64(body.data(), body.size())) + "\"\n}\n";
}

std::string_view array_name(std::uint32_t array) noexcept {
  return array < format::array_kinds ? array_names[array] : std::string_view();
}

std::uint32_t array_record_bytes(std::uint32_t array) noexcept {
  return array < format::array_kinds ? array_sizes[array] : 0;
}

std::string_view state_name(std::uint16_t state) noexcept {
  for (const StateName& known : state_names)
    if (known.state == state) return known.name;
  return {};
}

std::string_view call_name(std::uint16_t call) noexcept {
  return call <= format::last_call ? call_names[call] : std::string_view();
}

std::string array_file_name(std::uint32_t shard, std::uint32_t array) {
  std::string number = std::to_string(shard);
  std::string name(number.size() < 8 ? 8 - number.size() : 0, '0');
  name += number;
  name += '.';
  name += array_name(array);
  return name;
}

std::uint64_t array_file_bytes(std::uint64_t record_bytes_total) noexcept {
  std::uint64_t padded = (record_bytes_total + 7) / 8 * 8;
  std::uint64_t blocks = (record_bytes_total + format::block_bytes - 1) / format::block_bytes;
  std::uint64_t table_blocks = (blocks * 8 + format::block_bytes - 1) / format::block_bytes;
  return format::records_offset + padded + (blocks + table_blocks) * 8;
}

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
  std::string digits = to_hex(uuid.data(), uuid.size());
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

}  // namespace pwalk::snapshot
