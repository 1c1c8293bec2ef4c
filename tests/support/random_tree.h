// Random small trees for property tests: all shapes in one (empty, wide and deep directories, symbolic and
// hard links within and across directories, modes of every kind), the same for the same seed.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace pwalk::test {

/// Makes a tree with about `entries` entries in the existing directory `root`.
void make_random_tree(const std::string& root, std::uint64_t seed, unsigned entries);

}  // namespace pwalk::test
