// SPDX-License-Identifier: MIT
#include "scan/sink.h"

namespace pwalk::scan {

namespace {

constexpr std::uint64_t usual_target_bytes = 256;  // allowed for each link when a shard is chosen

std::uint16_t state_of(walk::NotEntered reason) noexcept {
  switch (reason) {
    case walk::NotEntered::none:
      return 0;
    case walk::NotEntered::pattern:
      return format::state_excluded_pattern;
    case walk::NotEntered::pattern_file:
      return format::state_excluded_file;
    case walk::NotEntered::cache_directory:
      return format::state_excluded_cache_directory;
    case walk::NotEntered::snapshot_directory:
      return format::state_excluded_snapshot_directory;
    case walk::NotEntered::depth:
      return format::state_excluded_depth;
    case walk::NotEntered::other_file_system:
      return format::state_excluded_other_file_system;
    case walk::NotEntered::kernel_file_system:
      return format::state_excluded_kernel_file_system;
    case walk::NotEntered::own_output:
      return format::state_excluded_own_output;
    case walk::NotEntered::pwalk_mount:
      return format::state_excluded_pwalk_mount;
    case walk::NotEntered::loop:
      return format::state_excluded_loop;
  }
  return 0;
}

std::uint16_t state_of(const walk::Outcome& outcome) noexcept {
  switch (outcome.listed) {
    case walk::Listed::whole:
      return format::state_read;
    case walk::Listed::failed:
      return format::state_failed;
    case walk::Listed::partial:
      return format::state_partial;
    case walk::Listed::vanished:
      return format::state_vanished;
    case walk::Listed::not_reached:
      return format::state_not_reached;
    case walk::Listed::not_entered:
      return state_of(outcome.not_entered);
  }
  return format::state_failed;
}

std::uint16_t call_of(walk::Call call) noexcept {
  switch (call) {
    case walk::Call::none:
      return 0;
    case walk::Call::openat:
      return format::call_openat;
    case walk::Call::getdents64:
      return format::call_getdents64;
  }
  return 0;
}

snapshot::ListingOutcome listing_outcome(const walk::Outcome& outcome) noexcept {
  snapshot::ListingOutcome listing;
  listing.state = state_of(outcome);
  listing.error = outcome.error;
  listing.call = call_of(outcome.call);
  listing.access_acl = outcome.access_acl;
  listing.default_acl = outcome.default_acl;
  listing.rich_acl = outcome.rich_acl;
  listing.acl_error = outcome.acl_error;
  listing.acl_skipped = outcome.acl_skipped;
  return listing;
}

}  // namespace

walk::Token token_of(snapshot::Place place) noexcept {
  return std::uint64_t{place.shard} << 32 | place.index;
}

snapshot::Place place_of(walk::Token token) noexcept {
  return {static_cast<std::uint32_t>(token >> 32), static_cast<std::uint32_t>(token)};
}

snapshot::EntryNotes entry_notes(const walk::Child& child, std::uint32_t device_index) noexcept {
  return {device_index, state_of(child.not_entered),
          child.mount_point ? format::directory_mount_point : std::uint16_t{0}};
}

SnapshotSink::SnapshotSink(snapshot::SnapshotWriter& writer, snapshot::WorkerWriter& worker,
                           walk::MountTable& mounts)
    : writer_(writer), worker_(worker), mounts_(mounts) {}

std::uint32_t SnapshotSink::find_device(std::uint64_t device) {
  auto known = devices_.find(device);
  if (known == devices_.end()) {
    auto major = static_cast<std::uint32_t>(device >> 32);
    auto minor = static_cast<std::uint32_t>(device);
    std::uint32_t index = writer_.device_index(major, minor, mounts_.type_of_device(major, minor));
    known = devices_.emplace(device, index).first;
  }
  last_device_ = device;
  last_index_ = known->second;
  return last_index_;
}

bool SnapshotSink::begin(walk::Token directory, std::uint64_t entries, std::uint64_t names_bytes,
                         std::uint64_t links) {
  return worker_.begin(place_of(directory), entries, names_bytes, links * usual_target_bytes);
}

bool SnapshotSink::add(const walk::Child& child, walk::Token& token) {
  if (!worker_.has_room(child)) return false;
  std::uint32_t device = child.stat != nullptr ? device_index(*child.stat) : 0;
  if (child.is_directory)
    token = token_of(worker_.add(child, entry_notes(child, device)));
  else
    worker_.add(child, {device, 0, 0});
  return true;
}

void SnapshotSink::end(const walk::Outcome& outcome) {
  worker_.end(listing_outcome(outcome));
}

void SnapshotSink::not_listed(walk::Token directory, const walk::Outcome& outcome) {
  worker_.not_listed(place_of(directory), listing_outcome(outcome));
}

void SnapshotSink::finish(walk::Token directory) {
  worker_.finish(place_of(directory));
}

}  // namespace pwalk::scan
