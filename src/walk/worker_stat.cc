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
  Offer(Queues& queues, const StatWork& work, std::uint32_t portion)
      : queues_(queues), shared_(work, portion) {
    queues_.offer(shared_);
  }
  ~Offer() { queues_.withdraw(shared_); }
  Offer(const Offer&) = delete;
  Offer& operator=(const Offer&) = delete;
  SharedStats& shared() noexcept { return shared_; }

 private:
  Queues& queues_;
  SharedStats shared_;
};

/// Whether no more names are to be looked at, after waiting until the next few of `rest` may be.
bool Worker::ends_before(std::uint32_t rest) noexcept {
  if (shared_.rate_limit.limits() && !shared_.ending())
    shared_.rate_limit.wait(std::min(rest, look_up_every), [this] { return shared_.ending(); });
  return shared_.ending();
}

void Worker::stat_portion(const StatWork& work, std::uint32_t begin, std::uint32_t end) noexcept {
  std::uint32_t at = begin;
  for (; at < end && !((at - begin) % look_up_every == 0 && ends_before(end - at)); ++at)
    work.errors[at] =
        stat_entry(work.descriptor, work.names[at].dirent->d_name, work.stats[at], shared_.options.stat_sync);
  Counters::add(counters_.entries, at - begin);
  std::fill(work.errors + at, work.errors + end, ECANCELED);
}

void Worker::stat_portions(SharedStats& shared) noexcept {
  std::uint32_t begin;
  std::uint32_t end;
  while (shared.take(begin, end)) stat_portion(shared.work(), begin, end);
}

void Worker::help(SharedStats& shared) noexcept {
  stat_portions(shared);
  shared_.queues.leave(shared);
}

/// Fills stats and errors of all names. When it turns out that the rest will take long while others have
/// nothing to do, they are asked to help.
void Worker::stat_names(const StatWork& work) noexcept {
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

void Worker::share_rest(const StatWork& work, std::uint32_t begin, std::chrono::nanoseconds each) noexcept {
  StatWork rest{work.descriptor, work.names + begin, work.stats + begin, work.errors + begin,
                work.count - begin};
  Offer offer(shared_.queues, rest, portion_for(each));
  stat_portions(offer.shared());
}

/// Gives every child to the sink; false where it has no more room.
bool Worker::hand_over(int descriptor) {
  std::size_t names = listing_.names().size();
  if (names > stats_at_once) return hand_over_in_parts(descriptor);
  return hand_over_names(descriptor, 0, names, stats_.get(), stat_errors_.data(), true);
}

/// While one part is handed over, whoever is idle looks at the next.
bool Worker::hand_over_in_parts(int descriptor) {
  const std::vector<Listed64>& names = listing_.names();
  auto work_of = [&](std::size_t begin) {
    std::size_t half = begin / part % 2 * part;
    return StatWork{descriptor, names.data() + begin, stats_.get() + half, stat_errors_.data() + half,
                    static_cast<std::uint32_t>(std::min(part, names.size() - begin))};
  };
  Clock::time_point began = Clock::now();
  stat_names(work_of(0));
  std::uint32_t portion = portion_for((Clock::now() - began) / part);
  for (std::size_t begin = 0; begin < names.size(); begin += part) {
    std::optional<Offer> next;
    if (begin + part < names.size()) next.emplace(shared_.queues, work_of(begin + part), portion);
    StatWork done = work_of(begin);
    if (!hand_over_names(descriptor, begin, begin + done.count, done.stats, done.errors, false)) return false;
    if (next) stat_portions(next->shared());
  }
  return true;
}

/// Those from `begin` to `end`; stats and errors are by position from `begin`, or by the order of listing.
bool Worker::hand_over_names(int descriptor, std::size_t begin, std::size_t end, const struct statx* stats,
                             const int* errors, bool by_order) {
  const std::vector<Listed64>& names = listing_.names();
  for (std::size_t i = begin; i < end; ++i) {
    const Listed64& listed = names[i];
    if (i + 1 < names.size() && names[i + 1].name() == listed.name()) {
      sink_.duplicate();  // listed again later: that one counts
      continue;
    }
    std::size_t at = by_order ? listed.order : i - begin;
    if (!hand_over_one(descriptor, listed, &stats[at], errors[at])) return false;
  }
  return true;
}

}  // namespace pwalk::walk
