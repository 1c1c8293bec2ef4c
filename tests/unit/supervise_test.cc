// A job in a process of its own: whoever waits for it hears how it ended, whenever that was.
// SPDX-License-Identifier: MIT
#include "scan/supervise.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/calls.h"

namespace pwalk::scan {
namespace {

constexpr double patience_seconds = 60;

class Supervise : public ::testing::Test {
 protected:
  Supervise() { orders_.walking.store(true); }
  ~Supervise() override {
    test::instead::poll = nullptr;
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

TEST_F(Supervise, RootThatDoesNotAnswerIsWaitedForAWhile) {
  orders_.walking.store(false);
  pid_t job = 0;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto hang = [&]() -> int {
    job = ::getpid();
    EXPECT_EQ(::write(ends[1], &job, sizeof job), static_cast<ssize_t>(sizeof job));
    for (;;) ::pause();
  };
  EXPECT_EQ(supervise(hang, orders_, 0.1).end, Supervised::End::no_answer);
  ASSERT_EQ(::read(ends[0], &job, sizeof job), static_cast<ssize_t>(sizeof job));
  EXPECT_EQ(::kill(job, SIGKILL), 0);
  orders_.stop.store(true);
  EXPECT_EQ(supervise(hang, orders_, patience_seconds).end, Supervised::End::stopped);
  ASSERT_EQ(::read(ends[0], &job, sizeof job), static_cast<ssize_t>(sizeof job));
  EXPECT_EQ(::kill(job, SIGKILL), 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace pwalk::scan
