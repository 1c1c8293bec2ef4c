// What a scan remembers of hard links while it walks goes to the storage beyond a bound, and many workers
// together keep little more than few.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "snapshot/links.h"
#include "snapshot/writer.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"

namespace pwalk::snapshot {
namespace {

/// Nameless files of notes that are open.
std::size_t files_of_notes() {
  std::size_t found = 0;
  for (const auto& descriptor : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    std::string target = std::filesystem::read_symlink(descriptor.path(), gone);
    if (target.find(link_notes_prefix) != std::string::npos) ++found;
  }
  return found;
}

TEST(LinkNotes, OfManyWorkersEachKeepsFew) {
  test::TemporaryDirectory directory;
  Fd descriptor = open_at(AT_FDCWD, directory.path(), O_RDONLY | O_DIRECTORY);
  WriterLimits limits;
  limits.link_notes = 64;
  SnapshotWriter writer(descriptor.get(), {}, limits);
  std::vector<WorkerWriter*> workers;
  for (int i = 0; i < 6; ++i) workers.push_back(&writer.add_worker());
  writer.device_index(8, 1, "ext4");
  test::SampleNode root = test::sample_directory("", 2, 0755, {});
  EntryInput input;
  input.stat = &root.stat;
  workers[0]->add_root(input);

  test::SampleNode link = test::sample_link("link", test::sample_file("file", 500, 100), 100);
  EntryInput child;
  child.name = link.name;
  child.stat = &link.stat;
  auto note = [&](WorkerWriter& worker, int links) {
    for (int i = 0; i < links; ++i) worker.add(child);
  };
  std::size_t expected = 0;
  for (std::size_t number = 0; number < workers.size(); ++number) {
    WorkerWriter& worker = *workers[number];
    ASSERT_TRUE(worker.begin({0, 0}, 100, 500, 0));
    int kept = number < 4 ? 64 : 2;
    note(worker, kept);
    EXPECT_EQ(files_of_notes(), expected) << "worker " << number;
    note(worker, 1);
    EXPECT_EQ(files_of_notes(), ++expected) << "worker " << number;
  }
}

}  // namespace
}  // namespace pwalk::snapshot
