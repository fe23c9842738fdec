// Cid: a content identifier (github.com/multiformats/cid).
//
//   version 0   the 34 bytes of a sha2-256 multihash; means dag-pb; text is base58btc, "Qm..."
//   version 1   +------+--------------+-----------+
//               | 0x01 | varint codec | multihash |   text is any multibase, by default base32
//               +------+--------------+-----------+
//
// A value of 40 bytes, cheap to copy, hashable and ordered by its bytes. A default constructed one
// is empty and stands for "none"; no decoder gives it, and only empty(), bytes(), the comparisons
// and the hash take it.
// Decoders are as strict as go-cid, and in two points stricter: a version 0 CID with a multibase
// prefix is refused, as the specification says, and so are bits that a base leaves unused and that
// aren't zero. Limits: digest_bytes_max (IPIP-0512), cid_text_bytes_max. Thread: any.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include <kith/multiformats/multibase.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::multiformats {

class Cid {
 public:
  Cid() noexcept = default;

  /// A CID of version 0: not_v0 unless `hash` is a sha2-256 of 32 bytes.
  static Decoded<Cid> v0(const Multihash& hash);
  /// A CID of version 1. `hash` isn't empty; `codec` is below 2^63.
  static Cid v1(Codec codec, const Multihash& hash);

  /// Reads bytes that are one CID and nothing else.
  static Decoded<Cid> from_bytes(ByteView whole);
  /// Reads the CID at the start of `in` and moves `in` past it; on an error `in` stays.
  static Decoded<Cid> take(ByteView& in);
  /// Reads the text of a CID, and nothing around it: no "/ipfs/", no spaces.
  static Decoded<Cid> parse(std::string_view text);

  bool empty() const noexcept { return data_.empty(); }
  explicit operator bool() const noexcept { return !empty(); }

  ByteView bytes() const noexcept { return data_.view(); }
  int version() const noexcept { return data_.size() == 34 && bytes()[0] == 0x12 ? 0 : 1; }
  Codec codec() const noexcept;
  Multihash hash() const { return *Multihash::from_bytes(hash_bytes()); }
  /// The multihash's bytes, not copied; they live as long as this value. Two CIDs of the same
  /// content and different version or codec have the same.
  ByteView hash_bytes() const noexcept;
  /// The digest's bytes, not copied.
  ByteView digest() const noexcept;
  Codec hash_function() const noexcept;
  /// True if the digest is the content itself.
  bool is_identity() const noexcept { return hash_function() == Codec::identity; }

  /// Base58btc for version 0, base32 for version 1.
  std::string to_string() const;
  /// In the base asked for; not_v0 for a version 0 CID in another base than base58btc, and
  /// not_representable for an odd number of bytes in proquint.
  Decoded<std::string> to_string(Base base) const;

  /// The same content as version 1; itself if it is that already.
  Cid to_v1() const;
  /// The same content as version 0, if version 0 can express it (not_v0).
  Decoded<Cid> to_v0() const;

  friend bool operator==(const Cid&, const Cid&) noexcept = default;
  friend std::strong_ordering operator<=>(const Cid&, const Cid&) noexcept = default;

 private:
  explicit Cid(ByteView checked) : data_(checked) {}

  detail::ShortBytes data_;
};

/// A CID without its digest: what a block's digest must be computed with. Bitswap sends it beside
/// a block, as four varints.
struct CidPrefix {
  int version = 1;
  Codec codec = Codec::raw;
  Codec hash_function = Codec::sha2_256;
  std::size_t digest_bytes = 32;

  static CidPrefix of(const Cid& cid) noexcept;
  /// Reads bytes that are one prefix and nothing else.
  static Decoded<CidPrefix> from_bytes(ByteView whole) noexcept;
  Bytes to_bytes() const;
  /// The CID of this prefix and `digest`, which is cut to digest_bytes; truncated if it is
  /// shorter, except for the identity function, which takes it as it is.
  Decoded<Cid> complete(ByteView digest) const;

  friend bool operator==(const CidPrefix&, const CidPrefix&) noexcept = default;
};

}  // namespace kith::multiformats

template <>
struct std::hash<kith::multiformats::Cid> {
  std::size_t operator()(const kith::multiformats::Cid& value) const noexcept {
    return kith::multiformats::detail::hash_bytes(value.bytes());
  }
};
