// Each job is answered or refused, once, in order, by one thread.
// SPDX-License-Identifier: MIT
#include "mount/slow_lane.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/mapped_file.h"
#include "support/temporary_directory.h"

namespace pwalk::mount {
namespace {

TEST(SlowLane, AnswersEachOnceInOrderByOneThread) {
  constexpr int jobs = 1000;
  std::vector<int> answered;  // by that one thread
  std::vector<std::thread::id> threads;
  std::atomic<int> refused = 0;
  std::promise<void> all;
  SlowLane lane;
  for (int number = 0; number < jobs; ++number) {
    lane.add({[&, number] {
                answered.push_back(number);
                threads.push_back(std::this_thread::get_id());
                if (number == jobs - 1) all.set_value();
              },
              [&] { ++refused; }});
  }
  all.get_future().wait();
  ASSERT_EQ(answered.size(), std::size_t{jobs});
  for (int number = 0; number < jobs; ++number) {
    EXPECT_EQ(answered[static_cast<std::size_t>(number)], number);
    EXPECT_EQ(threads[static_cast<std::size_t>(number)], threads.front());
  }
  EXPECT_NE(threads.front(), std::this_thread::get_id());
  EXPECT_EQ(refused, 0);
}

// As wherever else a file is read.
TEST(SlowLane, SurvivesAFileThatIsCut) {
  test::TemporaryDirectory directory;
  directory.write_file("file", std::string(4096, 'x'));
  const Fd file = open_at(AT_FDCWD, directory.path("file"), O_RDWR);
  MappedFile mapped(file.get(), 4096);
  ASSERT_EQ(::ftruncate(file.get(), 0), 0);
  std::promise<int> read;
  SlowLane lane;
  lane.add({[&] { read.set_value(*static_cast<const volatile unsigned char*>(mapped.bytes())); }, [] {}});
  EXPECT_EQ(read.get_future().get(), 0);
  EXPECT_TRUE(mapped.lost(0, 1));
}

TEST(SlowLane, RefusesWhatIsLeftWhenItEnds) {
  std::atomic<int> answered = 0;
  std::atomic<int> refused = 0;
  std::promise<void> begun;
  std::promise<void> go_on;
  std::thread later;
  {
    SlowLane lane;
    lane.add({[&] {
                begun.set_value();
                go_on.get_future().wait();
                ++answered;
              },
              [&] { ++refused; }});
    begun.get_future().wait();
    for (int number = 0; number < 10; ++number) lane.add({[&] { ++answered; }, [&] { ++refused; }});
    EXPECT_EQ(answered, 0);  // none of them while the first is at work
    later = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));  // by then the end has been asked for
      go_on.set_value();
    });
  }
  later.join();
  EXPECT_GE(answered, 1);
  EXPECT_EQ(answered + refused, 11);
}

TEST(SlowLane, EndsIdle) {
  SlowLane lane;
}

}  // namespace
}  // namespace pwalk::mount
