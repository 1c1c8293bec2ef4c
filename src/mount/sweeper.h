// Gives up what a store no longer has, also where nobody asks for it: the files of a removed snapshot take
// their space for as long as the daemon has them mapped.
// SPDX-License-Identifier: MIT
#pragma once

#include <thread>

#include "mount/log.h"
#include "mount/source.h"

namespace pwalk::mount {

/// A thread that looks every so often, for as long as this lives. It takes no signals.
class Sweeper {
 public:
  Sweeper(Source& source, Log& log);

 private:
  std::jthread thread_;
};

}  // namespace pwalk::mount
