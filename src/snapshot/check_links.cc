// Hard-link excess for the full check, straight from its definition. The links of one inode are
// gathered into their directories and carried upwards, the deepest first; where links from several
// places meet, the directory contains more of them than any single place below it, and its own share
// of the excess is what the definition (number − 1, sum − largest) gives for all of them less what it
// gave for each place. The excess of a directory is then its own shares and its subdirectories'
// excess. The writer works in another way.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <queue>

#include "snapshot/check_parts.h"
#include "snapshot/format.h"
#include "snapshot/rules.h"
#include "snapshot/shard_reader.h"

namespace pwalk::snapshot::check {

namespace {

/// All links of one inode within one directory's subtree.
struct Gathered {
  std::uint32_t depth = 0;
  Place directory{};
  Place parent{};
  std::uint64_t number = 0;
  std::uint64_t apparent_sum = 0;
  std::uint64_t apparent_largest = 0;
  std::uint64_t disk_sum = 0;
  std::uint64_t disk_largest = 0;

  Excess excess() const noexcept {
    return {number - 1, apparent_sum - apparent_largest, disk_sum - disk_largest};
  }
  void add(const Gathered& other) noexcept {
    number += other.number;
    apparent_sum += other.apparent_sum;
    apparent_largest = std::max(apparent_largest, other.apparent_largest);
    disk_sum += other.disk_sum;
    disk_largest = std::max(disk_largest, other.disk_largest);
  }
  /// The deepest come first out of a queue, and those of one directory together.
  bool operator<(const Gathered& other) const noexcept {
    return std::tie(depth, directory) < std::tie(other.depth, other.directory);
  }
};

/// Excess that starts at a directory: links from several places meet there.
struct Share {
  Place directory;
  Excess excess;
};

class Gatherer {
 public:
  explicit Gatherer(const Snapshot& snapshot) : snapshot_(snapshot) {}

  /// Adds the shares of one inode's links to `shares`; what the whole snapshot has of it is the result.
  Excess gather(const Link* begin, const Link* end, std::vector<Share>& shares) {
    std::priority_queue<Gathered> queue;
    for (const Link* link = begin; link != end; ++link) {
      Gathered one{
          0, {}, {}, 1, link->apparent_bytes, link->apparent_bytes, link->disk_bytes, link->disk_bytes};
      move_to(one, link->directory);
      queue.push(one);
    }
    while (true) {
      Gathered top = queue.top();
      queue.pop();
      Excess below = top.excess();
      bool met = false;
      while (!queue.empty() && queue.top().directory == top.directory) {
        below += queue.top().excess();
        top.add(queue.top());
        queue.pop();
        met = true;
      }
      if (met) {
        Excess own = top.excess();
        own -= below;
        shares.push_back({top.directory, own});
      }
      if (queue.empty()) return top.excess();
      if (top.depth == 0)
        throw FormatError(format::manifest_name, "", rule::directory_parent,
                          "links have no common directory");
      move_to(top, top.parent);
      queue.push(top);
    }
  }

 private:
  void move_to(Gathered& gathered, Place place) const {
    Directory directory = snapshot_.directory(place);
    gathered.depth = directory.record.depth;
    gathered.directory = place;
    gathered.parent = directory.parent();
  }

  const Snapshot& snapshot_;
};

bool same_inode(const Link& a, const Link& b) noexcept {
  return a.device_index == b.device_index && a.inode == b.inode;
}

void add(OwnerTotals& owner, const Excess& excess) noexcept {
  owner.excess_inodes += excess.inodes;
  owner.excess_apparent += excess.apparent;
  owner.excess_disk += excess.disk;
}

/// The link whose owner the excess counts for: the one of the greatest apparent size, of these the one in the
/// lowest directory place, and of these the one of the lowest owner and group.
const Link& leading(const Link* begin, const Link* end) noexcept {
  return *std::min_element(begin, end, [](const Link& a, const Link& b) {
    return std::tie(b.apparent_bytes, a.directory, a.uid, a.gid) <
           std::tie(a.apparent_bytes, b.directory, b.uid, b.gid);
  });
}

/// Shares of all inodes, sorted by directory, one for each.
std::vector<Share> all_shares(Context& context) {
  std::vector<Link>& links = context.links;
  std::sort(links.begin(), links.end(), [](const Link& a, const Link& b) {
    return std::tie(a.device_index, a.inode, a.directory) < std::tie(b.device_index, b.inode, b.directory);
  });
  std::vector<Share> shares;
  Gatherer gatherer(context.snapshot);
  for (const Link* begin = links.data(); begin != links.data() + links.size();) {
    const Link* end = begin + 1;
    while (end != links.data() + links.size() && same_inode(*begin, *end)) ++end;
    if (end - begin > 1) {
      Excess whole = gatherer.gather(begin, end, shares);
      const Link& owner = leading(begin, end);
      add(context.sums.by_uid[owner.uid], whole);
      add(context.sums.by_gid[owner.gid], whole);
    }
    begin = end;
  }
  links = {};
  std::sort(shares.begin(), shares.end(),
            [](const Share& a, const Share& b) { return a.directory < b.directory; });
  return shares;
}

Excess recorded_excess(const format::Directory& record) noexcept {
  return {record.excess_inodes, record.excess_apparent, record.excess_disk};
}

void check_directory(const Snapshot& snapshot, Place place, Excess expected) {
  Directory directory = snapshot.directory(place);
  for (std::uint32_t position = 0; position < directory.record.dir_count; ++position)
    expected += recorded_excess(
        snapshot.directory({directory.record.child_shard, directory.record.dir_first + position}).record);
  Excess recorded = recorded_excess(directory.record);
  auto differs = [&](const char* name, std::uint64_t value, std::uint64_t right) {
    throw FormatError(
        snapshot.shard(place.shard).file_name(format::array_directories), record_text(place.index),
        rule::totals_excess,
        std::string(name) + " is " + std::to_string(value) + " but the links give " + std::to_string(right));
  };
  if (recorded.inodes != expected.inodes) differs("excess_inodes", recorded.inodes, expected.inodes);
  if (recorded.apparent != expected.apparent)
    differs("excess_apparent", recorded.apparent, expected.apparent);
  if (recorded.disk != expected.disk) differs("excess_disk", recorded.disk, expected.disk);
}

}  // namespace

void check_links(Context& context) {
  const std::vector<Share> shares = all_shares(context);
  const Snapshot& snapshot = context.snapshot;
  for_each_item(context.threads, snapshot.shard_count(), context.problems, [&] {
    return [&](std::uint64_t item) {
      auto shard = static_cast<std::uint32_t>(item);
      auto share = std::lower_bound(shares.begin(), shares.end(), Place{shard, 0},
                                    [](const Share& a, Place place) { return a.directory < place; });
      std::uint64_t directories = snapshot.shard(shard).records(format::array_directories);
      for (std::uint64_t index = 0; index < directories && !context.problems.full(); ++index) {
        Place place{shard, static_cast<std::uint32_t>(index)};
        Excess own;
        for (; share != shares.end() && share->directory == place; ++share) own += share->excess;
        try {
          check_directory(snapshot, place, own);
        } catch (const FormatError& error) {
          context.problems.add(error);
        }
      }
    };
  });
}

}  // namespace pwalk::snapshot::check
