// XXH3, the only hash of the format: 64 bits for blocks of bytes, 128 for fingerprints.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace pwalk {

/// 128 bits in XXH's canonical (big-endian) byte order, so that the bytes are the same on every machine.
using Hash128 = std::array<std::uint8_t, 16>;

std::uint64_t hash64(const void* bytes, std::size_t length) noexcept;
Hash128 hash128(const void* bytes, std::size_t length) noexcept;

/// What has been hashed of bytes that come piece by piece, of either kind; std::bad_alloc.
class HashState {
 public:
  HashState();
  void* get() const noexcept { return state_.get(); }

 private:
  struct Free {
    void operator()(void* state) const noexcept;
  };
  std::unique_ptr<void, Free> state_;
};

/// hash64 over bytes that do not lie in one piece.
class Hash64Stream {
 public:
  Hash64Stream() { start(); }
  void start() noexcept;
  void add(const void* bytes, std::size_t length) noexcept;
  std::uint64_t finish() const noexcept;

 private:
  HashState state_;
};

/// hash128 of bytes that come piece by piece.
class Hash128Stream {
 public:
  Hash128Stream() { start(); }
  void start() noexcept;
  void add(const void* bytes, std::size_t length) noexcept;
  Hash128 finish() const noexcept;

 private:
  HashState state_;
};

}  // namespace pwalk
