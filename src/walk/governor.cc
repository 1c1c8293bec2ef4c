// SPDX-License-Identifier: MIT
#include "walk/governor.h"

#include <algorithm>

namespace pwalk::walk {

namespace {

// Up to this many workers sleeping in system calls cost next to nothing, so no proof is asked that more of
// them pay: rates of so short a time would prove little (cold directories differ by a factor of ten).
constexpr unsigned without_proof = 32;
constexpr double measured_seconds = 0.2;  // before and during a trial
constexpr double window_seconds = 1;  // older rates say nothing of the part of the tree that is walked now
// Seconds of busy processors, after which workers are taken back: twice as many each time that they were soon
// wanted again, since the processors then have moments without work that more workers fill.
constexpr double patience_first = 0.1;
constexpr double patience_max = 3;
constexpr double soon = 2;
constexpr double ask_pause = 0.1;  // seconds, after it was seen who is runnable
// Below, some still wait: a cold scan with twelve workers on two processors, which is the quickest there,
// keeps them busy for 0.94 of the time, a warm one with two for 0.99.
constexpr double all_busy = 0.97;
constexpr double spare_processors = 0.85;  // of their time: above, nobody is added
constexpr double waiting_share = 0.25;     // of the workers: below, nobody is added
constexpr unsigned waiting_samples_first = 2;
constexpr double pays_more = 1.15;   // twice the workers: rate at least so much higher
constexpr double pays_fewer = 0.95;  // half of them: rate not lower than this
constexpr double more_pause_first = 2;
constexpr double fewer_pause_first = 5;
constexpr double pause_max = 60;

}  // namespace

Governor::Governor(unsigned processors, unsigned workers_max) noexcept
    : processors_(std::max(1u, std::min(processors, workers_max))),
      workers_max_(std::max(1u, workers_max)),
      workers_(processors_),
      patience_(patience_first),
      fewer_not_before_(fewer_pause_first),
      more_pause_(more_pause_first),
      fewer_pause_(fewer_pause_first) {}

/// Nearly all workers have something to do, and more than a quarter of them are not on a processor but in a
/// call that waits: where a disk answers soon, two workers wait for a third of the time, and a cold scan
/// takes a third longer than with more of them. Who waits for a processor would only take it from others by
/// being more; nor would more workers help where the processors have little time left.
bool Governor::waits_enough(const WorkSample& sample) {
  if (sample.preempted || sample.idle * 4 > workers_) return false;
  if (sample.processor_seconds >= spare_processors * processors_ * sample.seconds) return false;
  double busy = workers_ - std::min(sample.idle, workers_);
  if (busy - sample.processor_seconds / sample.seconds <= waiting_share * workers_) return false;
  if (!sample.runnable) return true;
  if (now_ < ask_not_before_) return false;
  bool waiting = busy - sample.runnable() > waiting_share * workers_;
  // To ask takes some microseconds for each.
  if (!waiting && workers_ >= without_proof) ask_not_before_ = now_ + ask_pause;
  return waiting;
}

void Governor::change(unsigned workers) noexcept {
  workers_ = workers;
  seconds_ = entries_ = saturated_ = saturated_processors_ = 0;
}

void Governor::begin_trial(Trial trial, unsigned workers) noexcept {
  trial_ = trial;
  workers_before_ = workers_;
  rate_before_ = rate();
  change(workers);
}

void Governor::end_trial() noexcept {
  bool more = trial_ == Trial::more;
  bool pays = rate() >= (more ? pays_more : pays_fewer) * rate_before_;
  double& pause = more ? more_pause_ : fewer_pause_;
  trial_ = Trial::none;
  if (pays) {
    pause = more ? more_pause_first : fewer_pause_first;
  } else {
    (more ? more_not_before_ : fewer_not_before_) = now_ + pause;
    pause = std::min(2 * pause, pause_max);
    change(workers_before_);
  }
  // What was just found not to be worth having, or worth it, is not tried the other way at once.
  double& other = more ? fewer_not_before_ : more_not_before_;
  if (pays) other = std::max(other, now_ + (more ? fewer_pause_ : more_pause_));
}

/// The first addition takes samples in a row, since any moment may be one in which all do something else for
/// once. Where that has been seen to be how the file system answers, the next ones are not put off.
bool Governor::keeps_waiting(const WorkSample& sample) {
  waiting_samples_ = waits_enough(sample) ? waiting_samples_ + 1 : 0;
  return waiting_samples_ >= (workers_ > processors_ ? 1 : waiting_samples_first);
}

unsigned Governor::judge(const WorkSample& sample) {
  if (sample.seconds <= 0) return workers_;
  now_ += sample.seconds;
  seconds_ += sample.seconds;
  entries_ += static_cast<double>(sample.entries);

  // On average since then: of a single sample the kernel may count too much or too little by a tick.
  saturated_ += sample.seconds;
  saturated_processors_ += sample.processor_seconds;
  if (saturated_processors_ < all_busy * processors_ * saturated_) saturated_ = saturated_processors_ = 0;
  if (workers_ > processors_ && saturated_ >= patience_) {
    trial_ = Trial::none;
    taken_back_ = now_;
    change(std::max(processors_, workers_ / 2));
    return workers_;
  }
  if (trial_ != Trial::none) {
    if (seconds_ >= measured_seconds) end_trial();
    return workers_;
  }
  bool proven = seconds_ >= measured_seconds && now_ >= more_not_before_;
  if (workers_ < workers_max_ && (workers_ < without_proof || proven) && keeps_waiting(sample)) {
    if (workers_ < without_proof) {
      if (now_ >= more_not_before_) {
        if (taken_back_ >= 0)
          patience_ = now_ - taken_back_ < soon ? std::min(2 * patience_, patience_max) : patience_first;
        taken_back_ = -1;
        change(std::min({2 * workers_, without_proof, workers_max_}));
      }
      return workers_;
    }
    begin_trial(Trial::more, std::min(2 * workers_, workers_max_));
    return workers_;
  }
  if (workers_ > processors_ && seconds_ >= measured_seconds && now_ >= fewer_not_before_) {
    begin_trial(Trial::fewer, std::max(processors_, workers_ / 2));
    return workers_;
  }
  if (seconds_ >= window_seconds) seconds_ = entries_ = 0;
  return workers_;
}

}  // namespace pwalk::walk
