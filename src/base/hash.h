// XXH3, the only hash of the format: 64 bits for blocks of bytes, 128 for fingerprints.
// SPDX-License-Identifier: MIT
#pragma once

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace pwalk {

inline std::uint64_t hash64(const void* bytes, std::size_t length) noexcept {
  return XXH3_64bits(bytes, length);
}

/// The same over bytes that do not lie in one piece.
class Hash64Stream {
 public:
  Hash64Stream() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_64bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t length) noexcept {
    XXH3_64bits_update(state_.get(), bytes, length);
  }
  std::uint64_t finish() const noexcept { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

/// 128 bits in XXH's canonical (big-endian) byte order, so that the bytes are the same on every machine.
using Hash128 = std::array<std::uint8_t, 16>;

inline Hash128 to_hash128(XXH128_hash_t hash) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Hash128 result;
  static_assert(sizeof canonical.digest == sizeof result);
  __builtin_memcpy(result.data(), canonical.digest, sizeof result);
  return result;
}

inline Hash128 hash128(const void* bytes, std::size_t length) noexcept {
  return to_hash128(XXH3_128bits(bytes, length));
}

/// The same of bytes that come piece by piece.
class Hash128Stream {
 public:
  Hash128Stream() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    start();
  }
  void start() noexcept { XXH3_128bits_reset(state_.get()); }
  void add(const void* bytes, std::size_t length) noexcept {
    XXH3_128bits_update(state_.get(), bytes, length);
  }
  Hash128 finish() const noexcept { return to_hash128(XXH3_128bits_digest(state_.get())); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace pwalk
