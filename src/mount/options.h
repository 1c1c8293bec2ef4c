// The words of -o: which are the mount's own, which mount(8) and fstab may add, which are refused.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mount/acls.h"
#include "mount/totals_options.h"

namespace pwalk::mount {

/// The words of one -o argument: separated by commas; a backslash takes the character after it literally.
std::vector<std::string> split_options(std::string_view text);

/// `value` with a backslash before each comma and backslash, as libfuse's option parser wants it.
std::string escape_option_value(std::string_view value);

struct Options {
  /// The -o argument for libfuse: ro, nosuid, nodev, default_permissions and the source as the name that df
  /// shows, then what means something to it.
  std::string fuse;
  AclPolicy acl_policy;
  TotalsOptions totals;
  bool readdirplus = true;  // listings come with the attributes of what they list
};

/// Whether the libfuse that this was built with can serve through io_uring: from version 3.18 on.
extern const bool io_uring_known;

/// What `words` ask for; those that mount(8) and fstab add are left out. std::system_error EINVAL naming an
/// unknown word, totals in the tree itself where others may use the mount and not all may know them, or
/// `io_uring` where it is not `can_io_uring`.
Options read_options(const std::string& source, const std::vector<std::string>& words,
                     bool can_io_uring = io_uring_known);

/// Where somebody else has mounted already, with the options `words`: what a mount by this program always has
/// must be among them, or no permission would be enforced and device nodes would be live. std::system_error
/// EPERM naming what is not.
void require_mounted_with(const std::vector<std::string>& words);

}  // namespace pwalk::mount
