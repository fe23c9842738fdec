// Multihash: a digest that says which function made it (github.com/multiformats/multihash).
//
//   +----------------+----------------+-----------------+
//   | varint code    | varint length  | digest          |
//   +----------------+----------------+-----------------+
//
// A value of 40 bytes, cheap to copy, ordered and hashable. Nothing is computed here and no length
// is compared with what the function gives: whoever verifies content does that. A default
// constructed one is empty and stands for "none"; no decoder gives it.
// Limit: digest_bytes_max. Errors: MultiformatsError. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <functional>

#include <kith/multiformats/detail/short_bytes.hpp>
#include <kith/multiformats/error.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/multiformats/multicodec.hpp>

namespace kith::multiformats {

class Multihash {
 public:
  Multihash() noexcept = default;

  /// Wraps a digest; too_long above digest_bytes_max. `function` is below 2^63.
  static Decoded<Multihash> wrap(Codec function, ByteView digest);

  /// Wraps a digest whose length is known to fit.
  template <std::size_t Size>
    requires(Size <= digest_bytes_max)
  static Multihash wrap(Codec function, const std::array<std::uint8_t, Size>& digest) {
    return *wrap(function, ByteView(digest));
  }

  /// Reads bytes that are one multihash and nothing else.
  static Decoded<Multihash> from_bytes(ByteView whole);

  /// Reads the multihash at the start of `in` and moves `in` past it; on an error `in` stays.
  static Decoded<Multihash> take(ByteView& in);

  bool empty() const noexcept { return data_.empty(); }
  ByteView bytes() const noexcept { return data_.view(); }
  /// The function. Not for an empty value, like digest().
  Codec function() const noexcept;
  ByteView digest() const noexcept;
  bool is_identity() const noexcept { return function() == Codec::identity; }

  friend bool operator==(const Multihash&, const Multihash&) noexcept = default;
  friend std::strong_ordering operator<=>(const Multihash&, const Multihash&) noexcept = default;

 private:
  explicit Multihash(ByteView checked) : data_(checked) {}

  detail::ShortBytes data_;
};

}  // namespace kith::multiformats

template <>
struct std::hash<kith::multiformats::Multihash> {
  std::size_t operator()(const kith::multiformats::Multihash& value) const noexcept {
    return kith::multiformats::detail::hash_bytes(value.bytes());
  }
};
