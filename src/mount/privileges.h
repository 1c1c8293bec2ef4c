// What the processes of a mount give up once they have it: whoever took over the one that answers requests
// (by a crafted snapshot, say) could do no more than read below the source.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace pwalk::mount {

/// Keeps of this process's capabilities those in `kept` (a bit for each, as in /proc/PID/status), so far as
/// it has them. std::system_error where the kernel refuses.
void keep_capabilities(std::uint64_t kept);

/// For this thread and all that it starts: no capabilities, nor any to be gained through programs (no new
/// privileges). std::system_error where the kernel refuses.
void give_up_privileges();

/// For this thread and all that it starts, after give_up_privileges(), where the kernel has Landlock: nothing
/// can be opened but to be read, below `directory` or the tables of users and groups as they are now; nothing
/// be made, changed or executed, no TCP port be bound or connected to. What is open stays usable. Returns
/// whether there was Landlock; std::system_error where anything else is refused.
bool confine_files(int directory);

}  // namespace pwalk::mount
