// The registry of open snapshots.
// SPDX-License-Identifier: MIT
#include "mount/open_snapshots.h"

#include <mutex>
#include <utility>

#include "base/error.h"
#include "mount/node_id.h"
#include "mount/root_access.h"

namespace pwalk::mount {

SnapshotRef OpenSnapshots::by_slot(std::uint32_t slot) const {
  std::shared_lock lock(mutex_);
  auto found = by_slot_.find(slot);
  return found == by_slot_.end() ? nullptr : found->second;
}

SnapshotRef OpenSnapshots::find(const StorePlace& place, const ManifestIdentity& identity) const {
  std::shared_lock lock(mutex_);
  auto found = by_place_.find(place);
  return found == by_place_.end() || found->second->identity != identity ? nullptr : found->second;
}

std::uint32_t OpenSnapshots::free_slot(std::uint32_t wanted) const {
  if (wanted < format::store_slots && !by_slot_.contains(wanted)) return wanted;
  for (std::uint32_t slot = format::store_slots; slot-- > 0;) {
    if (!by_slot_.contains(slot)) return slot;
  }
  throw_errno(ENOSPC, "all slots of the store are taken");
}

SnapshotRef OpenSnapshots::add(std::shared_ptr<const snapshot::Snapshot> snapshot, const StorePlace& place,
                               const ManifestIdentity& identity) {
  std::unique_lock lock(mutex_);
  auto [found, is_new] = by_place_.try_emplace(place);
  if (!is_new) {
    if (found->second->identity == identity) return found->second;
    by_slot_.erase(found->second->slot);  // replaced under the same name: what was there is gone
    found->second = nullptr;
  }
  try {
    const snapshot::Manifest& manifest = snapshot->manifest();
    std::uint32_t slot = free_slot(manifest.slot);
    mode_t classes = reachable_classes(*snapshot);
    SnapshotRef added = std::make_shared<OpenSnapshot>(
        OpenSnapshot{std::move(snapshot), place, identity, slot, generation_of(manifest.uuid),
                     InodeNumbers(manifest.devices, slot), classes});
    by_slot_[slot] = added;
    found->second = added;
    return added;
  } catch (...) {
    by_place_.erase(found);
    throw;
  }
}

std::vector<StorePlace> OpenSnapshots::places() const {
  std::shared_lock lock(mutex_);
  std::vector<StorePlace> places;
  for (const auto& [place, snapshot] : by_place_) places.push_back(place);
  return places;
}

void OpenSnapshots::drop(const StorePlace& place) {
  {
    std::shared_lock lock(mutex_);
    if (!by_place_.contains(place)) return;
  }
  std::unique_lock lock(mutex_);
  auto found = by_place_.find(place);
  if (found == by_place_.end()) return;
  by_slot_.erase(found->second->slot);
  by_place_.erase(found);
}

}  // namespace pwalk::mount
