// The registry of open snapshots.
// SPDX-License-Identifier: MIT
#include "mount/open_snapshots.h"

#include <algorithm>
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

bool OpenSnapshots::is_free(std::uint32_t slot) const {
  return !by_slot_.contains(slot) && !closed_.contains(slot);
}

std::uint32_t OpenSnapshots::free_slot(std::uint32_t wanted) const {
  if (wanted < format::store_slots && is_free(wanted)) return wanted;
  for (std::uint32_t slot = format::store_slots; slot-- > 0;) {
    if (is_free(slot)) return slot;
  }
  throw_errno(ENOSPC, "all slots of the store are taken");
}

/// The slot that the snapshot had before it was closed. What was closed at that place and is another one
/// gives up its slot.
std::optional<std::uint32_t> OpenSnapshots::take_closed(const StorePlace& place,
                                                        const ManifestIdentity& identity) {
  auto at_place = [&](const auto& entry) { return entry.second.place == place; };
  auto found = std::find_if(closed_.begin(), closed_.end(), at_place);
  if (found == closed_.end()) return std::nullopt;
  std::optional<std::uint32_t> slot;
  if (found->second.identity == identity) slot = found->first;
  closed_.erase(found);
  return slot;
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
    std::optional<std::uint32_t> its_own = take_closed(place, identity);
    std::uint32_t slot = its_own ? *its_own : free_slot(manifest.slot);
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
  for (const auto& [slot, closed] : closed_) places.push_back(closed.place);
  return places;
}

void OpenSnapshots::close_unused() {
  constexpr long of_the_maps = 2;
  std::unique_lock lock(mutex_);
  for (auto each = by_place_.begin(); each != by_place_.end();) {
    const SnapshotRef& open = each->second;
    if (open.use_count() > of_the_maps) {
      ++each;
      continue;
    }
    closed_[open->slot] = {open->place, open->identity};
    by_slot_.erase(open->slot);
    each = by_place_.erase(each);
  }
}

std::optional<StorePlace> OpenSnapshots::closed_place(std::uint32_t slot) const {
  std::shared_lock lock(mutex_);
  auto found = closed_.find(slot);
  if (found == closed_.end()) return std::nullopt;
  return found->second.place;
}

void OpenSnapshots::drop(const StorePlace& place) {
  {
    std::shared_lock lock(mutex_);
    auto is_there = [&](const auto& entry) { return entry.second.place == place; };
    if (!by_place_.contains(place) && std::none_of(closed_.begin(), closed_.end(), is_there)) return;
  }
  std::unique_lock lock(mutex_);
  take_closed(place, {});
  auto found = by_place_.find(place);
  if (found == by_place_.end()) return;
  by_slot_.erase(found->second->slot);
  by_place_.erase(found);
}

}  // namespace pwalk::mount
