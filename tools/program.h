// What every program's main shares: --help and --version, the command line's errors, and exceptions turned
// into `program: message` with status 2. Included by mains only.
// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace pwalk {

/// Exit status of a program that could not do its job; nothing was published.
inline constexpr int status_trouble = 2;

/// `program: message` on stderr, in one write, so that messages of several processes do not mix.
inline void print_message(std::string_view program, std::string_view message) noexcept {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(program.size()), program.data(),
               static_cast<int>(message.size()), message.data());
}

/// A program started without one of the descriptors 0, 1, 2 would get it for the next file that it opens, and
/// then write messages into that file. Each missing one becomes /dev/null opened the wrong way round, so that
/// using it still fails.
inline void occupy_standard_descriptors() noexcept {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    // The lowest free number is this one: all below it are open by now. Not O_CLOEXEC: children need it too.
    if (::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) return;
  }
}

/// The name that tell_of_no_memory says; set once, before there are threads.
inline const char* terminating_program = "pwalk";

/// The library that reads the command line needs memory in functions that it calls noexcept: where there is
/// none, std::terminate is called. That is told, and is no crash; whatever else ends here is a mistake.
[[noreturn]] inline void tell_of_no_memory() noexcept {
  try {
    if (std::current_exception()) throw;
  } catch (const std::bad_alloc&) {
    print_message(terminating_program, "out of memory");
    ::_exit(status_trouble);
  } catch (...) {
  }
  std::abort();
}

/// Runs a program's work and returns its exit status: what `body` returned, or status_trouble after an
/// exception, whose message is then on stderr. `name` is the program's.
inline int run_program(const char* name, const std::function<int()>& body) noexcept {
  occupy_standard_descriptors();
  terminating_program = name;
  std::set_terminate(tell_of_no_memory);
  try {
    return body();
  } catch (const FormatError& error) {
    print_message(name, error.what());
  } catch (const std::system_error& error) {
    // With SIGPIPE ignored: as quiet as the signal would have been.
    if (error.code() == std::errc::broken_pipe) return 128 + SIGPIPE;
    print_message(name, error.what());
  } catch (const std::bad_alloc&) {
    print_message(name, "out of memory");
  } catch (const std::exception& error) {
    print_message(name, error.what());
  }
  return status_trouble;
}

/// Gives `app` --help, and -V or --version (which prints `NAME VERSION`). -h stays free: in du-like tools it
/// means human-readable.
inline void add_standard_options(CLI::App& app, const char* name) {
  app.name(name);
  app.set_help_flag("--help", "Print this help and exit");
  app.set_version_flag("-V,--version", std::string(name) + " " PWALK_VERSION, "Print the version and exit");
}

/// Parses the command line. Nothing if the program shall go on; otherwise its exit status, after --help or
/// --version was answered on stdout (status 0) or an error was told on stderr (status_trouble).
inline std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  // CLI11 splits a value `[a,b]` of a repeatable option into two. File names and patterns look like that, so
  // each argument that ends in `]` gets a NUL, which no argument can hold, until its option takes it off. So
  // does `--option=` without a value, for which it would take the next argument.
  constexpr auto unmark = [](std::string value) {
    std::erase(value, '\0');
    return value;
  };
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() > 0) option->transform(unmark, "");
  }
  std::vector<std::string> arguments;  // in reverse, as parse() wants them
  for (int i = argc - 1; i > 0; --i) {
    arguments.emplace_back(argv[i]);
    const std::string& argument = arguments.back();
    bool empty_value = argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    if (argument.ends_with(']') || empty_value) arguments.back() += '\0';
  }
  std::string answer;
  try {
    app.parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    answer = app.help();
  } catch (const CLI::CallForVersion& version) {
    answer = std::string(version.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    const std::string& name = app.get_name();
    std::string message = error.what();
    // That a word is missing is told before that an option is not known; it may be for its sake.
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && app.remaining_size() > 0)
      message = CLI::ExtrasError(name, app.remaining()).what();
    message = printable(unmark(message));
    print_message(name, message + "\nTry '" + name + " --help' for more information.");
    return status_trouble;
  }
  if (std::fputs(answer.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    throw_errno("cannot write to standard output");
  }
  return 0;
}

}  // namespace pwalk
