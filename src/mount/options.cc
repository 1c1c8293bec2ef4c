// Options given to libfuse, ignored, refused.
// SPDX-License-Identifier: MIT
#include "mount/options.h"

#include <fuse_lowlevel.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"

namespace pwalk::mount {

#ifdef FUSE_CAP_OVER_IO_URING
const bool io_uring_known = true;
#else
const bool io_uring_known = false;
#endif

namespace {

constexpr std::array<std::string_view, 5> passed_words = {"allow_other", "allow_root", "auto_unmount",
                                                          "default_permissions", "noexec"};
// Labels for SELinux: the kernel's business, passed on as they are.
constexpr std::array<std::string_view, 4> passed_prefixes = {
    "context=", "fscontext=", "defcontext=", "rootcontext="};

// Said by mount(8), fstab and habit; what they ask is either so in every mount here or without meaning for
// it. `rw`, `suid` and `dev` are among them because mount(8) adds them on its own: the mount stays
// ro,nosuid,nodev.
constexpr std::array<std::string_view, 41> ignored_words = {
    "ro",       "rw",         "defaults",   "auto",     "noauto",      "user",        "nouser",
    "users",    "nousers",    "owner",      "noowner",  "group",       "nogroup",     "nofail",
    "_netdev",  "dev",        "nodev",      "suid",     "nosuid",      "exec",        "atime",
    "noatime",  "diratime",   "nodiratime", "relatime", "norelatime",  "strictatime", "nostrictatime",
    "lazytime", "nolazytime", "sync",       "async",    "dirsync",     "mand",        "nomand",
    "iversion", "noiversion", "silent",     "loud",     "nosymfollow", "symfollow"};
constexpr std::array<std::string_view, 5> ignored_prefixes = {"x-", "X-", "comment=", "user=", "helper="};

// How libfuse answers requests; where the kernel does not have it switched on, libfuse goes without.
constexpr std::string_view io_uring_word = "io_uring";
constexpr std::string_view io_uring_depth_prefix = "io_uring_q_depth=";

template <class Words>
bool is_one_of(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

template <class Words>
bool begins_with_one_of(const Words& prefixes, std::string_view word) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return word.starts_with(prefix); });
}

/// Whether `word` is about totals, which `totals` then takes.
bool take_totals_word(std::string_view word, TotalsOptions& totals) {
  if (word == "totals=all") {
    totals.for_all = true;
  } else if (word == "rbytes") {
    totals.as_sizes = true;
  } else if (word == "xattr") {
    totals.as_attributes = true;
  } else if (word == "xattr=list") {
    totals.as_attributes = totals.listed = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      word += text[i];
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string escape_option_value(std::string_view value) {
  std::string escaped;
  for (char c : value) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

Options read_options(const std::string& source, const std::vector<std::string>& words, bool can_io_uring) {
  Options result;
  result.fuse = "ro,nosuid,nodev,default_permissions,subtype=pwalk-mount,fsname=";
  result.fuse += escape_option_value(source);
  for (const std::string& word : words) {
    if (word == "acl=mode") {
      result.acl_policy.mode_trusted = true;
    } else if (take_totals_word(word, result.totals)) {
      // The mount's own: libfuse does not know it.
    } else if (word == "readdirplus=no" || word == "readdirplus=yes") {
      result.readdirplus = word.ends_with("yes");
    } else if (word == io_uring_word || word.starts_with(io_uring_depth_prefix)) {
      if (!can_io_uring)
        throw_errno(EINVAL, "cannot use mount option '" + printable(word) +
                                "': this program was built with a libfuse older than 3.18");
      result.fuse += "," + escape_option_value(word);
    } else if (is_one_of(passed_words, word) || begins_with_one_of(passed_prefixes, word)) {
      if (word != "default_permissions") result.fuse += "," + escape_option_value(word);
      // What the kernel has cached for root, others may see too.
      if (word == "allow_other" || word == "allow_root") result.acl_policy.others_allowed = true;
    } else if (!is_one_of(ignored_words, word) && !begins_with_one_of(ignored_prefixes, word)) {
      throw_errno(EINVAL, "unknown mount option '" + printable(word) + "'");
    }
  }
  if (result.totals.in_tree() && result.acl_policy.others_allowed && !result.totals.for_all)
    throw_errno(
        EINVAL,
        "cannot use mount options 'rbytes' and 'xattr' with 'allow_other' or 'allow_root': whoever may "
        "enter a directory would see the totals of what he may not; 'totals=all' says that he may");
  return result;
}

void require_mounted_with(const std::vector<std::string>& words) {
  for (std::string_view needed : {"ro", "nosuid", "nodev", "default_permissions"}) {
    if (!is_one_of(words, needed))
      throw_errno(EPERM, "cannot serve a mount that was made without '" + std::string(needed) +
                             "': unmount it, and give drop_privileges together with "
                             "ro,nosuid,nodev,default_permissions");
  }
}

}  // namespace pwalk::mount
