// Multicodec: the registry of codes that multihashes, CIDs and multiaddrs are made of
// (github.com/multiformats/multicodec).
//
// Codec is an open enum: a decoder gives any code below 2^63, known or not, as Codec; the names
// below are the ones that our own code needs. codec_name and codec_from_name know the registry.
// Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kith::multiformats {

enum class Codec : std::uint64_t {
  // hash functions
  identity = 0x00,
  sha1 = 0x11,
  sha2_256 = 0x12,
  sha2_512 = 0x13,
  sha3_512 = 0x14,
  sha3_384 = 0x15,
  sha3_256 = 0x16,
  sha3_224 = 0x17,
  shake_128 = 0x18,
  shake_256 = 0x19,
  keccak_224 = 0x1a,
  keccak_256 = 0x1b,
  keccak_384 = 0x1c,
  keccak_512 = 0x1d,
  blake3 = 0x1e,
  sha2_384 = 0x20,
  murmur3_x64_64 = 0x22,
  dbl_sha2_256 = 0x56,
  md5 = 0xd5,
  sha2_256_trunc254_padded = 0x1012,
  sha2_224 = 0x1013,
  sha2_512_224 = 0x1014,
  sha2_512_256 = 0x1015,
  ripemd_160 = 0x1053,
  blake2b_160 = 0xb214,
  blake2b_256 = 0xb220,
  blake2b_512 = 0xb240,
  blake2s_160 = 0xb254,
  blake2s_256 = 0xb260,
  bittorrent_pieces_root = 0xb702,

  // what a block contains
  cbor = 0x51,
  raw = 0x55,
  dag_pb = 0x70,
  dag_cbor = 0x71,
  libp2p_key = 0x72,
  git_raw = 0x78,
  torrent_info = 0x7b,
  torrent_file = 0x7c,
  dag_jose = 0x85,
  dag_json = 0x0129,
  json = 0x0200,
  car = 0x0202,

  // records and the like
  ipns_record = 0x0300,
  libp2p_peer_record = 0x0301,
  libp2p_relay_rsvp = 0x0302,
  transport_bitswap = 0x0900,
  transport_graphsync_filecoinv1 = 0x0910,
  transport_ipfs_gateway_http = 0x0920,
};

/// What the registry says a code is for.
enum class CodecTag : std::uint8_t {
  multihash,
  hash,  ///< a hash function that isn't cryptographic
  ipld,
  multiaddr,
  other,
};

struct CodecInfo {
  Codec code;
  std::string_view name;
  CodecTag tag;
};

/// The rows of the registry that we know, by code.
std::span<const CodecInfo> all_codecs() noexcept;

/// The row of a code, or null.
const CodecInfo* find_codec(Codec code) noexcept;

/// The registry's name of a code ("sha2-256", "dag-pb").
std::optional<std::string_view> codec_name(Codec code) noexcept;

/// The code of a registry name.
std::optional<Codec> codec_from_name(std::string_view name) noexcept;

}  // namespace kith::multiformats
