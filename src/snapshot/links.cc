// SPDX-License-Identifier: MIT
#include "snapshot/links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <tuple>

#include "base/error.h"
#include "base/file.h"

namespace pwalk::snapshot {

namespace {

constexpr std::size_t merge_buffer_notes = 128;

auto key(const LinkNote& note) noexcept {
  return std::tie(note.device_index, note.inode, note.directory_shard, note.directory_index, note.uid,
                  note.gid);
}

bool before(const LinkNote& a, const LinkNote& b) noexcept {
  return key(a) < key(b);
}

bool same_inode(const LinkNote& a, const LinkNote& b) noexcept {
  return a.device_index == b.device_index && a.inode == b.inode;
}

}  // namespace

LinkNotes::LinkNotes(int directory, std::size_t notes_limit)
    : directory_(directory), notes_limit_(notes_limit) {}

void LinkNotes::add(const LinkNote& note) {
  if (notes_.size() == notes_limit_) spill();
  notes_.push_back(note);
}

void LinkNotes::spill() {
  if (!file_) {
    static std::atomic<unsigned> serial{0};
    std::string name = link_notes_prefix + std::to_string(serial++);
    file_ = open_at(directory_, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (::unlinkat(directory_, name.c_str(), 0) != 0) throw_errno("cannot unlink '" + name + "'");
  }
  std::sort(notes_.begin(), notes_.end(), before);
  std::uint64_t bytes = notes_.size() * sizeof(LinkNote);
  write_exactly(file_.get(), notes_.data(), bytes, file_bytes_, "hard link notes");
  runs_.push_back({file_bytes_, notes_.size()});
  file_bytes_ += bytes;
  notes_.clear();
}

/// Merges the sorted runs of all workers.
class LinkMerge {
 public:
  explicit LinkMerge(std::vector<std::unique_ptr<LinkNotes>>& workers) {
    for (auto& worker : workers) {
      std::sort(worker->notes_.begin(), worker->notes_.end(), before);
      for (const LinkNotes::Run& run : worker->runs_)
        add_source({worker->file_.get(), run.offset, run.notes, {}, 0});
      if (!worker->notes_.empty()) add_source({-1, 0, 0, std::move(worker->notes_), 0});
    }
    std::make_heap(heap_.begin(), heap_.end(), Later{this});
  }

  /// The next note in order; false at the end.
  bool next(LinkNote& note) {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later{this});
    Source& source = sources_[heap_.back()];
    note = source.buffer[source.position++];
    if (source.position < source.buffer.size() || refill(source))
      std::push_heap(heap_.begin(), heap_.end(), Later{this});
    else
      heap_.pop_back();
    return true;
  }

 private:
  struct Source {
    int descriptor;
    std::uint64_t offset;
    std::uint64_t left;  // notes not yet in the buffer
    std::vector<LinkNote> buffer;
    std::size_t position;
  };
  struct Later {
    LinkMerge* merge;
    bool operator()(std::size_t a, std::size_t b) const {
      const Source& left = merge->sources_[a];
      const Source& right = merge->sources_[b];
      return before(right.buffer[right.position], left.buffer[left.position]);
    }
  };

  void add_source(Source source) {
    if (source.buffer.empty() && !refill(source)) return;
    heap_.push_back(sources_.size());
    sources_.push_back(std::move(source));
  }
  static bool refill(Source& source) {
    std::uint64_t notes = std::min<std::uint64_t>(source.left, merge_buffer_notes);
    if (notes == 0) return false;
    source.buffer.resize(notes);
    source.position = 0;
    if (!read_exactly(source.descriptor, source.buffer.data(), notes * sizeof(LinkNote), source.offset,
                      "hard link notes"))
      throw_errno(EIO, "cannot read hard link notes");
    source.offset += notes * sizeof(LinkNote);
    source.left -= notes;
    return true;
  }

  std::vector<Source> sources_;
  std::vector<std::size_t> heap_;
};

namespace {

/// The names of one inode within one subtree.
struct Meeting {
  Place directory;
  std::uint64_t names = 0;
  std::uint64_t apparent_sum = 0;
  std::uint64_t apparent_max = 0;
  std::uint64_t disk_sum = 0;
  std::uint64_t disk_max = 0;

  void join(const Meeting& other) noexcept {
    names += other.names;
    apparent_sum += other.apparent_sum;
    apparent_max = std::max(apparent_max, other.apparent_max);
    disk_sum += other.disk_sum;
    disk_max = std::max(disk_max, other.disk_max);
  }
  std::uint64_t inodes() const noexcept { return names - 1; }
  std::uint64_t apparent() const noexcept { return apparent_sum - apparent_max; }
  std::uint64_t disk() const noexcept { return disk_sum - disk_max; }
};

/// Follows the names of one inode upwards until they are all in one subtree, deepest directories first.
class Climb {
 public:
  explicit Climb(DirectoryRecords& records) : records_(records) {}

  /// `meetings`: one for each name. Notes in the records what the names add where they meet.
  Meeting run(std::vector<Meeting>& meetings) {
    for (const Meeting& meeting : meetings)
      levels_[records_.record(meeting.directory).depth].push_back(meeting);
    for (;;) {
      auto deepest = std::prev(levels_.end());
      std::uint32_t depth = deepest->first;
      std::vector<Meeting> level = std::move(deepest->second);
      levels_.erase(deepest);
      join_level(level);
      if (levels_.empty() && level.size() == 1) return level[0];
      std::vector<Meeting>& above = levels_[depth - 1];
      for (Meeting& meeting : level) {
        const format::Directory& record = records_.record(meeting.directory);
        meeting.directory = {record.parent_shard, record.parent_index};
        above.push_back(meeting);
      }
    }
  }

 private:
  void join_level(std::vector<Meeting>& level) {
    std::sort(level.begin(), level.end(),
              [](const Meeting& a, const Meeting& b) { return a.directory < b.directory; });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < level.size();) {
      Meeting joined = level[i];
      std::uint64_t inodes = joined.inodes(), apparent = joined.apparent(), disk = joined.disk();
      std::size_t next = i + 1;
      for (; next < level.size() && level[next].directory == joined.directory; ++next) {
        inodes += level[next].inodes();
        apparent += level[next].apparent();
        disk += level[next].disk();
        joined.join(level[next]);
      }
      if (next > i + 1) {
        format::Directory& record = records_.record(joined.directory);
        record.excess_inodes += joined.inodes() - inodes;
        record.excess_apparent += joined.apparent() - apparent;
        record.excess_disk += joined.disk() - disk;
      }
      level[kept++] = joined;
      i = next;
    }
    level.resize(kept);
  }

  DirectoryRecords& records_;
  std::map<std::uint32_t, std::vector<Meeting>> levels_;
};

/// Adds each directory's excess to its parent's, children before parents, without recursion.
void sum_upwards(DirectoryRecords& records, const std::atomic<bool>& stop) {
  struct Step {
    format::Directory* record;
    std::uint32_t next;
  };
  auto add_to = [](format::Directory& parent, const format::Directory& record) {
    parent.excess_inodes += record.excess_inodes;
    parent.excess_apparent += record.excess_apparent;
    parent.excess_disk += record.excess_disk;
  };
  std::vector<Step> path{{&records.record({0, 0}), 0}};
  for (;;) {
    end_if(stop);
    Step& step = path.back();
    format::Directory& record = *step.record;
    if (step.next < record.dir_count) {
      format::Directory& child = records.record({record.child_shard, record.dir_first + step.next++});
      if (child.dir_count == 0)
        add_to(record, child);
      else
        path.push_back({&child, 0});
      continue;
    }
    path.pop_back();
    if (path.empty()) return;
    add_to(*path.back().record, record);
  }
}

void add_excess(OwnerTotals& owner, const Meeting& group) noexcept {
  owner.excess_inodes += group.inodes();
  owner.excess_apparent += group.apparent();
  owner.excess_disk += group.disk();
}

}  // namespace

OwnerExcess apply_links(std::vector<std::unique_ptr<LinkNotes>>& notes, DirectoryRecords& records,
                        const std::atomic<bool>& stop) {
  OwnerExcess excess;
  LinkMerge merge(notes);
  Climb climb(records);
  std::vector<Meeting> names;
  LinkNote note;
  LinkNote largest{};  // its owner stands for the inode, should the names disagree
  bool any = false;
  auto finish_inode = [&] {
    if (names.size() < 2) return;
    Meeting group = climb.run(names);
    add_excess(excess.by_uid[largest.uid], group);
    add_excess(excess.by_gid[largest.gid], group);
    any = true;
  };
  while (merge.next(note)) {
    end_if(stop);
    if (names.empty() || !same_inode(largest, note)) {
      finish_inode();
      names.clear();
      largest = note;
    }
    if (note.apparent_bytes > largest.apparent_bytes) largest = note;
    names.push_back({{note.directory_shard, note.directory_index},
                     1,
                     note.apparent_bytes,
                     note.apparent_bytes,
                     note.disk_bytes,
                     note.disk_bytes});
  }
  finish_inode();
  if (any) sum_upwards(records, stop);
  return excess;
}

}  // namespace pwalk::snapshot
