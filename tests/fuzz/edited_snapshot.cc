// SPDX-License-Identifier: MIT
#include "fuzz/edited_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "fuzz/memory_files.h"
#include "support/sample_snapshot.h"

namespace pwalk::fuzz {

namespace {

constexpr unsigned edits_limit = 40;
constexpr unsigned manifest_edits_from = 250;  // of the first byte: an edited manifest takes longest
constexpr std::size_t array_limit = std::size_t{1} << 20;

/// Writes `value` over the bytes at `offset`, which wraps around.
template <class Value>
void overwrite(std::string& bytes, std::uint32_t offset, Value value) {
  if (bytes.size() < sizeof value) return;
  std::size_t at = offset % (bytes.size() / sizeof value) * sizeof value;
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace

EditedSnapshot::EditedSnapshot() : path_(directory_.path("snapshot")) {
  test::write_sample(path_, test::sample_tree(), 2);
  opened_ = open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  sample_ = std::make_unique<test::SnapshotEditor>(path_);
  const snapshot::Manifest& manifest = sample_->manifest();
  for (std::uint32_t shard = 0; shard < manifest.shards.size(); ++shard)
    for (const snapshot::ArrayFile& file : manifest.shards[shard].files) {
      arrays_.emplace_back(shard, file.array);
      files_[file.file_name] = test::read_bytes(path_ + "/" + file.file_name);
    }
  written_manifest_ = test::read_bytes(path_ + "/" + format::manifest_name);
  show_files(&files_);
}

EditedSnapshot::~EditedSnapshot() {
  show_files(nullptr);
}

void EditedSnapshot::edit(Input& input) {
  test::SnapshotEditor editor = *sample_;
  damaged_.clear();
  manifest_is_edited_ = false;
  auto first = input.number<std::uint8_t>();
  for (unsigned edits = first % edits_limit; edits > 0; --edits)
    edit_once(input, editor, first >= manifest_edits_from);
  std::map<std::string, std::string> files = editor.array_files();
  if (auto damaged = files.find(damaged_); damaged != files.end() && !damaged->second.empty()) {
    char& byte = damaged->second[damage_offset_ % damaged->second.size()];
    byte = static_cast<char>(byte ^ damage_);
  }
  manifest_ = editor.manifest();
  write(std::move(files));
}

std::shared_ptr<const snapshot::Snapshot> EditedSnapshot::open() const {
  if (manifest_is_edited_) return snapshot::Snapshot::open(path_);
  return snapshot::Snapshot::open(opened_.get(), manifest_);
}

snapshot::CheckReport EditedSnapshot::check() const {
  if (manifest_is_edited_) return snapshot::check_snapshot(path_);
  return snapshot::check_snapshot(opened_.get(), manifest_);
}

void EditedSnapshot::edit_once(Input& input, test::SnapshotEditor& editor, bool manifest_too) {
  // Mostly records: one damaged byte hides whatever else was edited.
  auto kind = input.number<std::uint8_t>();
  if (manifest_too && kind >= 240) {
    manifest_is_edited_ = true;
    edit_manifest(input, editor.manifest());
  } else if (kind == 255) {
    auto [shard, array] = arrays_[input.number<std::uint8_t>() % arrays_.size()];
    damaged_ = snapshot::array_file_name(shard, array);
    damage_offset_ = input.number<std::uint32_t>();
    damage_ = input.number<std::uint8_t>();
  } else {
    edit_records(input, editor, kind % 10);
  }
}

/// Edits the records of one array, or its header.
void EditedSnapshot::edit_records(Input& input, test::SnapshotEditor& editor, std::uint8_t kind) {
  auto [shard, kind_of_array] = arrays_[input.number<std::uint8_t>() % arrays_.size()];
  test::SnapshotEditor::Array& array = editor.array(shard, kind_of_array);
  std::string& bytes = array.records;
  std::size_t record = snapshot::array_record_bytes(kind_of_array);
  std::size_t records = bytes.size() / record;
  auto offset = input.number<std::uint16_t>();
  if (records == 0 && kind != 9) return;
  switch (kind) {
    case 0:
      return overwrite(bytes, offset, input.number<std::uint8_t>());
    case 1:
      return overwrite(bytes, offset, input.number<std::uint16_t>());
    case 2:
      return overwrite(bytes, offset, input.number<std::uint32_t>());
    case 3:
      return overwrite(bytes, offset, input.number<std::uint64_t>());
    case 4: {  // a little more or less
      if (bytes.size() < 4) return;
      std::uint32_t value;
      std::size_t at = offset % (bytes.size() / 4) * 4;
      std::memcpy(&value, bytes.data() + at, sizeof value);
      value += static_cast<std::uint32_t>(static_cast<std::int8_t>(input.number<std::uint8_t>()));
      std::memcpy(bytes.data() + at, &value, sizeof value);
      return;
    }
    case 5: {  // one record over another
      std::size_t from = input.number<std::uint16_t>() % records;
      bytes.replace(offset % records * record, record, std::string(bytes, from * record, record));
      return;
    }
    case 6: {  // two records exchanged
      std::size_t a = offset % records * record, b = input.number<std::uint16_t>() % records * record;
      std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(a),
                       bytes.begin() + static_cast<std::ptrdiff_t>(a + record),
                       bytes.begin() + static_cast<std::ptrdiff_t>(b));
      return;
    }
    case 7:
      bytes.resize(offset % (records + 1) * record);
      return;
    case 8: {  // records repeated at the end
      std::string repeated(bytes, offset % records * record, record);
      for (std::size_t times = input.number<std::uint8_t>(); times > 0 && bytes.size() < array_limit; --times)
        bytes += repeated;
      return;
    }
    default: {  // the header, of which the count of records is made right again
      auto* header = reinterpret_cast<char*>(&array.header);
      header[offset % sizeof array.header] = static_cast<char>(input.number<std::uint8_t>());
      return;
    }
  }
}

void EditedSnapshot::edit_manifest(Input& input, snapshot::Manifest& manifest) {
  switch (input.number<std::uint8_t>() % 12) {
    case 0:
      manifest.incompatible = input.number<std::uint8_t>();
      break;
    case 1:
      manifest.slot = input.number<std::uint32_t>();
      break;
    case 2:
      if (!manifest.devices.empty()) manifest.devices.pop_back();
      break;
    case 3:
      if (!manifest.devices.empty()) {
        snapshot::Device& device = manifest.devices[input.number<std::uint8_t>() % manifest.devices.size()];
        device.inode_min = input.number<std::uint64_t>();
        device.inode_max = input.number<std::uint64_t>();
      }
      break;
    case 4:
      manifest.root = input.text();
      break;
    case 5:
      manifest.complete = false;
      break;
    case 6:
      manifest.uuid[input.number<std::uint8_t>() % 16] = input.number<std::uint8_t>();
      break;
    case 7:
      manifest.totals.entries = input.number<std::uint64_t>();
      break;
    case 8:
      manifest.parts.push_back({input.number<std::uint8_t>(), input.number<std::uint8_t>()});
      break;
    case 9:
      manifest.errors.clear();
      break;
    case 10:
      manifest.devices.push_back({input.number<std::uint32_t>(), 1, std::string(input.text()), 0, 0});
      break;
    default:
      manifest.shards.emplace_back();
      break;
  }
}

/// Of the arrays only the names are in the directory; the manifest is, where it will be read.
void EditedSnapshot::write(std::map<std::string, std::string> files) {
  for (const auto& [name, bytes] : files_)
    if (files.count(name) == 0) ::unlinkat(opened_.get(), name.c_str(), 0);
  for (const auto& [name, bytes] : files)
    if (files_.count(name) == 0) test::write_bytes(path_ + "/" + name, "");
  files_ = std::move(files);
  if (!manifest_is_edited_) return;
  std::string text = to_text(manifest_);
  if (text == written_manifest_) return;
  test::write_bytes(path_ + "/" + format::manifest_name, text);
  written_manifest_ = std::move(text);
}

}  // namespace pwalk::fuzz
