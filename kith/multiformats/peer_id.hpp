// PeerId: who a libp2p peer is (libp2p/specs peer-ids/peer-ids.md).
//
// The multihash of the peer's public key in its protobuf form: the key itself (identity) if it has
// at most 42 bytes, which Ed25519 and secp256k1 keys have, its sha2-256 if it is longer. Text is
// base58btc without a prefix ("12D3KooW...", "Qm..."), or a CIDv1 of codec libp2p-key.
//
// A value of 40 bytes, cheap to copy, hashable and ordered by its bytes. Any other function or
// length is refused: such an id could belong to no key. A default constructed one is empty and
// stands for "none"; no decoder gives it. Errors: MultiformatsError. Thread: any.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <kith/multiformats/cid.hpp>

namespace kith::crypto {
class PublicKey;
}

namespace kith::multiformats {

class PeerId {
 public:
  PeerId() noexcept = default;

  /// The id of a public key, given in its protobuf form (crypto::PublicKey writes it): the key
  /// itself up to inline_public_key_bytes_max bytes, else its sha2-256. `protobuf` isn't empty
  /// (asserted); that it is a key is the caller's to know.
  static PeerId from_public_key(ByteView protobuf);
  static PeerId from_public_key(const crypto::PublicKey& key);
  /// Reads a multihash's bytes, as messages carry them.
  static Decoded<PeerId> from_bytes(ByteView whole);
  static Decoded<PeerId> from_multihash(const Multihash& hash) { return from_bytes(hash.bytes()); }
  /// wrong_codec unless the CID's codec is libp2p-key.
  static Decoded<PeerId> from_cid(const Cid& cid);
  /// Reads either text form.
  static Decoded<PeerId> parse(std::string_view text);

  bool empty() const noexcept { return data_.empty(); }
  explicit operator bool() const noexcept { return !empty(); }
  ByteView bytes() const noexcept { return data_.view(); }

  /// The public key's protobuf, not copied, if the id contains it. It isn't checked to be a key.
  std::optional<ByteView> inline_public_key() const noexcept;

  /// Base58btc, what people and other implementations expect. Empty for an empty value.
  std::string to_string() const;
  /// The last eight characters, for logs.
  std::string to_short_string() const;
  Cid to_cid() const;
  /// The CIDv1, in base32 as the specification says; IPNS names take base36.
  std::string to_cid_string(Base base = Base::base32) const;

  friend bool operator==(const PeerId&, const PeerId&) noexcept = default;
  friend std::strong_ordering operator<=>(const PeerId&, const PeerId&) noexcept = default;

 private:
  explicit PeerId(ByteView checked) : data_(checked) {}

  detail::ShortBytes data_;
};

}  // namespace kith::multiformats

template <>
struct std::hash<kith::multiformats::PeerId> {
  std::size_t operator()(const kith::multiformats::PeerId& value) const noexcept {
    return kith::multiformats::detail::hash_bytes(value.bytes());
  }
};
