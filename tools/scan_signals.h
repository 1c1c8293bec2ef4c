// The signals by which a scan is stopped and asked how far it is.
// SPDX-License-Identifier: MIT
#pragma once

#include "scan/supervise.h"

namespace pwalk {

/// The first of SIGINT, SIGTERM and SIGHUP ends the scan cleanly, the next order, whichever of them it is, at
/// once; one that was ignored when the program was started (nohup) stays ignored. SIGUSR1 asks for a line of
/// progress. All that is told to `orders`, which must stay until the process ends.
void handle_signals(scan::Orders& orders);

/// From now on a thread of their own takes the signals that are handled: one that is in a call at a file
/// system that does not answer would not.
void take_signals_apart();

}  // namespace pwalk
