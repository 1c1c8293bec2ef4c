// What a directory is that somebody names: a snapshot, one NAME of a store, a store, or none of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace pwalk::snapshot {

enum class DirectoryKind {
  snapshot,
  partial,  // a snapshot that is being written, or whose scan was killed
  name,     // the snapshots of one NAME
  locked,   // nothing is seen but there is a lock: a NAME without snapshots, or a store before its first
  store,    // also one without a snapshot so far: a directory in which nothing is seen may become one
  other
};

/// What is closed to this user does not count. std::system_error where the directory cannot be listed, and
/// where nothing that can be read tells, but something could not be.
DirectoryKind kind_of(int directory);

/// "is a snapshot" and the like, for a message about a directory that is not what it should be.
std::string text_of(DirectoryKind kind);

}  // namespace pwalk::snapshot
