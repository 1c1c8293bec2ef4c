// One broken snapshot for each way to break a rule of pwalk-snapshot(5), made from the sample. For
// each the full check must name exactly the rules given, and a reader that looks at everything must
// stop at the rule given, where a reader has to see it at all.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "snapshot/check.h"
#include "snapshot/children.h"
#include "snapshot/format.h"
#include "snapshot/snapshot.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

using test::SnapshotEditor;

struct Case {
  const char* name;
  const char* check;   // rules that the full check names, in order of their text, separated by blanks
  const char* reader;  // rule at which a reader stops; "" where it need not notice
  std::function<void(SnapshotEditor&)> edit;                 // before everything is made right again
  std::function<void(const std::string&)> damage = nullptr;  // after that, to the files at this path
};

void PrintTo(const Case& broken, std::ostream* out) {
  *out << broken.name;
}

// ---- what the cases are made of

template <class Change>
Case entry_case(const char* name, const char* check, const char* reader, const char* entry, Change change) {
  return {name, check, reader, [=](SnapshotEditor& editor) { editor.change_entry(entry, change); }};
}
template <class Change>
Case directory_case(const char* name, const char* check, const char* reader, const char* entry,
                    Change change) {
  return {name, check, reader, [=](SnapshotEditor& editor) { editor.change_directory(entry, change); }};
}
template <class Change>
Case attributes_case(const char* name, const char* check, const char* reader, const char* entry,
                     Change change) {
  return {name, check, reader, [=](SnapshotEditor& editor) { editor.change_attributes(entry, change); }};
}
template <class Change>
Case manifest_case(const char* name, const char* check, const char* reader, Change change) {
  return {name, check, reader, [=](SnapshotEditor& editor) { change(editor.manifest()); }};
}
/// Changes the header of the root's entries, hashes made right.
template <class Change>
Case header_case(const char* name, const char* rule, Change change) {
  return {name, rule, rule,
          [=](SnapshotEditor& editor) { change(editor.array(0, format::array_entries).header); }};
}
/// Changes the files after all was made right.
Case damage_case(const char* name, const char* check, const char* reader,
                 std::function<void(const std::string&)> damage) {
  return {name, check, reader, [](SnapshotEditor&) {}, std::move(damage)};
}

/// Replaces a piece of the manifest's text and makes its hash right again.
Case text_case(const char* name, const char* check, const char* reader, const char* from, const char* to) {
  return damage_case(name, check, reader, [=](const std::string& path) {
    std::string text = test::read_bytes(path + "/manifest.json");
    std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, std::strlen(from), to);
    std::string body = text.substr(0, text.rfind(" \"hash\""));
    test::write_bytes(path + "/manifest.json",
                      body + " \"hash\": \"" + hex64(hash64(body.data(), body.size())) + "\"\n}\n");
  });
}

/// Overwrites one byte of a file with another value.
void flip(const std::string& file, std::size_t offset) {
  std::string bytes = test::read_bytes(file);
  bytes.at(offset) = static_cast<char>(bytes.at(offset) ^ 0x40);
  test::write_bytes(file, bytes);
}

/// Overwrites bytes of a name with another text of the same length.
void rename_to(SnapshotEditor& editor, const char* name, const std::string& text) {
  snapshot::Place place = editor.entry(name);
  auto record = editor.get<format::Entry>(place.shard, format::array_entries, place.index);
  editor.array(place.shard, format::array_names).records.replace(record.name, text.size(), text);
}

/// Wide record of the entry `name`.
template <class Change>
void change_wide(SnapshotEditor& editor, const char* name, Change change) {
  snapshot::Place place = editor.entry(name);
  auto record = editor.get<format::Entry>(place.shard, format::array_entries, place.index);
  editor.change<format::Wide>(place.shard, format::array_wide, record.size, change);
}

/// Exchanges the places of two sibling directories' records, entries not told.
void swap_records(SnapshotEditor& editor, const char* first, const char* second) {
  snapshot::Place a = editor.directory(first), b = editor.directory(second);
  auto record_a = editor.get<format::Directory>(a.shard, format::array_directories, a.index);
  auto record_b = editor.get<format::Directory>(b.shard, format::array_directories, b.index);
  editor.put(a.shard, format::array_directories, a.index, record_b);
  editor.put(b.shard, format::array_directories, b.index, record_a);
}

std::string entries_file(const std::string& path) {
  return path + "/00000000.entries";
}

using Entry = format::Entry;
using Directory = format::Directory;
using Attributes = format::Attributes;
using Manifest = snapshot::Manifest;
using Header = format::FileHeader;

// ---- the catalogue

std::vector<Case> manifest_cases() {
  return {
      damage_case("manifest_byte_changed", "M1", "M1",
                  [](const std::string& path) {
                    std::string bytes = test::read_bytes(path + "/manifest.json");
                    bytes.replace(bytes.find("\"host\": \"host\""), 14, "\"host\": \"hosu\"");
                    test::write_bytes(path + "/manifest.json", bytes);
                  }),
      damage_case("manifest_cut_off", "M1", "M1",
                  [](const std::string& path) {
                    std::string bytes = test::read_bytes(path + "/manifest.json");
                    test::write_bytes(path + "/manifest.json", bytes.substr(0, bytes.size() - 1));
                  }),
      damage_case("manifest_empty", "M1", "M1",
                  [](const std::string& path) { test::write_bytes(path + "/manifest.json", ""); }),
      damage_case("manifest_with_more_behind", "M1", "M1",
                  [](const std::string& path) {
                    test::write_bytes(path + "/manifest.json",
                                      test::read_bytes(path + "/manifest.json") + "\n");
                  }),
      text_case("manifest_of_another_format", "M2 thrown", "M2", "\"pwalk-snapshot\"", "\"pwalk-snapshop\""),
      text_case("manifest_newer_version", "M2 thrown", "M2", "\"version\": 1,", "\"version\": 2,"),
      text_case("manifest_version_zero", "M2 thrown", "M2", "\"version\": 1,", "\"version\": 0,"),
      text_case("manifest_member_missing", "M4", "M4", "\"complete\"", "\"completed\""),
      text_case("manifest_member_of_another_type", "M4", "M4", "\"slot\": 0", "\"slot\": \"0\""),
      text_case("manifest_number_negative", "M4", "M4", "\"slot\": 0", "\"slot\": -1"),
      text_case("manifest_number_too_large", "M4", "M4", "\"slot\": 0", "\"slot\": 1048576"),
      text_case("manifest_string_not_encoded", "M4", "M4", "\"host\": \"host\"", "\"host\": \"50%\""),
      text_case("manifest_uuid_cut", "M4", "M4", "12345678-", "1234567-"),
      text_case("manifest_root_empty", "M4", "M4", "\"root\": \"/sample\"", "\"root\": \"\""),
      text_case("manifest_root_relative", "M4", "M4", "\"root\": \"/sample\"", "\"root\": \"sample\""),
      text_case("manifest_root_with_nul", "M4", "M4", "\"root\": \"/sample\"", "\"root\": \"/sam%00\""),
      text_case("manifest_nested_too_deep", "M4", "M4", "\"host\"",
                "\"new\": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]], \"host\""),
      text_case("manifest_file_outside", "M4", "M4", "\"00000000.entries\"", "\"../00000.entries\""),
      text_case("manifest_first_entry", "M5", "M5", "\"first_entry\": 0", "\"first_entry\": 1"),
      text_case("manifest_records_of_a_file", "M5", "M5", "\"records\": ", "\"records\": 1"),
      manifest_case("manifest_unknown_feature", "M3 thrown", "M3",
                    [](Manifest& manifest) { manifest.incompatible = 1; }),
      manifest_case("manifest_part_without_its_shards", "M5", "M5",
                    [](Manifest& manifest) { manifest.parts[0].shards -= 1; }),
      manifest_case("manifest_two_parts_over_one_shard", "M5", "M5",
                    [](Manifest& manifest) {
                      manifest.parts.push_back({0, 1});
                    }),
      manifest_case("manifest_other_totals", "M6", "",
                    [](Manifest& manifest) { manifest.totals.disk_bytes += 512; }),
      manifest_case("manifest_other_newest_time", "M6", "",
                    [](Manifest& manifest) { manifest.totals.newest_mtime.nanoseconds -= 1; }),
      manifest_case("manifest_owner_missing", "M6", "",
                    [](Manifest& manifest) { manifest.by_uid.erase(manifest.by_uid.begin()); }),
      manifest_case("manifest_owner_of_nothing", "M6", "",
                    [](Manifest& manifest) { manifest.by_gid[77777] = {}; }),
      manifest_case("manifest_other_excess_of_owner", "M6", "",
                    [](Manifest& manifest) { manifest.by_uid[1000].excess_inodes += 1; }),
      manifest_case("manifest_error_count", "M6", "",
                    [](Manifest& manifest) { manifest.errors[0].errors += 1; }),
      manifest_case("manifest_errors_not_sorted", "M6", "",
                    [](Manifest& manifest) { std::swap(manifest.errors[0], manifest.errors[1]); }),
      manifest_case("manifest_unread_count", "M6", "",
                    [](Manifest& manifest) { manifest.unread[format::state_excluded_depth] = 1; }),
      {"manifest_complete_but_not_reached", "M6 T3 T4", "",
       [](SnapshotEditor& editor) {
         editor.change_directory("excluded",
                                 [](Directory& directory) { directory.state = format::state_not_reached; });
         editor.manifest().unread[format::state_not_reached] = 1;
         editor.manifest().unread.erase(format::state_excluded_other_file_system);
       }},
      manifest_case("manifest_inode_range", "M7", "",
                    [](Manifest& manifest) { manifest.devices[0].inode_max += 1; }),
      manifest_case("manifest_device_twice", "M7", "",
                    [](Manifest& manifest) { manifest.devices[1].minor = manifest.devices[0].minor; }),
      damage_case("file_not_listed", "M8", "",
                  [](const std::string& path) { test::write_bytes(path + "/00000009.entries", "x"); }),
      damage_case("file_hidden", "M8", "",
                  [](const std::string& path) { test::write_bytes(path + "/.hidden", ""); }),
      damage_case("file_missing", "M8", "M8",
                  [](const std::string& path) { ::unlink((path + "/00000001.names").c_str()); }),
      damage_case("file_of_another_shard", "F1", "F1",
                  [](const std::string& path) {
                    test::write_bytes(path + "/00000001.directories",
                                      test::read_bytes(path + "/00000000.directories"));
                  }),
  };
}

std::vector<Case> file_cases() {
  return {
      damage_case("file_one_byte_short", "F1", "F1",
                  [](const std::string& path) {
                    std::filesystem::resize_file(entries_file(path),
                                                 std::filesystem::file_size(entries_file(path)) - 1);
                  }),
      damage_case("file_one_byte_more", "F1", "F1",
                  [](const std::string& path) {
                    std::filesystem::resize_file(entries_file(path),
                                                 std::filesystem::file_size(entries_file(path)) + 1);
                  }),
      damage_case("file_is_a_directory", "F1", "F1",
                  [](const std::string& path) {
                    ::unlink(entries_file(path).c_str());
                    ::mkdir(entries_file(path).c_str(), 0700);
                  }),
      damage_case("file_is_a_pipe", "F1", "F1",
                  [](const std::string& path) {
                    ::unlink(entries_file(path).c_str());
                    ::mkfifo(entries_file(path).c_str(), 0600);
                  }),
      damage_case("file_is_a_symbolic_link", "F1", "ELOOP",
                  [](const std::string& path) {
                    std::filesystem::rename(entries_file(path),
                                            path + "/../moved-" + std::to_string(::getpid()));
                    ::symlink(("../moved-" + std::to_string(::getpid())).c_str(), entries_file(path).c_str());
                  }),
      header_case("header_magic", "F2", [](Header& header) { header.magic[0] = 'Q'; }),
      header_case("header_version", "F2", [](Header& header) { header.version = 2; }),
      header_case("header_array", "F2", [](Header& header) { header.array = format::array_names; }),
      header_case("header_record_size", "F2", [](Header& header) { header.record_bytes = 72; }),
      header_case("header_shard", "F2", [](Header& header) { header.shard = 1; }),
      header_case("header_uuid", "F3", [](Header& header) { header.uuid[15] ^= 1; }),
      header_case("header_unknown_feature", "F4", [](Header& header) { header.incompatible = 2; }),
      header_case("header_reserved", "F2", [](Header& header) { header.reserved[7] = 1; }),
      damage_case("header_count", "F5", "F5", [](const std::string& path) { flip(entries_file(path), 56); }),
      damage_case("header_compatible_word", "F6", "F6",
                  [](const std::string& path) { flip(entries_file(path), 48); }),
      damage_case("last_byte", "F6", "F6",
                  [](const std::string& path) {
                    flip(entries_file(path), std::filesystem::file_size(entries_file(path)) - 1);
                  }),
      damage_case("record_byte", "F7", "F7",
                  [](const std::string& path) { flip(entries_file(path), format::records_offset); }),
      damage_case("hash_table_byte", "F7", "F7",
                  [](const std::string& path) {
                    flip(entries_file(path), std::filesystem::file_size(entries_file(path)) - 9);
                  }),
      damage_case("byte_after_the_header", "F8", "",
                  [](const std::string& path) { flip(entries_file(path), sizeof(Header)); }),
      damage_case("byte_before_the_records", "F8", "",
                  [](const std::string& path) { flip(entries_file(path), format::records_offset - 1); }),
      damage_case("byte_after_the_records", "F8", "",
                  [](const std::string& path) {
                    std::string file = path + "/00000000.names";
                    std::uint64_t records = SnapshotEditor(path).records(0, format::array_names);
                    ASSERT_NE(records % 8, 0u);
                    flip(file, format::records_offset + records);
                  }),
  };
}

std::vector<Case> name_cases() {
  return {
      {"name_not_terminated", "N1", "N1",
       [](SnapshotEditor& editor) {
         std::string& names = editor.array(editor.entry("").shard, format::array_names).records;
         names.back() = 'x';
       }},
      entry_case("name_outside", "N1", "N1", "pipe", [](Entry& entry) { entry.name = 0xffffffff; }),
      {"name_empty", "N2", "N2",
       [](SnapshotEditor& editor) { rename_to(editor, "alpha", std::string(1, '\0')); }},
      {"name_of_the_root", "N2", "N2",
       [](SnapshotEditor& editor) { editor.array(0, format::array_names).records[0] = 'x'; }},
      {"name_with_slash", "N3", "N3", [](SnapshotEditor& editor) { rename_to(editor, "alpha", "al/ha"); }},
      {"name_dots", "N4", "N4",
       [](SnapshotEditor& editor) { rename_to(editor, "old", std::string("..\0", 3)); }},
      {"name_dot", "N4", "N4",
       [](SnapshotEditor& editor) { rename_to(editor, "old", std::string(".\0", 2)); }},
      {"names_not_sorted", "N5", "N5", [](SnapshotEditor& editor) { rename_to(editor, "alpha", "zlpha"); }},
      {"names_equal", "N5", "N5", [](SnapshotEditor& editor) { rename_to(editor, "shared4", "shared3"); }},
      {"names_with_a_gap", "N6", "",
       [](SnapshotEditor& editor) { editor.array(0, format::array_names).records.append("gap", 4); }},
      entry_case("names_shared", "N6", "", "seen", [](Entry& entry) { entry.name += 1; }),
  };
}

std::vector<Case> entry_cases() {
  return {
      entry_case("attributes_outside", "A1", "A1", "pipe", [](Entry& entry) { entry.attributes = 1000; }),
      attributes_case("attributes_type_unknown", "A2", "A2", "pipe",
                      [](Attributes& attributes) { attributes.mode = 0170644; }),
      attributes_case("attributes_type_none", "A2", "A2", "pipe",
                      [](Attributes& attributes) { attributes.mode = 0644; }),
      attributes_case("attributes_type_from_nowhere", "A2", "A2", "no_type",
                      [](Attributes& attributes) { attributes.mode = S_IFREG; }),
      attributes_case("attributes_flag_unknown", "A3", "A3", "pipe",
                      [](Attributes& attributes) { attributes.flags = 8; }),
      attributes_case("attributes_dirent_type_beside_a_stat", "A3", "A3", "pipe",
                      [](Attributes& attributes) { attributes.flags = format::flag_dirent_type; }),
      attributes_case("attributes_device_outside", "A4", "A4", "pipe",
                      [](Attributes& attributes) { attributes.device_index = 2; }),
      attributes_case("no_stat_with_permissions", "A5", "A5", "no_stat",
                      [](Attributes& attributes) { attributes.mode |= 0644; }),
      attributes_case("no_stat_with_owner", "A5", "A5", "no_stat",
                      [](Attributes& attributes) { attributes.uid = 1; }),
      attributes_case("no_stat_and_wide", "A5", "A5", "no_stat",
                      [](Attributes& attributes) { attributes.flags |= format::flag_wide; }),
      entry_case("no_stat_with_size", "A5", "", "no_stat", [](Entry& entry) { entry.size = 1; }),
      entry_case("no_stat_with_time", "A5", "", "no_stat", [](Entry& entry) { entry.ctime = -1; }),
      entry_case("no_stat_with_birth_time", "A5", "", "no_stat", [](Entry& entry) { entry.btime = 0; }),
      {"root_without_its_record", "E2 E4", "E2",
       [](SnapshotEditor& editor) {
         editor.change_entry("", [](Entry& entry) { entry.blocks_high_or_directory = 1; });
       }},
      entry_case("directory_record_outside", "D4 E2", "D1", "alpha",
                 [](Entry& entry) { entry.blocks_high_or_directory = 1000; }),
      entry_case("directory_of_another_entry", "D4 E2", "E2", "alpha",
                 [](Entry& entry) { entry.blocks_high_or_directory += 1; }),
      directory_case("directory_with_another_entry", "E2", "E2", "alpha",
                     [](Directory& directory) { directory.entry += 1; }),
      entry_case("wide_outside", "E3", "E3", "old", [](Entry& entry) { entry.size = 100; }),
      {"wide_of_another_entry", "E3", "E3",
       [](SnapshotEditor& editor) {
         change_wide(editor, "old", [](format::Wide& wide) { wide.entry += 1; });
       }},
      {"wide_time_out_of_range", "E3", "E3",
       [](SnapshotEditor& editor) {
         change_wide(editor, "old", [](format::Wide& wide) { wide.atime_nanoseconds = 1'000'000'000; });
       }},
      {"wide_flag_unknown", "E3", "E3",
       [](SnapshotEditor& editor) {
         change_wide(editor, "old", [](format::Wide& wide) { wide.flags = 3; });
       }},
      {"wide_denied_birth_time", "E3", "",
       [](SnapshotEditor& editor) {
         change_wide(editor, "old", [](format::Wide& wide) { wide.flags = 0; });
       }},
      entry_case("wide_entry_with_inode", "E3", "", "old", [](Entry& entry) { entry.inode = 130; }),
      entry_case("wide_entry_with_birth_time", "E3", "", "old",
                 [](Entry& entry) { entry.btime = format::time_absent; }),
      {"wide_without_entry", "E3", "",
       [](SnapshotEditor& editor) {
         snapshot::Place place = editor.entry("old");
         editor.put(place.shard, format::array_wide, editor.records(place.shard, format::array_wide),
                    format::Wide{});
       }},
      {"entry_without_directory", "E5", "",
       [](SnapshotEditor& editor) {
         auto last = editor.records(0, format::array_entries);
         auto record = editor.get<Entry>(0, format::array_entries, last - 1);
         std::string& names = editor.array(0, format::array_names).records;
         record.name = static_cast<std::uint32_t>(names.size());
         record.blocks_high_or_directory = 0;
         names.append("stray", 6);
         editor.put(0, format::array_entries, last, record);
       }},
      {"root_is_not_in_the_first_shard", "E4", "E4",
       [](SnapshotEditor& editor) {
         for (std::uint32_t array = 1; array < format::array_kinds; ++array)
           editor.array(0, array).records.clear();
       }},
  };
}

std::vector<Case> directory_cases() {
  return {
      directory_case("state_unknown", "D2", "D2", "alpha", [](Directory& directory) { directory.state = 6; }),
      directory_case("state_read_with_errno", "D2", "", "alpha",
                     [](Directory& directory) { directory.error = 5; }),
      directory_case("state_failed_without_errno", "D2", "", "failed",
                     [](Directory& directory) { directory.error = 0; }),
      directory_case("children_outside", "D3", "D3", "alpha",
                     [](Directory& directory) { directory.child_count = 0xffffffff; }),
      directory_case("children_in_no_shard", "D3", "D3", "alpha",
                     [](Directory& directory) { directory.child_shard = 77; }),
      directory_case("no_children_but_a_first", "D3", "", "empty",
                     [](Directory& directory) { directory.child_first = 1; }),
      directory_case("child_left_out", "E5 T1 T4", "", "partial",
                     [](Directory& directory) { directory.child_first = directory.child_count = 0; }),
      {"child_of_two", "E5", "",
       [](SnapshotEditor& editor) {
         snapshot::Place pipe = editor.entry("pipe");
         editor.change_directory("empty", [&](Directory& directory) {
           directory.child_shard = pipe.shard;
           directory.child_first = pipe.index;
           directory.child_count = 1;
         });
       }},
      directory_case("subdirectories_outside", "D4", "D4", "alpha",
                     [](Directory& directory) { directory.dir_first = 0xfffffff0; }),
      directory_case("more_subdirectories_than_children", "D4", "D4", "alpha",
                     [](Directory& directory) { directory.dir_count = directory.child_count + 1; }),
      directory_case("one_subdirectory_too_many", "D4", "D5", "alpha",
                     [](Directory& directory) { directory.dir_count += 1; }),
      directory_case("one_subdirectory_too_few", "D4", "", "alpha",
                     [](Directory& directory) { directory.dir_count -= 1; }),
      directory_case("no_subdirectories_but_a_first", "D4", "", "empty",
                     [](Directory& directory) { directory.dir_first = 1; }),
      {"records_exchanged", "E2", "E2",
       [](SnapshotEditor& editor) { swap_records(editor, "alpha", "beta"); }},
      directory_case("parent_outside", "D5", "D5", "alpha",
                     [](Directory& directory) { directory.parent_index = 1000; }),
      directory_case("parent_is_itself", "D5", "D5", "alpha",
                     [](Directory& directory) {
                       directory.parent_shard = 0;
                       directory.parent_index = 1;
                     }),
      directory_case("depth_of_its_parent", "D5", "D5", "deep",
                     [](Directory& directory) { directory.depth = 1; }),
      directory_case("depth_of_the_root", "D5", "D5", "alpha",
                     [](Directory& directory) { directory.depth = 0; }),
      directory_case("root_with_depth", "D5", "D5", "", [](Directory& directory) { directory.depth = 1; }),
      directory_case("root_with_parent", "E4", "E4", "",
                     [](Directory& directory) { directory.parent_index = 1; }),
      directory_case("root_of_another_entry", "E4", "E4", "",
                     [](Directory& directory) { directory.entry = 1; }),
      directory_case("cycle", "E5", "D5", "deep",
                     [](Directory& directory) {
                       directory.child_shard = 0;
                       directory.child_first = 1;
                       directory.child_count = 1;
                       directory.dir_first = 1;
                       directory.dir_count = 1;
                     }),
      directory_case("acl_outside", "D6", "D6", "alpha", [](Directory& directory) { directory.acl = 1000; }),
      directory_case("acl_between_records", "D6", "D6", "beta",
                     [](Directory& directory) { directory.acl += 1; }),
      directory_case("directory_flag_unknown", "D7", "D7", "alpha",
                     [](Directory& directory) { directory.flags = 8; }),
      directory_case("access_bit_unknown", "D7", "D7", "alpha",
                     [](Directory& directory) { directory.access |= 8; }),
      directory_case("failed_with_children", "D8", "D8", "alpha",
                     [](Directory& directory) {
                       directory.state = format::state_failed;
                       directory.error = 13;
                     }),
      directory_case("directory_reserved", "D9", "D9", "alpha",
                     [](Directory& directory) { directory.reserved[1] = 1; }),
      {"acl_too_long", "D10", "D6",
       [](SnapshotEditor& editor) {
         snapshot::Place place = editor.directory("beta");
         auto shard = editor.get<Directory>(place.shard, format::array_directories, place.index).child_shard;
         editor.change<format::Acl>(shard, format::array_acls, 0,
                                    [](format::Acl& acl) { acl.default_bytes = 9999; });
       }},
      {"acl_padding", "D10", "",
       [](SnapshotEditor& editor) {
         snapshot::Place place = editor.directory("beta");
         auto shard = editor.get<Directory>(place.shard, format::array_directories, place.index).child_shard;
         // Shorter than its values, so that the last of them lie in the padding.
         editor.change<format::Acl>(shard, format::array_acls, 0,
                                    [](format::Acl& acl) { acl.default_bytes -= 1; });
         editor.array(shard, format::array_acls).records.back() = 'x';
       }},
  };
}

std::vector<Case> derived_cases() {
  return {
      directory_case("totals_entries", "M6 T1", "", "", [](Directory& directory) { directory.entries += 1; }),
      directory_case("totals_entries_below", "T1", "", "deep",
                     [](Directory& directory) { directory.files -= 1; }),
      directory_case("totals_disk_bytes", "T1", "", "alpha",
                     [](Directory& directory) { directory.disk_bytes = 0; }),
      directory_case("totals_errors", "T1", "", "failed", [](Directory& directory) { directory.errors = 0; }),
      directory_case("totals_newest", "T1", "", "empty",
                     [](Directory& directory) { directory.newest_ctime_seconds += 1; }),
      directory_case("totals_newest_out_of_range", "T1", "T1", "empty",
                     [](Directory& directory) { directory.newest_ctime_nanoseconds = 1'000'000'000; }),
      entry_case("entry_size_changed", "M6 T1 T4", "", "text", [](Entry& entry) { entry.size += 1; }),
      entry_case("entry_time_changed", "T4", "", "text", [](Entry& entry) { entry.mtime -= 1; }),
      attributes_case("entry_mode_changed", "T4", "", "text",
                      [](Attributes& attributes) { attributes.mode ^= 1; }),
      {"target_changed", "T4", "",
       [](SnapshotEditor& editor) {
         std::string& names = editor.array(0, format::array_names).records;
         names.replace(names.find("alpha/text"), 10, "alpha/tent");
       }},
      directory_case("excess_inodes", "T2", "", "alpha",
                     [](Directory& directory) { directory.excess_inodes = 0; }),
      directory_case("excess_apparent", "T2", "", "beta",
                     [](Directory& directory) { directory.excess_apparent += 1; }),
      directory_case("excess_disk", "T2", "", "deep",
                     [](Directory& directory) { directory.excess_disk = 512; }),
      directory_case("access_too_much", "T3", "", "beta", [](Directory& directory) { directory.access = 7; }),
      directory_case("access_too_little", "T3", "", "deep",
                     [](Directory& directory) { directory.access = 0; }),
      directory_case("fingerprint", "T4", "", "alpha",
                     [](Directory& directory) { directory.fingerprint[0] ^= 1; }),
      attributes_case("access_of_a_closed_directory", "T3 T4", "", "deep",
                      [](Attributes& attributes) { attributes.mode &= ~0077; }),
  };
}

/// Changes the first error record of the first shard that has any.
template <class Change>
Case error_case(const char* name, const char* check, const char* reader, Change change) {
  return {name, check, reader, [=](SnapshotEditor& editor) {
            for (std::uint32_t shard = 0; shard < editor.manifest().shards.size(); ++shard)
              if (editor.records(shard, format::array_errors) > 0) {
                editor.change<format::Error>(shard, format::array_errors, 0, change);
                return;
              }
            FAIL() << "the sample has no errors";
          }};
}

std::vector<Case> error_cases() {
  return {
      error_case("error_of_no_entry", "R1", "R1", [](format::Error& error) { error.entry = 1000; }),
      error_case("error_in_no_shard", "R1", "R1", [](format::Error& error) { error.entry_shard = 9; }),
      error_case("error_call_unknown", "R2", "R2", [](format::Error& error) { error.call = 6; }),
      error_case("error_without_errno", "R2", "R2", [](format::Error& error) { error.error = 0; }),
      error_case("error_reserved", "R2", "R2", [](format::Error& error) { error.reserved = 1; }),
      error_case("error_call_does_not_fit", "R3", "",
                 [](format::Error& error) {
                   error.entry_shard = 0;
                   error.entry = 0;
                   error.call = format::call_readlinkat;
                 }),
      error_case("error_errno_changed", "M6", "", [](format::Error& error) { error.error += 1; }),
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (auto make :
       {manifest_cases, file_cases, name_cases, entry_cases, directory_cases, derived_cases, error_cases})
    for (Case& broken : make()) all.push_back(std::move(broken));
  return all;
}

// ---- the check, and a reader that looks at everything

std::string rules_of(const std::string& path) {
  try {
    std::set<std::string> rules;
    for (const snapshot::Problem& problem : snapshot::check_snapshot(path).problems)
      rules.insert(problem.rule);
    std::string text;
    for (const std::string& rule : rules) text += (text.empty() ? "" : " ") + rule;
    return text;
  } catch (const FormatError& error) {
    return error.rule() + " thrown";
  }
}

/// How a reader goes through a directory: each child by itself, or one after the other.
enum class Reading { one_by_one, on };

void look_at(const snapshot::Snapshot& snapshot, const snapshot::Directory& start, Reading reading) {
  std::vector<snapshot::Directory> pending{start};
  std::size_t seen = 0;
  while (!pending.empty()) {
    ASSERT_LT(++seen, 1000u) << "a cycle";
    snapshot::Directory at = pending.back();
    pending.pop_back();
    snapshot.acl(at);
    snapshot.path_of(at);
    if (reading == Reading::one_by_one) {
      for (std::uint32_t i = 0; i < at.record.child_count; ++i) snapshot.child(at, i);
    } else {
      for (snapshot::Children children(snapshot, at); !children.at_end();) children.next();
    }
    for (std::uint32_t i = 0; i < at.record.dir_count; ++i) pending.push_back(snapshot.subdirectory(at, i));
  }
}

/// Rule, or name of the errno, at which a reader stops.
std::string reader_stops_at(const std::string& path, Reading reading) {
  try {
    auto snapshot = snapshot::Snapshot::open(path);
    snapshot::Entry root = snapshot->root();
    if (root.is_directory()) {
      snapshot::Directory directory = snapshot->root_directory();
      snapshot->directory_of(root);
      look_at(*snapshot, directory, reading);
    }
    for (std::uint32_t shard = 0; shard < snapshot->shard_count(); ++shard)
      for (std::uint64_t index = 0; index < snapshot->error_count(shard); ++index)
        snapshot->error(shard, index);
    return "";
  } catch (const FormatError& error) {
    return error.rule();
  } catch (const std::system_error& error) {
    return error.code().value() == ENOENT ? "ENOENT" : error.code().value() == ELOOP ? "ELOOP" : error.what();
  }
}

class Catalogue : public testing::TestWithParam<Case> {};

TEST_P(Catalogue, IsFound) {
  const Case& broken = GetParam();
  test::TemporaryDirectory directory{test::memory_directory()};
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_tree(), 2);
  SnapshotEditor editor(path);
  broken.edit(editor);
  editor.save();
  if (broken.damage) broken.damage(path);
  EXPECT_EQ(rules_of(path), broken.check);
  EXPECT_EQ(reader_stops_at(path, Reading::one_by_one), broken.reader);
  EXPECT_EQ(reader_stops_at(path, Reading::on), broken.reader);
  if (rules_of(path) != broken.check)
    for (auto& problem : snapshot::check_snapshot(path).problems) std::puts(problem.text.c_str());
}

INSTANTIATE_TEST_SUITE_P(All, Catalogue, testing::ValuesIn(all_cases()),
                         [](const auto& broken) { return std::string(broken.param.name); });

/// The numbers of all rules, from the header that the page is kept in step with.
std::set<std::string> all_rules() {
  std::string text = test::read_bytes(std::string(::getenv("PWALK_SOURCE")) + "/src/snapshot/rules.h");
  std::set<std::string> rules;
  for (std::size_t at = text.find("[] = \""); at != std::string::npos; at = text.find("[] = \"", at + 1))
    rules.insert(text.substr(at + 6, text.find('"', at + 6) - at - 6));
  return rules;
}

TEST(Rules, EachHasACase) {
  if (::getenv("PWALK_SOURCE") == nullptr) GTEST_SKIP() << "PWALK_SOURCE is not set";
  std::set<std::string> missing = all_rules();
  ASSERT_GT(missing.size(), 40u);
  for (const Case& broken : all_cases())
    for (const std::string& rules : {std::string(broken.check), std::string(broken.reader)})
      for (std::size_t begin = 0; begin < rules.size();) {
        std::size_t end = std::min(rules.find(' ', begin), rules.size());
        missing.erase(rules.substr(begin, end - begin));
        begin = end + 1;
      }
  missing.erase("E1");  // below: no record leads to it, only whoever asks for an entry that is not there
  missing.erase("F9");  // changing_files_test: the storage, not what it holds
  for (const std::string& rule : missing) ADD_FAILURE() << rule << " has no case";
}

TEST(Rules, AnEntryThatIsNotThere) {
  test::TemporaryDirectory directory{test::memory_directory()};
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_tree(), 2);
  auto snapshot = snapshot::Snapshot::open(path);
  for (snapshot::Place place :
       {snapshot::Place{0, 100'000}, snapshot::Place{0, ~0u}, snapshot::Place{2, 0}}) {
    try {
      snapshot->entry(place);
      ADD_FAILURE() << place.shard << " " << place.index;
    } catch (const FormatError& error) {
      EXPECT_EQ(error.rule(), "E1");
    }
    try {
      snapshot->directory(place);
      ADD_FAILURE() << place.shard << " " << place.index;
    } catch (const FormatError& error) {
      EXPECT_EQ(error.rule(), "D1");
    }
  }
}

TEST(Editor, WithoutAChangeKeepsTheSnapshot) {
  test::TemporaryDirectory directory{test::memory_directory()};
  std::string path = directory.path("snapshot");
  test::write_sample(path, test::sample_tree(), 2);
  std::string before = test::read_bytes(path + "/manifest.json");
  SnapshotEditor(path).save();
  EXPECT_EQ(test::read_bytes(path + "/manifest.json"), before);
  EXPECT_EQ(rules_of(path), "");
  EXPECT_EQ(reader_stops_at(path, Reading::one_by_one), "");
  EXPECT_EQ(reader_stops_at(path, Reading::on), "");
}

}  // namespace
}  // namespace pwalk
