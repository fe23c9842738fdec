#include <kith/base/assert.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/multiformats/detail/read.hpp>

namespace kith::multiformats {
namespace {

constexpr std::size_t v0_bytes = 34;
constexpr std::size_t v0_text_bytes = 46;

// A multihash of 32 bytes sha2-256 starts so; no CID version will ever be 18.
constexpr bool starts_v0(ByteView bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == 0x12 && bytes[1] == 0x20;
}

struct Parts {
  Codec codec;
  ByteView hash;
};

Parts split(ByteView cid) noexcept {
  ASSERT(!cid.empty());
  if (starts_v0(cid)) return {Codec::dag_pb, cid};
  ByteView rest = cid.subspan(1);
  auto codec = take_varint(rest);
  ASSERT(codec.has_value());
  return {static_cast<Codec>(*codec), rest};
}

// Function code and digest of a multihash known to be valid.
std::pair<Codec, ByteView> split_hash(ByteView hash) noexcept {
  auto code = take_varint(hash);
  auto length = take_varint(hash);
  ASSERT(code.has_value() && length.has_value());
  return {static_cast<Codec>(*code), hash};
}

}  // namespace

Decoded<Cid> Cid::v0(const Multihash& hash) {
  if (hash.bytes().size() != v0_bytes || !starts_v0(hash.bytes())) {
    return std::unexpected(MultiformatsError::not_v0);
  }
  return Cid(hash.bytes());
}

Cid Cid::v1(Codec codec, const Multihash& hash) {
  ASSERT(!hash.empty());
  std::uint8_t whole[cid_bytes_max];
  whole[0] = 1;
  std::size_t size = 1 + write_varint(whole + 1, static_cast<std::uint64_t>(codec));
  std::ranges::copy(hash.bytes(), whole + size);
  return Cid(ByteView(whole, size + hash.bytes().size()));
}

Decoded<Cid> Cid::take(ByteView& in) {
  if (in.empty()) return std::unexpected(MultiformatsError::truncated);
  if (starts_v0(in)) {
    if (in.size() < v0_bytes) return std::unexpected(MultiformatsError::truncated);
    Cid taken(in.first(v0_bytes));
    in = in.subspan(v0_bytes);
    return taken;
  }
  ByteView rest = in;
  KITH_TRY(std::uint64_t version, detail::read_varint(rest));
  if (version != 1) return std::unexpected(MultiformatsError::unsupported_version);
  KITH_CHECK(detail::read_varint(rest));
  KITH_CHECK(Multihash::take(rest));
  std::size_t size = in.size() - rest.size();
  Cid taken(in.first(size));
  in = rest;
  return taken;
}

Decoded<Cid> Cid::from_bytes(ByteView whole) {
  KITH_TRY(Cid taken, take(whole));
  if (!whole.empty()) return std::unexpected(MultiformatsError::trailing_bytes);
  return taken;
}

Decoded<Cid> Cid::parse(std::string_view text) {
  if (text.size() < 2) return std::unexpected(MultiformatsError::truncated);
  if (text.size() > cid_text_bytes_max) return std::unexpected(MultiformatsError::too_long);
  if (text.size() == v0_text_bytes && text.starts_with("Qm")) {
    KITH_TRY(Bytes bytes, base_decode(Base::base58btc, text));
    KITH_TRY(Multihash hash, Multihash::from_bytes(bytes));
    return v0(hash);
  }
  KITH_TRY(MultibaseValue value, multibase_decode(text));
  if (!value.bytes.empty() && value.bytes[0] == 0x12) {
    return std::unexpected(MultiformatsError::multibase_v0);
  }
  return from_bytes(value.bytes);
}

Codec Cid::codec() const noexcept {
  return split(bytes()).codec;
}

ByteView Cid::hash_bytes() const noexcept {
  return split(bytes()).hash;
}

ByteView Cid::digest() const noexcept {
  return split_hash(hash_bytes()).second;
}

Codec Cid::hash_function() const noexcept {
  return split_hash(hash_bytes()).first;
}

std::string Cid::to_string() const {
  auto text = version() == 0 ? base_encode(Base::base58btc, bytes())
                             : multibase_encode(Base::base32, bytes());
  ASSERT(text.has_value());  // cid_bytes_max fits every base.
  return *std::move(text);
}

Decoded<std::string> Cid::to_string(Base base) const {
  if (version() == 1) return multibase_encode(base, bytes());
  if (base != Base::base58btc) return std::unexpected(MultiformatsError::not_v0);
  return to_string();
}

Cid Cid::to_v1() const {
  return version() == 1 ? *this : v1(Codec::dag_pb, hash());
}

Decoded<Cid> Cid::to_v0() const {
  if (version() == 0) return *this;
  if (codec() != Codec::dag_pb) return std::unexpected(MultiformatsError::not_v0);
  return v0(hash());
}

CidPrefix CidPrefix::of(const Cid& cid) noexcept {
  auto [function, digest] = split_hash(cid.hash_bytes());
  return {cid.version(), cid.codec(), function, digest.size()};
}

Decoded<CidPrefix> CidPrefix::from_bytes(ByteView whole) noexcept {
  KITH_TRY(std::uint64_t version, detail::read_varint(whole));
  KITH_TRY(std::uint64_t codec, detail::read_varint(whole));
  KITH_TRY(std::uint64_t function, detail::read_varint(whole));
  KITH_TRY(std::uint64_t digest_bytes, detail::read_varint(whole));
  if (!whole.empty()) return std::unexpected(MultiformatsError::trailing_bytes);
  if (version > 1) return std::unexpected(MultiformatsError::unsupported_version);
  if (digest_bytes > digest_bytes_max) return std::unexpected(MultiformatsError::too_long);
  CidPrefix prefix{static_cast<int>(version), static_cast<Codec>(codec),
                   static_cast<Codec>(function), static_cast<std::size_t>(digest_bytes)};
  bool v0_parts = prefix.codec == Codec::dag_pb && prefix.hash_function == Codec::sha2_256 &&
                  prefix.digest_bytes == 32;
  if (version == 0 && !v0_parts) return std::unexpected(MultiformatsError::not_v0);
  return prefix;
}

Bytes CidPrefix::to_bytes() const {
  Bytes out;
  append_varint(out, static_cast<std::uint64_t>(version));
  append_varint(out, static_cast<std::uint64_t>(codec));
  append_varint(out, static_cast<std::uint64_t>(hash_function));
  append_varint(out, digest_bytes);
  return out;
}

Decoded<Cid> CidPrefix::complete(ByteView digest) const {
  if (hash_function != Codec::identity) {
    if (digest.size() < digest_bytes) return std::unexpected(MultiformatsError::truncated);
    digest = digest.first(digest_bytes);
  }
  KITH_TRY(Multihash hash, Multihash::wrap(hash_function, digest));
  if (version == 0) return Cid::v0(hash);
  return Cid::v1(codec, hash);
}

}  // namespace kith::multiformats
