// SPDX-License-Identifier: MIT
#include "report/output.h"

#include <unistd.h>

#include <string_view>
#include <utility>

#include "base/error.h"

namespace pwalk::report {

Output::Output(int descriptor, std::string what) : descriptor_(descriptor), what_(std::move(what)) {
  text_.reserve(2 * piece_bytes);
}

void Output::flush() {
  std::string_view rest = text_;
  while (!rest.empty()) {
    ssize_t put = ::write(descriptor_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno("cannot write to " + what_);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  text_.clear();
  if (text_.capacity() > keep_bytes) {
    text_.shrink_to_fit();
    text_.reserve(2 * piece_bytes);
  }
}

}  // namespace pwalk::report
