// Writes the golden snapshot of the current format version, and its description: write_golden SNAPSHOT TEXT.
// Run once for a new format version; the results are committed to tests/compat and never made again.
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <exception>
#include <fstream>

#include "support/describe.h"
#include "support/sample_snapshot.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: write_golden SNAPSHOT TEXT\n");
    return 2;
  }
  try {
    pwalk::test::write_sample(argv[1], pwalk::test::sample_tree(), 2);
    std::ofstream text(argv[2]);
    for (const std::string& line : pwalk::test::describe(*pwalk::snapshot::Snapshot::open(argv[1])))
      text << line << '\n';
    return text.good() ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_golden: %s\n", error.what());
    return 2;
  }
}
