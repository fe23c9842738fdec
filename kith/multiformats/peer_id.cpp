#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::multiformats {
namespace {

// The text of an identity of 42 bytes in base2, the longest base, as a CID.
constexpr std::size_t peer_id_text_bytes_max = 1 + 8 * (3 + 2 + inline_public_key_bytes_max);

}  // namespace

PeerId PeerId::from_public_key(ByteView protobuf) {
  ASSERT(!protobuf.empty());
  bool inlined = protobuf.size() <= inline_public_key_bytes_max;
  auto hash = inlined ? Multihash::wrap(Codec::identity, protobuf)
                      : Multihash::wrap(Codec::sha2_256, crypto::sha256(protobuf));
  ASSERT(hash.has_value());
  return PeerId(hash->bytes());
}

PeerId PeerId::from_public_key(const crypto::PublicKey& key) {
  return from_public_key(key.encoded());
}

Decoded<PeerId> PeerId::from_bytes(ByteView whole) {
  KITH_TRY(Multihash hash, Multihash::from_bytes(whole));
  std::size_t size = hash.digest().size();
  bool hashed = hash.function() == Codec::sha2_256 && size == 32;
  bool inlined = hash.is_identity() && size >= 1 && size <= inline_public_key_bytes_max;
  if (!hashed && !inlined) return std::unexpected(MultiformatsError::bad_peer_id_hash);
  return PeerId(whole);
}

Decoded<PeerId> PeerId::from_cid(const Cid& cid) {
  if (cid.empty()) return std::unexpected(MultiformatsError::empty);
  if (cid.codec() != Codec::libp2p_key) return std::unexpected(MultiformatsError::wrong_codec);
  return from_bytes(cid.hash_bytes());
}

Decoded<PeerId> PeerId::parse(std::string_view text) {
  if (text.empty()) return std::unexpected(MultiformatsError::empty);
  if (text.size() > peer_id_text_bytes_max) return std::unexpected(MultiformatsError::too_long);
  if (text.starts_with("Qm") || text.starts_with('1')) {
    KITH_TRY(Bytes bytes, base_decode(Base::base58btc, text));
    return from_bytes(bytes);
  }
  KITH_TRY(Cid cid, Cid::parse(text));
  return from_cid(cid);
}

std::optional<ByteView> PeerId::inline_public_key() const noexcept {
  // An identity's code and length take one byte each.
  if (bytes().size() < 2 || bytes()[0] != 0) return std::nullopt;
  return bytes().subspan(2);
}

std::string PeerId::to_string() const {
  auto text = base_encode(Base::base58btc, bytes());
  ASSERT(text.has_value());
  return *std::move(text);
}

std::string PeerId::to_short_string() const {
  std::string text = to_string();
  return text.size() <= 8 ? text : text.substr(text.size() - 8);
}

Cid PeerId::to_cid() const {
  auto hash = Multihash::from_bytes(bytes());
  ASSERT(hash.has_value());
  return Cid::v1(Codec::libp2p_key, *hash);
}

std::string PeerId::to_cid_string(Base base) const {
  auto text = to_cid().to_string(base);
  // Proquint alone can refuse, for an odd number of bytes.
  return text ? *std::move(text) : to_cid().to_string();
}

}  // namespace kith::multiformats
