// Promises F2, F3 and F4: damage that no rule of the structure has to find, because a length, a hash or a
// uuid does. Every single-byte change of every file of a snapshot that holds every array; every length that a
// file can be cut to, and junk behind it; files missing, exchanged, of another snapshot, of an older state of
// the same one. The full check must find each of them, and a reader must refuse it or show what was there
// before.
//
// Environment: PWALK_CHANGES=all makes all changes instead of a sample, PWALK_CHANGES=I/N every N-th of all,
// from the I-th on.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "snapshot/array_reader.h"
#include "snapshot/check.h"
#include "snapshot/format.h"
#include "snapshot/snapshot.h"
#include "support/everything.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

using test::SnapshotEditor;

/// What became of one damaged snapshot.
enum class Answer { refused, truth, lie };

/// A snapshot of the sample tree in memory, where a test may change bytes in place.
class Copy {
 public:
  Copy() : path_(directory_.path("snapshot")) {
    test::write_sample(path_, test::sample_tree(), 2);
    for (const auto& file : std::filesystem::directory_iterator(path_))
      files_[file.path().filename()] = test::read_bytes(file.path());
    truth_ = test::everything_in(*snapshot::Snapshot::open(path_));
  }

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  const std::map<std::string, std::string>& files() const { return files_; }
  const std::string& truth() const { return truth_; }
  void restore(const std::string& name) const { test::write_bytes(path(name), files_.at(name)); }
  void restore() const {
    for (const auto& [name, bytes] : files_) restore(name);
  }

  /// Whether the full check finds something wrong.
  bool check_finds_it() const {
    try {
      return !snapshot::check_snapshot(path_).whole();
    } catch (const FormatError&) {
      return true;  // a version or a feature that is not known
    } catch (const std::system_error&) {
      return true;
    }
  }

  Answer read() const {
    try {
      return test::everything_in(*snapshot::Snapshot::open(path_)) == truth_ ? Answer::truth : Answer::lie;
    } catch (const FormatError&) {
    } catch (const std::system_error&) {
    }
    return Answer::refused;
  }

  /// Whether opening alone refuses it.
  bool open_refuses() const {
    try {
      snapshot::Snapshot::open(path_);
      return false;
    } catch (const FormatError&) {
    } catch (const std::system_error&) {
    }
    return true;
  }

 private:
  test::TemporaryDirectory directory_{test::memory_directory()};
  std::string path_;
  std::map<std::string, std::string> files_;
  std::string truth_;
};

/// All bytes of a file, shared with whoever maps or reads it.
class Bytes {
 public:
  Bytes(const std::string& path, std::size_t length) : length_(length) {
    Fd file = open_at(AT_FDCWD, path, O_RDWR);
    void* mapped = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) throw_errno("cannot map '" + path + "'");
    bytes_ = static_cast<unsigned char*>(mapped);
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { ::munmap(bytes_, length_); }
  unsigned char& operator[](std::size_t at) { return bytes_[at]; }

 private:
  unsigned char* bytes_;
  std::size_t length_;
};

// ---- F2: every single-byte change

/// Changes of a file are numbered: offset × 255 + how much is added to the byte, less 1.
struct Selection {
  std::uint64_t first = 0;
  std::uint64_t step = 1;
};

/// What PWALK_CHANGES says, otherwise every `sample_step`-th change.
Selection selection(std::uint64_t sample_step) {
  const char* wanted = ::getenv("PWALK_CHANGES");
  if (wanted == nullptr || *wanted == '\0') return {0, sample_step};
  if (std::string(wanted) == "all") return {};
  unsigned first = 0, step = 1;
  if (std::sscanf(wanted, "%u/%u", &first, &step) != 2 || first >= step)
    throw std::runtime_error("PWALK_CHANGES is neither 'all' nor I/N");
  return {first, step};
}

struct Tally {
  std::uint64_t changes = 0;
  std::uint64_t not_found = 0;
  std::uint64_t refused = 0;
  std::uint64_t truth = 0;
  std::uint64_t lies = 0;
  std::string first_failure;

  void add(bool found, Answer answer, const std::string& change) {
    ++changes;
    not_found += found ? 0 : 1;
    ++(answer == Answer::refused ? refused : answer == Answer::truth ? truth : lies);
    if ((!found || answer == Answer::lie) && first_failure.empty()) first_failure = change;
  }
  void expect_none_missed() const {
    std::printf(
        "%ju changes: the check found all but %ju; a reader refused %ju, showed the truth in %ju, lied in "
        "%ju\n",
        static_cast<std::uintmax_t>(changes), static_cast<std::uintmax_t>(not_found),
        static_cast<std::uintmax_t>(refused), static_cast<std::uintmax_t>(truth),
        static_cast<std::uintmax_t>(lies));
    EXPECT_EQ(not_found, 0u) << first_failure;
    EXPECT_EQ(lies, 0u) << first_failure;
  }
};

/// Makes the selected changes of a file, each alone; `look` says whether the check found it and what a reader
/// was shown.
template <class Look>
void change_bytes(const Copy& copy, const std::string& name, const Selection& chosen, Tally& tally,
                  Look look) {
  const std::string& original = copy.files().at(name);
  Bytes bytes(copy.path(name), original.size());
  for (std::uint64_t change = chosen.first; change < original.size() * 255; change += chosen.step) {
    std::size_t at = change / 255;
    auto before = static_cast<unsigned char>(original[at]);
    bytes[at] = static_cast<unsigned char>(before + 1 + change % 255);
    auto [found, answer] = look();
    tally.add(found, answer,
              name + ", byte " + std::to_string(at) + ": " + std::to_string(before) + " became " +
                  std::to_string(bytes[at]));
    bytes[at] = before;
  }
}

// The whole check and a whole reading, for changes of every file.
TEST(F2, ChangedBytesAreFoundInTheWhole) {
  Copy copy;
  ASSERT_EQ(copy.read(), Answer::truth);
  ASSERT_FALSE(copy.check_finds_it());
  // Steps without a divisor in common with 255, so that all values come up.
  Selection chosen = ::getenv("PWALK_CHANGES") != nullptr ? Selection{0, 251} : Selection{0, 10007};
  Tally tally;
  for (const auto& [name, bytes] : copy.files())
    change_bytes(copy, name, chosen, tally, [&] { return std::pair(copy.check_finds_it(), copy.read()); });
  EXPECT_GT(tally.changes, 1000u);
  EXPECT_GT(tally.truth, 0u);  // what is not used may be ignored by a reader, but not by the check
  tally.expect_none_missed();
}

// The manifest: every reading of a snapshot begins with it.
TEST(F2, EveryChangedByteOfTheManifestIsFound) {
  Copy copy;
  Tally tally;
  change_bytes(copy, format::manifest_name, selection(257), tally,
               [&] { return std::pair(copy.check_finds_it(), copy.read()); });
  EXPECT_GT(tally.changes, copy.files().at(format::manifest_name).size() * 255 / 300);
  EXPECT_EQ(tally.refused, tally.changes);
  tally.expect_none_missed();
}

/// Whether `read` breaks no rule.
template <class Read>
bool is_right(Read read) {
  try {
    read();
    return true;
  } catch (const FormatError&) {
    return false;
  }
}

// Array files. The manifest being right, the check of a file is ArrayReader::verify_all() and nothing else,
// and a reader has no other way to its bytes than ArrayReader::verified(): so these two alone, which makes it
// possible to try all changes.
TEST(F2, EveryChangedByteOfAnArrayFileIsFound) {
  Copy copy;
  Fd directory = open_at(AT_FDCWD, copy.path(), O_RDONLY | O_DIRECTORY);
  snapshot::Manifest manifest = snapshot::parse_manifest(copy.files().at(format::manifest_name));
  Selection chosen = selection(257);
  Tally tally;
  std::size_t bytes = 0;
  std::set<std::uint32_t> arrays;
  for (std::uint32_t shard = 0; shard < manifest.shards.size(); ++shard)
    for (const snapshot::ArrayFile& file : manifest.shards[shard].files) {
      std::string records = copy.files().at(file.file_name).substr(format::records_offset);
      change_bytes(copy, file.file_name, chosen, tally, [&] {
        bool found = true;
        Answer answer = Answer::refused;
        try {
          snapshot::ArrayReader reader(directory.get(), manifest, shard, file);
          found = false;
          reader.verify_all([&](const FormatError&) { return !(found = true); });
          is_right([&] {
            std::uint64_t length = reader.record_area_bytes();
            bool same = std::memcmp(reader.verified(0, length), records.data(), length) == 0;
            answer = same ? Answer::truth : Answer::lie;
          });
        } catch (const FormatError&) {
        }
        return std::pair(found, answer);
      });
      bytes += copy.files().at(file.file_name).size();
      arrays.insert(file.array);
    }
  EXPECT_EQ(arrays.size(), format::array_kinds - 1) << "not every array is in the sample";
  EXPECT_GE(tally.changes, bytes * 255 / chosen.step);
  EXPECT_GE(bytes, 4096u);
  tally.expect_none_missed();
}

// ---- F3: every length that a file can be cut to, and junk behind it

// Whole files are read where they are: cutting them from the end takes no rewriting.
TEST(F3, EveryTruncationIsRefusedAtOpen) {
  Copy copy;
  std::size_t step = ::getenv("PWALK_CHANGES") != nullptr ? 1 : 7;
  std::uint64_t tried = 0;
  for (const auto& [name, bytes] : copy.files()) {
    for (std::size_t length = bytes.size(); length-- > 0;) {
      if (length % step != 0 && length + 16 < bytes.size()) continue;
      ++tried;
      std::filesystem::resize_file(copy.path(name), length);
      ASSERT_TRUE(copy.open_refuses()) << name << " cut to " << length << " of " << bytes.size() << " bytes";
    }
    ASSERT_TRUE(copy.check_finds_it()) << name;
    copy.restore(name);
  }
  EXPECT_EQ(copy.read(), Answer::truth);
  EXPECT_GT(tried, 55'000u / step);
}

TEST(F3, JunkBehindAFileIsRefusedAtOpen) {
  Copy copy;
  for (const auto& [name, bytes] : copy.files()) {
    for (std::size_t length : {1u, 2u, 7u, 8u, 64u, 4095u, 4096u, 65536u, 1u << 20})
      for (char junk : {'\0', '\n', ' ', '}', '\xff'}) {
        test::write_bytes(copy.path(name), bytes + std::string(length, junk));
        EXPECT_TRUE(copy.open_refuses()) << name << " with " << length << " bytes more";
        EXPECT_TRUE(copy.check_finds_it()) << name << " with " << length << " bytes more";
      }
    test::write_bytes(copy.path(name), bytes + bytes);
    EXPECT_TRUE(copy.open_refuses()) << name << " twice in one file";
    copy.restore(name);
  }
  EXPECT_EQ(copy.read(), Answer::truth);
}

// ---- F4: files that are missing, exchanged, of another snapshot, or of an older state

class F4 : public testing::Test {
 protected:
  void expect_refused(const std::string& what) {
    EXPECT_TRUE(copy_.open_refuses()) << what;
    EXPECT_TRUE(copy_.check_finds_it()) << what;
    copy_.restore();
    ASSERT_EQ(copy_.read(), Answer::truth);
    ++refused_;
  }
  const std::string& bytes(const std::string& name) const { return copy_.files().at(name); }
  /// Names of the files of a shard, the manifest not among them.
  std::vector<std::string> files_of(std::uint32_t shard) const {
    std::vector<std::string> names;
    for (const snapshot::ArrayFile& file : manifest_.shards.at(shard).files) names.push_back(file.file_name);
    return names;
  }
  std::vector<std::string> all_files() const {
    std::vector<std::string> names = files_of(0);
    for (std::string& name : files_of(1)) names.push_back(std::move(name));
    return names;
  }

  Copy copy_;
  const snapshot::Manifest manifest_ = snapshot::parse_manifest(copy_.files().at(format::manifest_name));
  int refused_ = 0;
};

TEST_F(F4, MissingFilesAndShards) {
  for (const auto& [name, contents] : copy_.files()) {
    std::filesystem::remove(copy_.path(name));
    expect_refused(name + " is missing");
  }
  for (std::uint32_t shard : {0u, 1u}) {
    for (const std::string& name : files_of(shard)) std::filesystem::remove(copy_.path(name));
    expect_refused("shard " + std::to_string(shard) + " is missing");
  }
  EXPECT_GT(refused_, 12);
}

TEST_F(F4, ExchangedFilesAndShards) {
  std::vector<std::string> names = all_files();
  for (std::size_t first = 0; first < names.size(); ++first)
    for (std::size_t second = first + 1; second < names.size(); ++second) {
      test::write_bytes(copy_.path(names[first]), bytes(names[second]));
      test::write_bytes(copy_.path(names[second]), bytes(names[first]));
      expect_refused(names[first] + " and " + names[second] + " are exchanged");
    }
  // Whole shards, as far as both have the array.
  for (const std::string& name : files_of(0)) {
    std::string other = "00000001" + name.substr(8);
    if (!std::filesystem::exists(copy_.path(other))) continue;
    test::write_bytes(copy_.path(name), bytes(other));
    test::write_bytes(copy_.path(other), bytes(name));
  }
  expect_refused("the shards are exchanged");
  EXPECT_GT(refused_, 60);
}

TEST_F(F4, FilesOfAnotherSnapshotOfTheSameTree) {
  Copy other;
  SnapshotEditor editor(other.path());
  editor.manifest().uuid[0] ^= 1;
  for (std::uint32_t shard : {0u, 1u})
    for (const snapshot::ArrayFile& file : manifest_.shards[shard].files)
      editor.array(shard, file.array).header.uuid[0] ^= 1;
  editor.save();
  ASSERT_FALSE(other.check_finds_it()) << "the other snapshot is whole";
  for (const auto& [name, contents] : copy_.files()) {
    test::write_bytes(copy_.path(name), test::read_bytes(other.path(name)));
    expect_refused(name + " is of another snapshot");
  }
  for (std::uint32_t shard : {0u, 1u}) {
    for (const std::string& name : files_of(shard))
      test::write_bytes(copy_.path(name), test::read_bytes(other.path(name)));
    expect_refused("shard " + std::to_string(shard) + " is of another snapshot");
  }
  EXPECT_GT(refused_, 12);
}

// The same uuid, the same counts and lengths: only the manifest's hash of the file can tell.
TEST_F(F4, FilesOfAnOlderStateOfTheSameSnapshot) {
  for (const std::string& name : all_files()) {
    Copy older;
    SnapshotEditor editor(older.path());
    for (std::uint32_t shard : {0u, 1u})
      for (const snapshot::ArrayFile& file : manifest_.shards[shard].files)
        if (file.file_name == name) editor.array(shard, file.array).records.back() ^= 1;
    editor.save();
    ASSERT_NE(test::read_bytes(older.path(name)), bytes(name));
    test::write_bytes(copy_.path(name), test::read_bytes(older.path(name)));
    expect_refused(name + " is older");
    test::write_bytes(copy_.path(format::manifest_name), test::read_bytes(older.path(format::manifest_name)));
    expect_refused("the manifest is older than " + name);
  }
  EXPECT_GT(refused_, 22);
}

}  // namespace
}  // namespace pwalk
