// The library's code is compiled here, with this project's options, rather than linked: as distributions
// compile it, it is slower.
// SPDX-License-Identifier: MIT
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <new>

namespace pwalk {

namespace {

Hash128 to_hash128(XXH128_hash_t hash) noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Hash128 result;
  static_assert(sizeof canonical.digest == sizeof result);
  __builtin_memcpy(result.data(), canonical.digest, sizeof result);
  return result;
}

XXH3_state_t* state_of(const HashState& state) noexcept {
  return static_cast<XXH3_state_t*>(state.get());
}

}  // namespace

std::uint64_t hash64(const void* bytes, std::size_t length) noexcept {
  return XXH3_64bits(bytes, length);
}

Hash128 hash128(const void* bytes, std::size_t length) noexcept {
  return to_hash128(XXH3_128bits(bytes, length));
}

HashState::HashState() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
}

void HashState::Free::operator()(void* state) const noexcept {
  XXH3_freeState(static_cast<XXH3_state_t*>(state));
}

void Hash64Stream::start() noexcept {
  XXH3_64bits_reset(state_of(state_));
}

void Hash64Stream::add(const void* bytes, std::size_t length) noexcept {
  XXH3_64bits_update(state_of(state_), bytes, length);
}

std::uint64_t Hash64Stream::finish() const noexcept {
  return XXH3_64bits_digest(state_of(state_));
}

void Hash128Stream::start() noexcept {
  XXH3_128bits_reset(state_of(state_));
}

void Hash128Stream::add(const void* bytes, std::size_t length) noexcept {
  XXH3_128bits_update(state_of(state_), bytes, length);
}

Hash128 Hash128Stream::finish() const noexcept {
  return to_hash128(XXH3_128bits_digest(state_of(state_)));
}

}  // namespace pwalk
