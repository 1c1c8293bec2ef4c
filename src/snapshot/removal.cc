// SPDX-License-Identifier: MIT
#include "snapshot/removal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "snapshot/format.h"
#include "snapshot/in_use.h"
#include "snapshot/manifest.h"
#include "snapshot/publish.h"

namespace pwalk::snapshot {

Removal::Removal(StoreName& name)
    : name_(name), parent_(open_at(name.directory(), ".", O_RDONLY | O_DIRECTORY)), path_(name.path()) {}

bool Removal::take(const std::string& time) {
  Taken taken;
  taken.time = time;
  taken.hidden_name = partial_prefix + uuid_text(new_uuid());
  taken.directory = open_at(parent_.get(), time, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  std::optional<Fd> mark = mark_as_removed(taken.directory.get());
  if (!mark) return false;
  taken.mark = std::move(*mark);
  // Those who collect partial snapshots leave a locked one alone. Where directories have no locks they leave
  // all of them.
  [[maybe_unused]] int locked = ::flock(taken.directory.get(), LOCK_EX | LOCK_NB);
  taken_.push_back(std::move(taken));
  return true;
}

std::vector<Removal::Refused> Removal::hide() {
  std::vector<std::string> times;
  for (const Taken& taken : taken_) times.push_back(taken.time);
  name_.take_from_latest(times);
  std::vector<Refused> refused;
  std::erase_if(taken_, [&](const Taken& taken) {
    if (::renameat(parent_.get(), taken.time.c_str(), parent_.get(), taken.hidden_name.c_str()) == 0)
      return false;
    refused.push_back({taken.time, std::generic_category().message(errno)});
    return true;
  });
  // `latest` may have been pointed to an older one than what stays.
  for (Refused& stays : refused) {
    try {
      name_.give_to_latest(stays.time);
    } catch (const std::system_error& error) {
      stays.why += std::string("; ") + error.what();
    }
  }
  // A file must not be gone from the storage while its snapshot still has its name there.
  sync_file(parent_.get(), path_);
  return refused;
}

void Removal::delete_hidden() {
  std::exception_ptr first;
  for (Taken& taken : taken_) {
    try {
      // The manifest first: without it this is no snapshot even for who has the directory open already.
      if (::unlinkat(taken.directory.get(), format::manifest_name, 0) != 0 && errno != ENOENT)
        throw_errno("cannot remove '" + printable(path_ + "/" + taken.hidden_name) + "'");
      // Nobody can open the snapshot any more. NFS keeps a file that is open by another name in its
      // directory, where it could not be removed.
      taken.mark = Fd();
      remove_tree(parent_.get(), taken.hidden_name);
    } catch (const std::system_error&) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
  taken_.clear();
}

}  // namespace pwalk::snapshot
