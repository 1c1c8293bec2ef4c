// The names of a directory looked at: by its reader alone, or with the help of workers that have nothing else
// to do; and what was found handed over in the order of names.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <optional>

#include "walk/worker.h"

namespace pwalk::walk {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t look_up_every =
    8;  // names, between two looks at whether the walk ends or somebody is idle
constexpr std::size_t handed_over_at_once = 256;  // names, between two looks at whether the walk ends
constexpr std::chrono::milliseconds hand_over_grace(500);  // that the end of a walk may be put off for it
constexpr std::uint32_t prefetched = 12;  // names ahead: those of a large directory lie far apart
constexpr std::uint32_t timed_from = 16;  // names: below, help could not save anything
// Waking another worker costs 50 to 150 µs, so what is left must be worth it, and so must each portion.
constexpr std::chrono::nanoseconds worth_sharing = std::chrono::milliseconds(1);
constexpr std::chrono::nanoseconds portion_time = std::chrono::microseconds(150);
constexpr std::uint32_t portion_max = 128;
constexpr std::size_t part = Worker::stats_at_once / 2;

std::uint32_t portion_for(std::chrono::nanoseconds each) noexcept {
  auto names = portion_time / std::max(each, std::chrono::nanoseconds(1));
  return static_cast<std::uint32_t>(std::clamp<long>(static_cast<long>(names), 1, portion_max));
}

}  // namespace

/// Work on offer for as long as this lives; whatever happens, nobody works on it afterwards.
class Worker::Offer {
 public:
  Offer(Worker& worker, const StatWork& work, std::uint32_t portion)
      : worker_(worker), shared_(work, portion) {
    worker_.shared_.queues.offer(shared_);
    worker_.offered_ = &shared_;
  }
  ~Offer() {
    worker_.shared_.queues.withdraw(shared_);
    worker_.offered_ = nullptr;
  }
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;
  SharedStats& shared() noexcept { return shared_; }

 private:
  Worker& worker_;
  SharedStats shared_;
};

/// Whether what was looked at is not to be handed over any more: the walk has been ending for so long.
bool Worker::ends_now() noexcept {
  if (!shared_.ending() || seat_.closed()) return false;
  if (ends_at_ == Clock::time_point()) ends_at_ = Clock::now() + hand_over_grace;
  return Clock::now() >= ends_at_;
}

/// Whether no more names are to be looked at, after waiting until the next few of `rest` may be.
bool Worker::ends_before(std::uint32_t rest) noexcept {
  if (shared_.rate_limit.limits() && !shared_.ending())
    shared_.rate_limit.wait(std::min(rest, look_up_every), [this] { return shared_.ending(); });
  return shared_.ending();
}

void Worker::stat_portion(const StatWork& work, std::uint32_t begin, std::uint32_t end) noexcept {
  std::uint32_t at = begin;
  std::uint32_t uncounted = 0;  // another look counts
  while (at < end && !ends_before(end - at)) {
    std::uint32_t few = at + std::min(end - at, look_up_every);
    if (work.packed != nullptr) {
      for (; at < few; ++at)
        if (!look_ahead_at(work, at)) ++uncounted;
      continue;
    }
    if (work.known == nullptr && !seat_.watched()) {
      for (; at < few; ++at)
        work.errors[at] = static_cast<StatError>(stat_entry(work.descriptor, work.names[at].dirent->d_name,
                                                            work.stats[at], shared_.options.stat_sync));
      continue;
    }
    for (; at < few; ++at)
      if (stat_one(work, at, end)) ++uncounted;
  }
  Counters::add(counters_.entries, at - begin - uncounted);
  if (work.packed == nullptr) {
    std::fill(work.errors + at, work.errors + end, StatError{ECANCELED});
  } else {
    work.count_packed->looked_at.fetch_add(at - begin, std::memory_order_relaxed);
    work.count_packed->left_out.fetch_add(uncounted, std::memory_order_relaxed);
  }
}

/// Name `at`, in the order of listing; false where what was found is not kept, and somebody has to look
/// again. Nobody looks ahead who is watched.
bool Worker::look_ahead_at(const StatWork& work, std::uint32_t at) noexcept {
  int error =
      stat_entry(work.descriptor, work.names[at].dirent->d_name, looked_at_, shared_.options.stat_sync);
  PackedStat& packed = work.packed[at];
  if (error != 0) {
    packed.mode = static_cast<std::uint16_t>(error);
    return true;
  }
  if (!packs(looked_at_, *work.directory)) return false;
  pack(looked_at_, packed);
  return true;
}

/// Name `at` of a portion up to `end`, whatever is asked of it; true if it was looked at ahead.
bool Worker::stat_one(const StatWork& work, std::uint32_t at, std::uint32_t end) noexcept {
  auto known = [&](std::uint32_t of) {
    return work.known != nullptr && work.known->knows(work.names[of].order);
  };
  if (end - at > prefetched && !known(at + prefetched))
    __builtin_prefetch(work.names[at + prefetched].dirent->d_name);
  if (known(at)) return true;
  work.errors[at] = static_cast<StatError>(
      look_at(work.descriptor, work.names[at].dirent->d_name, work.stats[at], shared_.options.stat_sync));
  return false;
}

void Worker::stat_portions(SharedStats& shared) noexcept {
  std::uint32_t begin;
  std::uint32_t end;
  while (shared.take(begin, end)) stat_portion(shared.work(), begin, end);
}

void Worker::help(SharedStats& shared) noexcept {
  helped_ = &shared;
  stage_ = Stage::helping;
  stat_portions(shared);
  stage_ = Stage::idle;
  shared_.queues.leave(shared);
}

/// Fills stats and errors of all names. When it turns out that the rest will take long while others have
/// nothing to do, they are asked to help.
void Worker::stat_names(const StatWork& work) {
  bool timed = work.count >= timed_from;
  Clock::time_point began = timed ? Clock::now() : Clock::time_point();
  for (std::uint32_t at = 0; at < work.count; at += look_up_every) {
    std::uint32_t rest = work.count - at;
    if (timed && at != 0 && rest > look_up_every && shared_.queues.idle() != 0) {
      std::chrono::nanoseconds each = (Clock::now() - began) / at;
      if (each * rest >= worth_sharing) {
        share_rest(work, at, each);
        return;
      }
    }
    stat_portion(work, at, at + std::min(rest, look_up_every));
  }
}

void Worker::share_rest(const StatWork& work, std::uint32_t begin, std::chrono::nanoseconds each) {
  StatWork rest{work.descriptor,     work.names + begin, work.stats + begin,
                work.errors + begin, work.count - begin, work.known};
  Offer offer(*this, rest, portion_for(each));
  stat_portions(offer.shared());
}

/// Gives every child to the sink; false where it has no more room.
bool Worker::hand_over(int descriptor) {
  std::size_t names = listing_.names().size();
  if (names > stats_at_once) return hand_over_in_parts(descriptor);
  return hand_over_names(descriptor, names, stats(), stat_errors_.data(), true);
}

/// Of a large directory the part that begins with name `begin`, to be looked at.
StatWork Worker::part_from(int descriptor, std::size_t begin) noexcept {
  const ListedNames& names = listing_.names();
  std::size_t half = begin / part % 2 * part;
  return {descriptor,
          names.data() + begin,
          stats() + half,
          stat_errors_.data() + half,
          static_cast<std::uint32_t>(std::min(part, names.size() - begin)),
          &ahead_};
}

/// While one part is handed over, whoever is idle looks at the next.
bool Worker::hand_over_in_parts(int descriptor) {
  std::size_t names = listing_.names().size();
  auto begin_part = [&](std::size_t begin) {
    StatWork work = part_from(descriptor, begin);
    if (seat_.watched()) std::fill_n(work.errors, work.count, not_answered);
    begun_ = begin + work.count;
    return work;
  };
  Clock::time_point began = Clock::now();
  stat_names(begin_part(0));
  std::uint32_t portion = portion_for((Clock::now() - began) / part);
  while (handed_over_ < names && !(cut_short_ && ends_now())) {
    StatWork done = part_from(descriptor, handed_over_);
    std::optional<Offer> next;
    if (begun_ < names) next.emplace(*this, begin_part(begun_), portion);
    if (!hand_over_names(descriptor, handed_over_ + done.count, done.stats, done.errors, false)) return false;
    if (next) stat_portions(next->shared());
  }
  return true;
}

/// The same after a call that never answered: what nobody has looked at is not looked at any more.
bool Worker::hand_over_rest() {
  std::size_t names = listing_.names().size();
  if (names <= stats_at_once) return hand_over_names(-1, names, stats(), stat_errors_.data(), true);
  while (handed_over_ < names) {
    std::size_t begin = handed_over_ / part * part;
    StatWork rest = part_from(-1, begin);
    if (begin >= begun_) std::fill_n(rest.errors, rest.count, not_answered);
    if (!hand_over_names(-1, begin + rest.count, rest.stats, rest.errors, false)) return false;
  }
  return true;
}

/// Those that were not handed over yet, up to `end`; stats and errors are by the order of listing, or by
/// position in the part.
bool Worker::hand_over_names(int descriptor, std::size_t end, const struct statx* stats,
                             const StatError* errors, bool by_order) {
  const Listed64* names = listing_.names().data();
  std::size_t count = listing_.names().size();
  for (; handed_over_ < end; ++handed_over_) {
    // Patterns may take their time.
    if (handed_over_ % handed_over_at_once == handed_over_at_once - 1 && ends_now()) {
      cut_short();
      handed_over_ = end;
      break;
    }
    if (end - handed_over_ > prefetched) __builtin_prefetch(names[handed_over_ + prefetched].dirent->d_name);
    const Listed64& listed = names[handed_over_];
    // Equal names have equal prefixes, whichever their sorting came to.
    if (handed_over_ + 1 < count && names[handed_over_ + 1].prefix == listed.prefix &&
        names[handed_over_ + 1].name() == listed.name()) {
      sink_.duplicate();  // listed again later: that one counts
      Counters::add(counters_.left_out, 1);
      continue;
    }
    std::size_t at = by_order ? listed.order : handed_over_ % part;
    const struct statx* stat = &stats[at];
    int error = errors[at];
    if (!by_order) {
      if (end - handed_over_ > prefetched) ahead_.prefetch(names[handed_over_ + prefetched].order);
      if (ahead_.found(listed.order, looked_at_, error)) stat = &looked_at_;
    }
    if (!hand_over_one(descriptor, listed, stat, error)) return false;
  }
  return true;
}

}  // namespace pwalk::walk
