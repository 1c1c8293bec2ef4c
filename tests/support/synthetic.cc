// synthetic [OPTION VALUE]... OUTPUT: writes a snapshot of a tree that never was, of any size, through the
// real writer: for promises about 10^8 entries that no disk here could hold as files.
//   --entries N        entries in all, the root among them (1000000)
//   --per-directory N  entries in each directory, at least 2 (1000)
//   --wide N           of all entries, so many in one more directory (none)
//   --shards N         that the directories are written to in turn (4)
// The root holds `tree` and, if asked for, `wide`. Memory does not follow the size.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "snapshot/publish.h"
#include "snapshot/writer.h"

namespace {

using namespace pwalk;
using snapshot::EntryInput;
using snapshot::Place;

constexpr std::int64_t first_second = 1'600'000'000;
constexpr std::uint64_t fan_out_most = 16;
constexpr std::uint64_t owners = 60;

struct Shape {
  std::uint64_t entries = 1'000'000;
  std::uint64_t per_directory = 1000;
  std::uint64_t wide = 0;
  std::uint64_t shards = 4;
  std::string output;
};

/// One child after the other, with plausible numbers that follow from its inode number.
class Child {
 public:
  explicit Child(std::uint32_t device_index) {
    stat_.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
    stat_.stx_blksize = 4096;
    input_.stat = &stat_;
    input_.device_index = device_index;
  }

  const EntryInput& root() { return fill("", S_IFDIR | 0755, 0); }
  const EntryInput& top(std::string_view name, std::uint64_t children) {
    return fill(name, S_IFDIR | 0755, children);
  }
  /// The child at `position`: the number stands first in its name, so that positions are in name order.
  const EntryInput& at(std::uint64_t position, bool is_directory, std::uint64_t owner) {
    owner_ = owner;
    for (char* digit = name_.data() + digits_end; digit-- > name_.data() + digits_begin; position /= 10)
      *digit = static_cast<char>('0' + position % 10);
    return fill({name_.data(), is_directory ? digits_end : name_.size() - 1},
                is_directory ? S_IFDIR | 0755 : S_IFREG | 0644, 0);
  }
  static constexpr std::uint64_t name_bytes = 21;  // at most, with its terminator

 private:
  static constexpr std::size_t digits_begin = 7;
  static constexpr std::size_t digits_end = 16;

  const EntryInput& fill(std::string_view name, unsigned mode, std::uint64_t links) {
    ++inode_;
    std::uint64_t mixed = inode_ * 0x9e3779b97f4a7c15;
    bool is_directory = S_ISDIR(mode);
    input_.name = name;
    input_.dirent_inode = inode_;
    input_.dirent_type = static_cast<std::uint16_t>(mode & S_IFMT);
    stat_.stx_mode = static_cast<std::uint16_t>(mode);
    stat_.stx_ino = inode_;
    stat_.stx_nlink = is_directory ? static_cast<std::uint32_t>(2 + links) : 1;
    stat_.stx_uid = static_cast<std::uint32_t>(1000 + owner_);
    stat_.stx_gid = static_cast<std::uint32_t>(100 + owner_ % 7);
    stat_.stx_size = is_directory ? 4096 : mixed >> 44;  // below a mebibyte
    stat_.stx_blocks = (stat_.stx_size + 4095) / 4096 * 8;
    std::int64_t second = first_second + static_cast<std::int64_t>(mixed >> 37);
    auto nanosecond = static_cast<std::uint32_t>((mixed >> 8) % 1'000'000'000);
    stat_.stx_atime = {second + 1000, nanosecond, 0};
    stat_.stx_mtime = {second, nanosecond, 0};
    stat_.stx_ctime = {second + 10, nanosecond, 0};
    stat_.stx_btime = {second - 10, nanosecond, 0};
    return input_;
  }

  std::array<char, name_bytes> name_{"sample-000000000.bin"};
  struct statx stat_ = {};
  EntryInput input_;
  std::uint64_t inode_ = 1;
  std::uint64_t owner_ = 0;
};

/// The directories of `tree` are numbered as those of a heap: the children of directory n that are
/// directories are fan_out × n + 1 and so on. All are full but the last.
class Writer {
 public:
  Writer(int directory, const std::array<std::uint8_t, 16>& uuid, const Shape& shape)
      : shape_(shape), writer_(directory, uuid), child_(writer_.device_index(8, 1, "ext4")) {
    for (std::uint64_t i = 0; i < shape.shards; ++i) pens_.push_back(&writer_.add_worker());
    std::uint64_t above = shape.wide > 0 ? 3 + shape.wide : 2;
    if (shape.per_directory < 2 || shape.shards < 1 || shape.entries <= above)
      throw std::invalid_argument("such a tree cannot be");
    below_tree_ = shape.entries - above;
    directories_ = (below_tree_ + shape.per_directory - 1) / shape.per_directory;
    fan_out_ = std::min(fan_out_most, shape.per_directory);
  }

  snapshot::Manifest write() {
    pens_[0]->add_root(child_.root());
    snapshot::WorkerWriter& pen = next_pen();
    begin(pen, {0, 0}, 2);
    Place tree = pen.add(child_.top("tree", subdirectories(0)));
    Place wide = shape_.wide > 0 ? pen.add(child_.top("wide", 0)) : Place{};
    pen.end({});
    write_tree(tree);
    if (shape_.wide > 0) write_wide(wide);
    pen.finish({0, 0});
    snapshot::Manifest manifest;
    manifest.program = "synthetic";
    manifest.host = "nowhere";
    manifest.root = "/synthetic";
    manifest.start = {first_second, 0};
    manifest.end = {first_second + 1, 0};
    return writer_.finish(std::move(manifest), 2);
  }

 private:
  struct Level {
    std::uint64_t number;
    Place place;
    Place first;  // of its subdirectories, whose records are one behind the other
    std::uint64_t left;
    std::uint64_t next;
  };

  snapshot::WorkerWriter& next_pen() { return *pens_[turn_++ % pens_.size()]; }
  void begin(snapshot::WorkerWriter& pen, Place place, std::uint64_t children) {
    if (!pen.begin(place, children, children * Child::name_bytes, 0))
      throw std::invalid_argument("a directory is too large for a shard");
  }
  std::uint64_t children(std::uint64_t number) const {
    return number + 1 < directories_ ? shape_.per_directory
                                     : below_tree_ - (directories_ - 1) * shape_.per_directory;
  }
  std::uint64_t subdirectories(std::uint64_t number) const {
    std::uint64_t first = fan_out_ * number + 1;
    return first >= directories_ ? 0 : std::min(fan_out_, directories_ - first);
  }

  /// Writes the block of a directory of `tree`; what is below it is still to be written.
  Level write_block(std::uint64_t number, Place place) {
    snapshot::WorkerWriter& pen = next_pen();
    std::uint64_t entries = children(number);
    std::uint64_t directories = subdirectories(number);
    std::uint64_t stride = directories > 0 ? entries / directories : entries + 1;
    begin(pen, place, entries);
    Level level{number, place, {}, directories, fan_out_ * number + 1};
    for (std::uint64_t position = 0, made = 0; position < entries; ++position) {
      bool is_directory = made < directories && position % stride == 0;
      Place added = pen.add(child_.at(position, is_directory, number % owners));
      if (is_directory && made++ == 0) level.first = added;
    }
    pen.end({});
    return level;
  }

  void write_tree(Place place) {
    std::vector<Level> levels{write_block(0, place)};
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.left == 0) {
        pens_[0]->finish(level.place);
        levels.pop_back();
        continue;
      }
      Place next = level.first;
      std::uint64_t number = level.next;
      --level.left;
      ++level.next;
      ++level.first.index;
      levels.push_back(write_block(number, next));
    }
  }

  void write_wide(Place place) {
    snapshot::WorkerWriter& pen = next_pen();
    begin(pen, place, shape_.wide);
    for (std::uint64_t position = 0; position < shape_.wide; ++position)
      pen.add(child_.at(position, false, 0));
    pen.end({});
    pen.finish(place);
  }

  Shape shape_;
  snapshot::SnapshotWriter writer_;
  Child child_;
  std::vector<snapshot::WorkerWriter*> pens_;
  std::size_t turn_ = 0;
  std::uint64_t below_tree_ = 0;
  std::uint64_t directories_ = 0;
  std::uint64_t fan_out_ = 0;
};

Shape read_arguments(int argc, char** argv) {
  Shape shape;
  int i = 1;
  for (; i + 1 < argc; i += 2) {
    std::string_view word = argv[i];
    std::uint64_t* number = word == "--entries"         ? &shape.entries
                            : word == "--per-directory" ? &shape.per_directory
                            : word == "--wide"          ? &shape.wide
                            : word == "--shards"        ? &shape.shards
                                                        : nullptr;
    if (number == nullptr) throw std::invalid_argument("unknown option " + std::string(word));
    *number = std::stoull(argv[i + 1]);
  }
  if (i + 1 != argc) throw std::invalid_argument("usage: synthetic [OPTION VALUE]... OUTPUT");
  shape.output = argv[i];
  return shape;
}

void write(const Shape& shape) {
  std::filesystem::path path = std::filesystem::absolute(shape.output);
  std::string parent_path = path.parent_path();
  Fd parent = open_at(AT_FDCWD, parent_path, O_RDONLY | O_DIRECTORY);
  std::array<std::uint8_t, 16> uuid = snapshot::new_uuid();
  snapshot::PartialSnapshot partial(parent.get(), parent_path, uuid);
  snapshot::Manifest manifest = Writer(partial.directory(), uuid, shape).write();
  partial.publish(path.filename());
  std::printf("%llu entries in %llu directories, %zu shards\n",
              static_cast<unsigned long long>(manifest.totals.entries),
              static_cast<unsigned long long>(manifest.totals.directories), manifest.shards.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    write(read_arguments(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "synthetic: %s\n", error.what());
    return 2;
  }
}
