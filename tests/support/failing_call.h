// One library call that fails, by its number. For the one source of a test program that has calls.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>

#include "support/calls.h"

namespace pwalk::test {

/// Counts the calls of one function, and makes the one with a number fail.
class FailingCall {
 public:
  FailingCall(const std::string& function, int error) : error_(error) {
    if (function == "openat")
      instead::openat = [this](int d, const char* p, int f, unsigned m) {
        return fails() ? fail_with(error_) : real::openat(d, p, f, m);
      };
    if (function == "fstat")
      instead::fstat = [this](int d, struct stat* s) {
        return fails() ? fail_with(error_) : real::fstat(d, s);
      };
    if (function == "fstatat")
      instead::fstatat = [this](int d, const char* p, struct stat* s, int f) {
        return fails() ? fail_with(error_) : real::fstatat(d, p, s, f);
      };
    if (function == "faccessat")
      instead::faccessat = [this](int d, const char* p, int m, int f) {
        return fails() ? fail_with(error_) : real::faccessat(d, p, m, f);
      };
    if (function == "readlinkat")
      instead::readlinkat = [this](int d, const char* p, char* b, std::size_t n) {
        return fails() ? fail_with(error_) : real::readlinkat(d, p, b, n);
      };
    if (function == "pread")
      instead::pread = [this](int d, void* b, std::size_t n, off_t o) {
        return fails() ? fail_with(error_) : real::pread(d, b, n, o);
      };
    if (function == "readdir")
      instead::readdir = [this](DIR* d) -> dirent* {
        if (!fails()) return real::readdir(d);
        errno = error_;
        return nullptr;
      };
  }
  ~FailingCall() { test::answer_nothing(); }
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;

  void fail(unsigned number) {
    calls_ = 0;
    number_ = number;
  }
  unsigned calls() const { return calls_; }

 private:
  bool fails() { return ++calls_ == number_; }

  int error_;
  unsigned number_ = 0;
  unsigned calls_ = 0;
};

}  // namespace pwalk::test
