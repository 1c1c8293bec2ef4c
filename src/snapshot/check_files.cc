// The files of a snapshot for the full check: the directory holds what the manifest lists and nothing
// else, and every byte of every array file is what its hash says, or zero where nothing is kept.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/text.h"
#include "snapshot/array_reader.h"
#include "snapshot/check_parts.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot::check {

namespace {

/// Rule M8; what is left over are the files that are both listed and there.
std::vector<std::pair<std::uint32_t, const ArrayFile*>> check_names(int snapshot_directory,
                                                                    const Manifest& manifest,
                                                                    Problems& problems) {
  std::vector<std::string> there = list_directory(snapshot_directory);
  std::set<std::string> listed{format::manifest_name};
  std::vector<std::pair<std::uint32_t, const ArrayFile*>> files;
  for (std::uint32_t shard = 0; shard < manifest.shards.size(); ++shard)
    for (const ArrayFile& file : manifest.shards[shard].files) {
      if (!listed.insert(file.file_name).second)
        problems.add(file.file_name, "", rule::manifest_shards, "is listed twice in the manifest");
      else if (!std::binary_search(there.begin(), there.end(), file.file_name))
        problems.add(file.file_name, "", rule::manifest_directory, "is missing");
      else
        files.emplace_back(shard, &file);
    }
  for (const std::string& name : there)
    if (listed.count(name) == 0)
      problems.add(name, "", rule::manifest_directory, "is not listed in the manifest");
  return files;
}

/// An array that this version does not know: only its length can be checked.
void check_unknown(int snapshot_directory, const ArrayFile& file) {
  struct stat status;
  if (::fstatat(snapshot_directory, file.file_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno("cannot stat '" + printable(file.file_name) + "'");
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != file.file_bytes)
    throw FormatError(file.file_name, "", rule::file_length, "is not as long as the manifest says");
}

void check_file(int snapshot_directory, const Manifest& manifest, std::uint32_t shard, const ArrayFile& file,
                Problems& problems) {
  if (file.array == 0) {
    check_unknown(snapshot_directory, file);
    return;
  }
  struct stat status;
  if (::fstatat(snapshot_directory, file.file_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode))
    throw FormatError(file.file_name, "", rule::file_length, "is not a regular file");
  ArrayReader reader(snapshot_directory, manifest, shard, file);
  reader.verify_all([&](const FormatError& error) {
    problems.add(error);
    return !problems.full();
  });
}

}  // namespace

void check_files(int snapshot_directory, const Manifest& manifest, unsigned threads, Problems& problems) {
  auto files = check_names(snapshot_directory, manifest, problems);
  // The longest first, so that no thread is left with one at the end.
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.second->file_bytes > b.second->file_bytes; });
  for_each_item(threads, files.size(), problems, [&] {
    return [&](std::uint64_t item) {
      check_file(snapshot_directory, manifest, files[item].first, *files[item].second, problems);
    };
  });
}

}  // namespace pwalk::snapshot::check
