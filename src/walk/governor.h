// How many workers a walk should have: as many as the processors it may use where the work is the
// processors', more where the file system is the one that waits. Pure decisions on samples; Walker takes them
// and acts.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>

namespace pwalk::walk {

/// What the workers did since the last sample.
struct WorkSample {
  double seconds = 0;            // that it covers
  double processor_seconds = 0;  // that the process spent on processors meanwhile
  std::uint64_t entries = 0;     // looked at meanwhile
  unsigned idle = 0;             // workers that had nothing to do, or not yet, when it was taken
  bool preempted = false;        // threads lost their processor more often than they gave it up
  /// Threads that are not in a call that waits; asked for only where it counts. Empty: none.
  std::function<unsigned()> runnable;
};

class Governor {
 public:
  /// `processors` is where the number starts and never falls below, `workers_max` what it never exceeds.
  Governor(unsigned processors, unsigned workers_max) noexcept;

  /// Takes the next sample; the number of workers from now on.
  unsigned judge(const WorkSample& sample);
  unsigned workers() const noexcept { return workers_; }

 private:
  enum class Trial { none, more, fewer };

  bool waits_enough(const WorkSample& sample);
  bool keeps_waiting(const WorkSample& sample);
  void change(unsigned workers) noexcept;
  void begin_trial(Trial trial, unsigned workers) noexcept;
  void end_trial() noexcept;
  double rate() const noexcept { return entries_ / seconds_; }

  unsigned processors_;
  unsigned workers_max_;
  unsigned workers_;
  double now_ = 0;                   // seconds since the start
  double seconds_ = 0;               // since the number last changed, or since the window was begun anew
  double entries_ = 0;               // in these
  double saturated_ = 0;             // seconds for which all processors have been busy
  double saturated_processors_ = 0;  // their time in these
  double patience_;                  // so many of them before workers are taken back
  double taken_back_ = -1;           // when that was last done; negative: never, or workers were added since
  Trial trial_ = Trial::none;
  unsigned workers_before_ = 0;  // of the trial
  double rate_before_ = 0;
  double more_not_before_ = 0;
  double ask_not_before_ = 0;
  unsigned waiting_samples_ = 0;  // in a row
  double fewer_not_before_;
  double more_pause_;
  double fewer_pause_;
};

}  // namespace pwalk::walk
