// A job in a process of its own: whoever waits for it hears how it ended, whenever that was.
// SPDX-License-Identifier: MIT
#include "scan/supervise.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "support/calls.h"

namespace pwalk::scan {
namespace {

constexpr double patience_seconds = 60;

class Supervise : public ::testing::Test {
 protected:
  Supervise() { EXPECT_TRUE(orders_.begin_walk()); }
  ~Supervise() override {
    test::instead::poll = nullptr;
    test::instead::path_of_open = nullptr;
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
  }
  Supervised end_of(const std::function<int()>& job) { return supervise(job, orders_, patience_seconds); }
  /// The first look finds nothing, and the job ends right after it.
  static void end_after_the_first_look() {
    test::instead::poll = [first = true](pollfd* descriptors, nfds_t count, int milliseconds) mutable {
      if (!first) return test::real::poll(descriptors, count, milliseconds);
      first = false;
      siginfo_t ended;
      EXPECT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT), 0);
      descriptors->revents = 0;
      return 0;
    };
  }
  Orders orders_;
};

TEST_F(Supervise, ToldStatusIsTheStatus) {
  for (int status : {0, 1, 2, 255}) {
    Supervised end = end_of([&] { return status; });
    EXPECT_EQ(end.end, Supervised::End::status);
    EXPECT_EQ(end.status, status);
  }
}

TEST_F(Supervise, StatusToldJustAfterALookIsTheStatus) {
  end_after_the_first_look();
  Supervised end = end_of([] { return 3; });
  EXPECT_EQ(end.end, Supervised::End::status);
  EXPECT_EQ(end.status, 3);
}

TEST_F(Supervise, SignalThatEndedItIsTold) {
  Supervised end = end_of([] { return ::raise(SIGKILL); });
  EXPECT_EQ(end.end, Supervised::End::died);
  EXPECT_EQ(end.status, SIGKILL);
}

TEST_F(Supervise, DeathJustAfterALookIsTold) {
  end_after_the_first_look();
  Supervised end = end_of([] { return ::raise(SIGKILL); });
  EXPECT_EQ(end.end, Supervised::End::died);
  EXPECT_EQ(end.status, SIGKILL);
}

TEST_F(Supervise, EndWithoutAWordIsTold) {
  Supervised end = end_of([]() -> int { ::_exit(0); });
  EXPECT_EQ(end.end, Supervised::End::died);
  EXPECT_EQ(end.status, 0);
}

TEST_F(Supervise, JobThatCannotBeLookedAtIsWaitedFor) {
  test::instead::path_of_open = [](const std::string& path) {
    return path.starts_with("/proc/") ? "/nonexistent" : path;
  };
  Supervised end = end_of([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // some looks
    return 4;
  });
  EXPECT_EQ(end.end, Supervised::End::status);
  EXPECT_EQ(end.status, 4);
}

TEST_F(Supervise, RootThatHasAnsweredIsNotGivenUp) {
  EXPECT_FALSE(orders_.give_up());
  orders_.stop.store(true);
  Supervised end = supervise(
      [] {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        return 1;
      },
      orders_, 0.1);
  EXPECT_EQ(end.end, Supervised::End::status) << "it ends in good order";
  EXPECT_EQ(end.status, 1);
}

/// A job that never ends by itself.
class HangingJob {
 public:
  HangingJob() { EXPECT_EQ(::pipe(ends_), 0); }
  ~HangingJob() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  HangingJob(const HangingJob&) = delete;
  HangingJob& operator=(const HangingJob&) = delete;
  /// Ends the one that was begun last.
  void end() {
    pid_t job = 0;
    ASSERT_EQ(::read(ends_[0], &job, sizeof job), static_cast<ssize_t>(sizeof job));
    EXPECT_EQ(::kill(job, SIGKILL), 0);
  }
  const std::function<int()> run = [this]() -> int {
    pid_t job = ::getpid();
    EXPECT_EQ(::write(ends_[1], &job, sizeof job), static_cast<ssize_t>(sizeof job));
    for (;;) ::pause();
  };

 private:
  int ends_[2];
};

// As if the machine stood still for half a second between two looks.
TEST_F(Supervise, ShortStopsAreNotTheRootsSilence) {
  int looks = 0;
  test::instead::poll = [&](pollfd* descriptors, nfds_t count, int) {
    ++looks;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return test::real::poll(descriptors, count, 0);
  };
  HangingJob job;
  Orders unanswered;
  EXPECT_EQ(supervise(job.run, unanswered, 0.8).end, Supervised::End::no_answer);
  EXPECT_EQ(looks, 3) << "0.3 s of each count";
  job.end();
}

TEST_F(Supervise, RootThatDoesNotAnswerIsWaitedForAWhile) {
  HangingJob job;
  Orders unanswered;
  EXPECT_EQ(supervise(job.run, unanswered, 0.1).end, Supervised::End::no_answer);
  EXPECT_FALSE(unanswered.begin_walk()) << "nobody waits for it";
  job.end();
  Orders stopped;
  stopped.stop.store(true);
  EXPECT_EQ(supervise(job.run, stopped, patience_seconds).end, Supervised::End::stopped);
  EXPECT_FALSE(stopped.begin_walk());
  job.end();
}

}  // namespace
}  // namespace pwalk::scan
