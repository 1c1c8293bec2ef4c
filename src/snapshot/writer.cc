// SPDX-License-Identifier: MIT
#include "snapshot/writer.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace pwalk::snapshot {

namespace {

constexpr std::uint32_t shard_limit = 65536;
constexpr unsigned threads_that_wait = 8;  // for files on their way to the storage
constexpr std::size_t roomy_workers = 4;   // who keep as many link notes as they may

void add_owner(OwnerTotals& to, const OwnerTotals& from) noexcept {
  to.entries += from.entries;
  to.apparent_bytes += from.apparent_bytes;
  to.disk_bytes += from.disk_bytes;
  to.excess_inodes += from.excess_inodes;
  to.excess_apparent += from.excess_apparent;
  to.excess_disk += from.excess_disk;
}

}  // namespace

SnapshotWriter::SnapshotWriter(int directory, const std::array<std::uint8_t, 16>& uuid,
                               const WriterLimits& limits)
    : directory_(directory),
      uuid_(uuid),
      limits_(limits),
      shards_(new std::unique_ptr<ShardWriter>[shard_limit]) {}

SnapshotWriter::~SnapshotWriter() = default;

WorkerWriter& SnapshotWriter::add_worker() {
  // Many workers together keep little more than few.
  std::size_t share = notes_.size() < roomy_workers ? limits_.link_notes : limits_.link_notes / 32;
  notes_.push_back(std::make_unique<LinkNotes>(directory_, std::max<std::size_t>(share, 1)));
  workers_.push_back(std::make_unique<WorkerWriter>(*this));
  workers_.back()->notes_ = notes_.back().get();
  return *workers_.back();
}

ShardWriter& SnapshotWriter::new_shard() {
  std::lock_guard lock(shards_mutex_);
  std::uint32_t number = shard_count_.load(std::memory_order_relaxed);
  if (number == shard_limit) throw_errno(EFBIG, "cannot begin another shard");
  shards_[number] = std::make_unique<ShardWriter>(directory_, number);
  shard_count_.store(number + 1, std::memory_order_release);
  return *shards_[number];
}

std::uint32_t SnapshotWriter::device_index(std::uint32_t major, std::uint32_t minor,
                                           const std::string& type) {
  std::lock_guard lock(devices_mutex_);
  for (std::uint32_t index = 0; index < devices_.size(); ++index)
    if (devices_[index].major == major && devices_[index].minor == minor) return index;
  devices_.push_back({major, minor, type, 0, 0});
  return static_cast<std::uint32_t>(devices_.size()) - 1;
}

class SnapshotWriter::Records : public DirectoryRecords {
 public:
  explicit Records(SnapshotWriter& writer) : writer_(writer) {}
  format::Directory& record(Place place) override { return writer_.record(place); }

 private:
  SnapshotWriter& writer_;
};

/// Calls `finish` with each number below `count`, from up to `threads` threads; rethrows the first exception.
template <class Finish>
void SnapshotWriter::in_parallel(std::uint32_t count, unsigned threads, Finish finish) {
  std::atomic<std::uint32_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  auto work = [&] {
    try {
      for (std::uint32_t number = next++; number < count; number = next++) finish(number);
    } catch (...) {
      std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> pool;
    try {
      for (unsigned i = 1; i < std::min(threads, count); ++i) pool.emplace_back(work);
    } catch (const std::system_error&) {
      // The system allows no more threads: those that there are do it.
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

void SnapshotWriter::finish_shards(Manifest& manifest, unsigned threads, const std::atomic<bool>& stop) {
  std::uint32_t shards = shard_count();
  in_parallel(shards, threads, [&](std::uint32_t number) {
    end_if(stop);
    shards_[number]->finish_directories(manifest, manifest.shards[number]);
  });
  // Only now that write-back of all files has begun is any of them waited for. One thread gives the order.
  std::vector<std::string> files;
  for (const Shard& shard : manifest.shards)
    for (const ArrayFile& file : shard.files) files.push_back(file.file_name);
  in_parallel(static_cast<std::uint32_t>(files.size()),
              threads == 1 ? 1 : std::max(threads, threads_that_wait), [&](std::uint32_t number) {
                end_if(stop);
                force_file(directory_, files[number]);
              });
  std::uint64_t first_entry = 0;
  for (std::uint32_t number = 0; number < shards; ++number) {
    manifest.shards[number].first_entry = first_entry;
    first_entry += shards_[number]->entries();
  }
  if (first_entry >> format::entry_number_bits != 0) throw_errno(EFBIG, "more than 2^40 entries");
  manifest.parts = {{0, shards}};
}

void SnapshotWriter::gather_counts(Manifest& manifest, const OwnerExcess& excess) {
  std::map<std::pair<std::uint16_t, int>, std::uint64_t> errors;
  std::vector<WorkerWriter::InodeRange> ranges(devices_.size());
  for (const auto& worker : workers_) {
    manifest.vanished_entries += worker->vanished_;
    manifest.duplicate_names += worker->duplicates_;
    manifest.excluded_entries += worker->excluded_;
    for (const auto& [key, count] : worker->errors_) errors[key] += count;
    for (const auto& [state, count] : worker->unread_) manifest.unread[state] += count;
    worker->owners_.each([&](const OwnerSums::Sums& sums) {
      OwnerTotals totals{sums.entries, sums.apparent_bytes, sums.disk_bytes, 0, 0, 0};
      add_owner(manifest.by_uid[sums.uid], totals);
      add_owner(manifest.by_gid[sums.gid], totals);
    });
    for (std::size_t i = 0; i < worker->inode_ranges_.size(); ++i) {
      ranges[i].min = std::min(ranges[i].min, worker->inode_ranges_[i].min);
      ranges[i].max = std::max(ranges[i].max, worker->inode_ranges_[i].max);
    }
  }
  for (const auto& [uid, totals] : excess.by_uid) add_owner(manifest.by_uid[uid], totals);
  for (const auto& [gid, totals] : excess.by_gid) add_owner(manifest.by_gid[gid], totals);
  for (const auto& [key, count] : errors)
    manifest.errors.push_back({key.first, static_cast<std::uint16_t>(key.second), count});
  manifest.devices = devices_;
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (ranges[i].min <= ranges[i].max) {
      manifest.devices[i].inode_min = ranges[i].min;
      manifest.devices[i].inode_max = ranges[i].max;
    }
}

Manifest SnapshotWriter::finish(Manifest manifest, unsigned threads, const std::atomic<bool>& stop) {
  manifest.uuid = uuid_;
  OwnerExcess excess;
  // A record that was lost leads anywhere: to itself, for one.
  for (std::uint32_t number = 0; number < shard_count(); ++number) shards_[number]->require_whole();
  // What hard links add is known now, and is one thread's work in the directory records: another finishes
  // everything else meanwhile.
  manifest.shards.resize(shard_count());
  in_parallel(1 + shard_count(), threads, [&](std::uint32_t number) {
    end_if(stop);
    if (number > 0) return shards_[number - 1]->finish_others(manifest, manifest.shards[number - 1]);
    if (!root_is_directory_) return;
    Records records(*this);
    excess = apply_links(notes_, records, stop);
  });
  gather_counts(manifest, excess);
  manifest.totals = root_is_directory_ ? totals_of(record({0, 0})) : root_totals_;
  finish_shards(manifest, threads, stop);
  write_file_durably(directory_, format::manifest_name, to_text(manifest));
  sync_file(directory_, "snapshot directory");
  return manifest;
}

}  // namespace pwalk::snapshot
