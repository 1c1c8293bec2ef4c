// Seats: a call that has ended cannot be given up; one that has not can, once, and then never comes back,
// while whoever took the seat sees what its worker wrote before.
// SPDX-License-Identifier: MIT
#include "walk/seat.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace pwalk::walk {
namespace {

TEST(Seat, TellsCallsFromWhatIsBetween) {
  Seat seat(true);
  std::uint64_t before = seat.turn();
  EXPECT_FALSE(Seat::in_call(before));
  std::uint64_t during = 0;
  int answer = seat.call([&] {
    during = seat.turn();
    errno = ENOENT;
    return -1;
  });
  EXPECT_EQ(answer, -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_TRUE(Seat::in_call(during));
  EXPECT_NE(seat.turn(), during);
  EXPECT_FALSE(Seat::in_call(seat.turn()));
  EXPECT_FALSE(seat.seize(during)) << "the call has ended";
  EXPECT_EQ(seat.call([] { return 7; }), 7);
}

TEST(Seat, CallsAgainWhatASignalInterrupts) {
  for (bool watched : {false, true}) {
    Seat seat(watched);
    int left = 3;
    EXPECT_EQ(seat.call([&] {
      errno = left-- > 0 ? EINTR : ENOENT;
      return -1;
    }),
              -1);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(left, -1);
  }
}

TEST(Seat, WhoIsAlwaysInterruptedCanBeGivenUp) {
  Seat seat(true);
  std::uint64_t first = 0;
  int calls = 0;
  seat.call([&] {
    if (++calls == 1) first = seat.turn();
    EXPECT_EQ(seat.turn(), first);
    errno = calls < 5 ? EINTR : EIO;
    return -1;
  });
  EXPECT_EQ(calls, 5);
}

TEST(Seat, UnwatchedOnlyCalls) {
  Seat seat(false);
  EXPECT_EQ(seat.call([&] { return Seat::in_call(seat.turn()) ? 1 : 0; }), 0);
}

TEST(Seat, WhoHasSeizedItMakesNoCalls) {
  Seat seat(true);
  seat.close();
  bool called = false;
  EXPECT_EQ(seat.call([&] {
    called = true;
    return 0;
  }),
            -1);
  EXPECT_EQ(errno, ETIMEDOUT);
  EXPECT_FALSE(called);
}

TEST(Seat, ASeizedCallNeverReturns) {
  struct Place {  // outlives the test: the thread never ends
    Seat seat{true};
    int written = 0;
    std::promise<void> in_call;
    std::promise<void> answer;
    std::atomic<bool> answered{false};
    std::atomic<bool> returned{false};
  };
  auto* place = new Place;
  static Place* reachable;  // for the leak checker
  reachable = place;
  std::thread([place] {
    place->written = 42;
    place->seat.call([place] {
      place->in_call.set_value();
      place->answer.get_future().wait();
      place->answered = true;
      return 0;
    });
    place->returned = true;
  }).detach();
  place->in_call.get_future().wait();
  std::uint64_t turn = place->seat.turn();
  ASSERT_TRUE(Seat::in_call(turn));
  ASSERT_TRUE(place->seat.seize(turn));
  EXPECT_EQ(place->written, 42);
  EXPECT_FALSE(place->seat.seize(turn)) << "only once";
  EXPECT_FALSE(Seat::in_call(place->seat.turn()));
  place->answer.set_value();
  while (!place->answered) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(place->returned);
  EXPECT_EQ(reachable, place);
}

}  // namespace
}  // namespace pwalk::walk
