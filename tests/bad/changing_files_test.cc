// Promise F7: the files of an open snapshot are cut, overwritten and lengthened while it is read. The reader
// gets FormatErrors for what is gone and goes on, nothing else of it and no other snapshot is touched by
// that, and what is opened anew is refused. (I/O errors of the storage: tests/faults/reader_storage.sh.)
//
// Environment: PWALK_ROUNDS, how often each is done (default 60).
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "mount/log.h"
#include "mount/node_id.h"
#include "mount/source.h"
#include "mount/tree.h"
#include "snapshot/check.h"
#include "snapshot/format.h"
#include "snapshot/shard_reader.h"
#include "snapshot/snapshot.h"
#include "support/everything.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

unsigned rounds() {
  const char* wanted = ::getenv("PWALK_ROUNDS");
  return wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 60;
}

/// Several blocks of each of the larger arrays.
test::SampleNode large_tree() {
  std::vector<test::SampleNode> directories;
  std::uint64_t inode = 10;
  for (int d = 0; d < 40; ++d) {
    std::vector<test::SampleNode> files;
    for (int f = 0; f < 60; ++f)
      files.push_back(
          test::sample_file("a file with a name of some length " + std::to_string(f), inode++, 100));
    files.push_back(test::sample_symlink("link", inode++, std::string(300, 'x')));
    directories.push_back(test::sample_directory("directory " + std::to_string(d), inode++, 0755, files));
  }
  return test::sample_directory("", 2, 0755, directories);
}

class ChangingFiles : public testing::Test {
 protected:
  ChangingFiles() {
    write("victim");
    std::filesystem::copy(path("victim"), path("other"));
    test::SnapshotEditor editor(path("other"));
    editor.manifest().slot = 1;
    editor.save();
    for (const auto& file : std::filesystem::directory_iterator(path("victim")))
      files_[file.path().filename()] = test::read_bytes(file.path());
    truth_ = test::everything_in(*snapshot::Snapshot::open(path("other")));
  }

  std::string path(const std::string& name) const { return directory_.path("store/" + name); }
  void write(const std::string& name) {
    directory_.make_directory("store");
    test::write_sample(path(name), large_tree(), 2);
  }
  /// An array file of the victim, by chance.
  std::string some_file() {
    for (;;) {
      auto file = files_.begin();
      std::advance(file, random_() % files_.size());
      if (file->first != "manifest.json") return file->first;
    }
  }
  std::string file_path(const std::string& name) const { return path("victim") + "/" + name; }

  void cut(const std::string& name) {
    std::filesystem::resize_file(file_path(name), random_() % files_.at(name).size());
  }
  void overwrite(const std::string& name) {
    const std::string& bytes = files_.at(name);
    std::size_t begin = random_() % bytes.size();
    std::string junk(std::min<std::size_t>(bytes.size() - begin, random_() % 30000 + 1),
                     static_cast<char>(random_() % 3 == 0 ? 0 : random_()));
    Fd file = open_at(AT_FDCWD, file_path(name), O_WRONLY);
    write_exactly(file.get(), junk.data(), junk.size(), begin, name);
  }
  void restore() {
    for (const auto& [name, bytes] : files_) test::write_bytes(file_path(name), bytes);
  }
  void expect_other_is_served(const snapshot::Snapshot& other) {
    ASSERT_EQ(test::everything_in(other), truth_);
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
  std::map<std::string, std::string> files_;  // of the victim, as they were
  std::string truth_;
  std::mt19937 random_{7};
};

TEST_F(ChangingFiles, CutUnderAReader) {
  auto other = snapshot::Snapshot::open(path("other"));
  unsigned refused = 0;
  for (unsigned round = 0; round < rounds(); ++round) {
    auto victim = snapshot::Snapshot::open(path("victim"));
    bool read_before = round % 2 == 0;
    if (read_before) {
      ASSERT_EQ(test::everything_in(*victim), truth_);
    }
    std::string name = some_file();
    cut(name);
    try {
      std::string shown = test::everything_in(*victim);
      // The kernel makes the rest of the last page zeros: in what was verified before, a rule of the
      // structure may or may not see it.
      if (!read_before) {
        ASSERT_EQ(shown, truth_) << name;
      }
    } catch (const FormatError& error) {
      if (!read_before) {
        EXPECT_EQ(error.file(), name);
        EXPECT_TRUE(error.rule() == "F9" || error.rule() == "F7") << error.what();
      }
      ++refused;
    }
    expect_other_is_served(*other);
    EXPECT_THROW(snapshot::Snapshot::open(path("victim")), FormatError);
    EXPECT_FALSE(snapshot::check_snapshot(path("victim")).whole());
    restore();
  }
  EXPECT_GT(refused, rounds() / 2);
}

TEST_F(ChangingFiles, OnlyWhatLayBeyondTheNewEndIsGone) {
  auto victim = snapshot::Snapshot::open(path("victim"));
  auto other = snapshot::Snapshot::open(path("other"));
  ASSERT_EQ(test::everything_in(*victim), truth_);  // so every block is verified
  const auto entries = static_cast<std::uint32_t>(victim->shard(0).records(format::array_entries));
  const std::uint32_t left = entries / 2 / 64 * 64;
  std::filesystem::resize_file(file_path("00000000.entries"),
                               format::records_offset + left * sizeof(format::Entry));
  for (std::uint32_t index = entries; index-- > 0;) {
    std::string rule;
    try {
      EXPECT_EQ(victim->entry({0, index}).name, other->entry({0, index}).name);
    } catch (const FormatError& error) {
      rule = error.rule();
    }
    ASSERT_EQ(rule, index < left ? "" : "F9") << index << " of " << entries;
  }
  EXPECT_EQ(victim->entry({1, 0}).name, other->entry({1, 0}).name);
}

TEST_F(ChangingFiles, OverwrittenUnderAReader) {
  auto other = snapshot::Snapshot::open(path("other"));
  unsigned refused = 0;
  for (unsigned round = 0; round < rounds(); ++round) {
    auto victim = snapshot::Snapshot::open(path("victim"));
    std::string name = some_file();
    overwrite(name);
    try {
      ASSERT_EQ(test::everything_in(*victim), truth_) << name;  // not read before: verified now
    } catch (const FormatError& error) {
      EXPECT_EQ(error.file(), name);
      EXPECT_EQ(error.rule(), "F7") << error.what();
      ++refused;
    }
    expect_other_is_served(*other);
    EXPECT_EQ(snapshot::check_snapshot(path("victim")).whole(),
              test::read_bytes(file_path(name)) == files_.at(name));
    restore();
  }
  EXPECT_GT(refused, rounds() / 2);
}

/// Reads a snapshot again and again in a thread of its own, and counts what comes of it.
class Reader {
 public:
  explicit Reader(const snapshot::Snapshot& snapshot)
      : snapshot_(snapshot), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) read_once();
        }) {}
  /// Waits until everything was read once more, from the begin, or refused.
  void wait_for_a_round() const {
    // The round that is under way now began before.
    for (std::uint64_t seen = rounds_; rounds_ < seen + 2;) std::this_thread::yield();
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  std::uint64_t rounds() const { return rounds_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t in_circles() const { return in_circles_; }
  std::uint64_t failed() const { return failed_; }

 private:
  void read_once() {
    try {
      test::everything_in(snapshot_);
    } catch (const FormatError&) {
      ++refused_;
    } catch (const std::logic_error&) {  // records changed in the midst of the tree
      ++in_circles_;
    } catch (const std::exception&) {
      ++failed_;
    }
    ++rounds_;
  }

  const snapshot::Snapshot& snapshot_;
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> in_circles_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::jthread thread_;
};

// What was verified before may be shown as it became; but nothing ends or goes on for ever.
TEST_F(ChangingFiles, ChangedWhileBeingRead) {
  auto other = snapshot::Snapshot::open(path("other"));
  unsigned refused = 0;
  for (unsigned round = 0; round < rounds(); ++round) {
    auto victim = snapshot::Snapshot::open(path("victim"));
    Reader reader(*victim);
    reader.wait_for_a_round();
    EXPECT_EQ(reader.refused() + reader.in_circles() + reader.failed(), 0u) << "nothing was changed yet";
    bool cut_ones = round % 2 != 0;
    for (int change = 0; change < 4; ++change) {
      if (cut_ones)
        cut(some_file());
      else
        overwrite(some_file());
      reader.wait_for_a_round();
    }
    reader.stop();
    EXPECT_GE(reader.rounds(), 10u);
    EXPECT_EQ(reader.failed(), 0u);
    if (cut_ones) {
      EXPECT_EQ(reader.in_circles(), 0u);
    }
    refused += reader.refused() > 0 ? 1 : 0;
    expect_other_is_served(*other);
    restore();
  }
  EXPECT_GT(refused, rounds() / 2);
}

/// Takes all names of a listing.
class Names final : public mount::ListingSink {
 public:
  bool add(const char* name, const mount::Node& node, std::uint64_t) override {
    names_.emplace_back(name);
    if (node.id != 0) ids_.push_back(node.id);
    return true;
  }
  std::vector<std::string> names_;
  std::vector<std::uint64_t> ids_;
};

/// Lists a directory and those below it; whether all of it was there. What is not is an error, as a user of
/// the mount gets one.
bool list(mount::Tree& tree, std::uint64_t id, unsigned& errors) {
  Names names;
  try {
    if (tree.list(id, 0, names) != 0) ++errors;
    for (std::size_t i = 2; i < names.names_.size(); ++i) {
      mount::Lookup found = tree.look_up(id, names.names_[i]);
      if (!found.node)
        ++errors;
      else if (S_ISDIR(found.node->attributes.st_mode))
        list(tree, found.node->id, errors);
    }
  } catch (const FormatError&) {
    ++errors;
  } catch (const std::system_error&) {
    ++errors;
  }
  return errors == 0;
}

TEST_F(ChangingFiles, UnderAMountOfAStore) {
  ::symlink("other", path("latest").c_str());
  unsigned harmed = 0;
  for (unsigned round = 0; round < rounds(); ++round) {
    mount::Log log([](const std::string&) {});
    mount::Source source(directory_.path("store"), log);
    mount::Tree tree(source, {}, {});
    std::uint64_t victim = tree.look_up(mount::root_node, "victim").node.value().id;
    std::uint64_t other = tree.look_up(mount::root_node, "other").node.value().id;
    unsigned errors = 0;
    if (round % 2 == 0) {
      ASSERT_TRUE(list(tree, victim, errors));
    }
    if (round % 3 == 0)
      overwrite(some_file());
    else
      cut(some_file());
    list(tree, victim, errors);
    harmed += errors > 0 ? 1 : 0;
    errors = 0;
    ASSERT_TRUE(list(tree, other, errors));
    restore();
  }
  EXPECT_GT(harmed, rounds() / 3);
}

/// Overwrites the names of a snapshot in the moment in which it is handed the first one.
class Overwriting final : public mount::ListingSink {
 public:
  explicit Overwriting(const std::string& names_file) : file_(open_at(AT_FDCWD, names_file, O_RDWR)) {}

  bool add(const char* name, const mount::Node&, std::uint64_t next) override {
    if (next <= 2) return true;  // the dots
    struct stat status;
    if (::fstat(file_.get(), &status) != 0) return false;
    std::string junk(static_cast<std::size_t>(status.st_size) - 4096, 'x');
    write_exactly(file_.get(), junk.data(), junk.size(), 4096, "names");
    first_ = name;
    return false;
  }
  std::string first_;

 private:
  Fd file_;
};

/// As when the file is cut between the look at a name and the use of it.
TEST_F(ChangingFiles, ANameThatIsLostAfterItWasReadIsNotTakenForOne) {
  auto snapshot = snapshot::Snapshot::open(path("victim"));
  snapshot::Entry entry = snapshot->child(snapshot->root_directory(), 0);
  std::string name(entry.name);
  EXPECT_FALSE(name.empty());
  snapshot->check_readable(entry);
  for (const auto& [file, bytes] : files_)
    if (file.ends_with(".names")) std::filesystem::resize_file(file_path(file), 0);
  EXPECT_NE(std::string(entry.name), name) << "zeros";
  try {
    snapshot->check_readable(entry);
    ADD_FAILURE() << "zeros are taken for a name";
  } catch (const FormatError& error) {
    EXPECT_EQ(error.rule(), "F9");
  }
}

/// The same of what a link leads to, while its name is there.
TEST_F(ChangingFiles, ATargetThatIsLostAfterItWasReadIsNotTakenForOne) {
  std::string target(20000, 'x');
  test::write_sample(
      path("links"),
      test::sample_directory("", 2, 0755,
                             {test::sample_symlink("link", 3, target), test::sample_file("file", 4, 1)}),
      1);
  auto snapshot = snapshot::Snapshot::open(path("links"));
  snapshot::Entry link = snapshot->find(snapshot->root_directory(), "link").value();
  snapshot::Entry file = snapshot->find(snapshot->root_directory(), "file").value();
  EXPECT_EQ(link.target, target);
  snapshot->check_readable(link);
  std::filesystem::resize_file(path("links/00000000.names"), 8192);
  EXPECT_NE(std::string(link.target), target) << "zeros at its end";
  EXPECT_EQ(link.name, "link");
  EXPECT_THROW(snapshot->check_readable(link), FormatError);
  EXPECT_NO_THROW(snapshot->check_readable(file));
}

TEST_F(ChangingFiles, ANameThatIsListedIsACopy) {
  for (const char* view : {"", "stat", "du"}) {
    mount::Log log([](const std::string&) {});
    mount::Source source(path("victim"), log);
    mount::Tree tree(source, {}, {});
    std::uint64_t id = mount::root_node;
    if (*view != '\0') id = tree.look_up(tree.look_up(id, ".pwalk").node.value().id, view).node.value().id;
    std::string names_file;
    for (const auto& [name, bytes] : files_) {
      // The shard that has the root's children.
      if (name.ends_with(".names") && bytes.find("directory 39") != std::string::npos) names_file = name;
    }
    Overwriting sink(file_path(names_file));
    EXPECT_EQ(tree.list(id, 0, sink), 0);
    EXPECT_TRUE(sink.first_ == "directory 0") << view << ", " << sink.first_.size() << " bytes";
    restore();
  }
}

}  // namespace
}  // namespace pwalk
