// The full check of a snapshot whose files change in its midst.
// SPDX-License-Identifier: MIT
#include "support/calls.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "snapshot/check.h"
#include "snapshot/format.h"
#include "support/failing_call.h"
#include "support/sample_snapshot.h"
#include "support/snapshot_editor.h"
#include "support/temporary_directory.h"

namespace pwalk {
namespace {

namespace instead = test::instead;
namespace real = test::real;

class CheckCalls : public testing::Test {
 protected:
  CheckCalls() {
    std::vector<test::SampleNode> files;
    for (std::uint64_t i = 0; i < 9000; ++i)
      files.push_back(test::sample_file("file " + std::to_string(i), 10 + i, i));
    test::write_sample(path(), test::sample_directory("", 2, 0755, std::move(files)), 1);
  }
  ~CheckCalls() override { test::answer_nothing(); }
  std::string path() const { return directory_.path("snapshot"); }
  std::string file(const std::string& name) const { return path() + "/" + name; }
  void damage(const std::string& name, std::uint64_t block) {
    std::string bytes = test::read_bytes(file(name));
    bytes[format::records_offset + block * format::block_bytes + 7] ^= 1;
    test::write_bytes(file(name), bytes);
  }
  /// Cuts the file once the check has read what it reads of it before it maps it.
  void cut_once_opened(const std::string& name, std::uint64_t length) {
    std::uint64_t end = std::filesystem::file_size(file(name));
    auto path = std::filesystem::canonical(file(name));
    instead::pread = [=](int d, void* b, size_t n, off_t o) {
      ssize_t got = real::pread(d, b, n, o);
      if (static_cast<std::uint64_t>(o) + n == end &&
          std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(d)) == path)
        std::filesystem::resize_file(path, length);
      return got;
    };
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> list;
    for (const snapshot::Problem& problem : snapshot::check_snapshot(path()).problems)
      list.push_back(problem.file + " " + problem.place + " " + problem.rule);
    return list;
  }

  test::TemporaryDirectory directory_{test::memory_directory()};
};

TEST_F(CheckCalls, AFileThatIsCutWhileItIsReadIsNamedAndTheOthersAreChecked) {
  damage("00000000.entries", 2);
  damage("00000000.names", 1);
  cut_once_opened("00000000.entries", 3 * format::block_bytes);
  EXPECT_EQ(problems(), (std::vector<std::string>{"00000000.entries hash table block 0 F9",
                                                  "00000000.names block 1 F7"}));
}

// Whichever call fails, once: the check of a damaged snapshot ends with its errno, or has something to say.
TEST_F(CheckCalls, NoCallThatFailsHidesDamage) {
  damage("00000000.names", 1);
  for (const char* function : {"openat", "fstat", "fstatat", "pread", "readdir"}) {
    for (int error : {EIO, EACCES, ENOMEM, ESTALE}) {
      test::FailingCall call(function, error);
      EXPECT_EQ(problems(), std::vector<std::string>{"00000000.names block 1 F7"});
      unsigned calls = call.calls();
      ASSERT_GT(calls, 0u) << function;
      for (unsigned number = 1; number <= calls; ++number) {
        SCOPED_TRACE(std::string(function) + " number " + std::to_string(number) + ": " +
                     ::strerrorname_np(error));
        call.fail(number);
        int thrown = 0;
        try {
          EXPECT_NE(problems(), std::vector<std::string>{});
        } catch (const std::system_error& refused) {
          thrown = refused.code().value();
        }
        EXPECT_TRUE(thrown == 0 || thrown == error) << thrown;
      }
    }
  }
}

}  // namespace
}  // namespace pwalk
