// Removing snapshots from a NAME of a store, so that nobody ever sees half of one: each is marked, which is
// refused while somebody reads it, then gets the name of a partial one in one step, and only then is deleted.
// What a removal that was killed leaves is what a killed scan leaves: the next scan or removal collects it.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "snapshot/store.h"

namespace pwalk::snapshot {

class Removal {
 public:
  /// Of snapshots of `name`, which must stay locked until hide() has returned.
  explicit Removal(StoreName& name);

  /// Takes the snapshot `time` for removal; false where somebody reads it. Nothing has changed so far, and
  /// nothing will if the rest is not called. std::system_error where there is none or it cannot be locked.
  bool take(const std::string& time);

  /// One that stays although it was taken.
  struct Refused {
    std::string time;
    std::string why;
  };

  /// What was taken is gone for all who look: `latest` first, then the snapshots. On the storage when this
  /// returns. One that cannot be hidden does not keep the others.
  std::vector<Refused> hide();

  /// Gives back the space of what was hidden, of each as far as that goes; throws the first std::system_error
  /// when all is done. The lock of NAME is not needed for this, which may take long.
  void delete_hidden();

 private:
  struct Taken {
    std::string time;
    std::string hidden_name;
    Fd directory;  // locked as a partial snapshot is
    Fd mark;
  };

  StoreName& name_;
  // What deleting needs, when name_ may be gone:
  Fd parent_;
  std::string path_;
  std::vector<Taken> taken_;
};

}  // namespace pwalk::snapshot
