// Gives a snapshot of a store another start, and its directory the name that goes with it, as if it had been
// made then: redate SNAPSHOT TIME. For tests of what looks at the dates of a history.
// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "snapshot/format.h"
#include "snapshot/manifest.h"

int main(int argc, char** argv) {
  std::tm parts{};
  if (argc != 3 || ::strptime(argv[2], "%Y-%m-%dT%H%M%SZ", &parts) == nullptr) {
    std::fprintf(stderr, "usage: redate SNAPSHOT TIME\n");
    return 2;
  }
  try {
    using namespace pwalk;
    std::filesystem::path snapshot = argv[1];
    std::string file = snapshot / format::manifest_name;
    snapshot::Manifest manifest = snapshot::parse_manifest(read_file(AT_FDCWD, file, 1 << 30));
    std::int64_t later = ::timegm(&parts) - manifest.start.seconds;
    manifest.start.seconds += later;
    manifest.end.seconds += later;
    std::ofstream(file, std::ios::binary) << snapshot::to_text(manifest);
    std::filesystem::rename(snapshot, snapshot.parent_path() / argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "redate: %s\n", error.what());
    return 1;
  }
}
