// Limits of crypto/: what a peer or a file may make us read, compute or allocate.
#pragma once

#include <cstddef>

namespace kith::crypto {

/// The longest digest of hash(), and the longest content that the identity "hash" carries; the
/// bound that IPFS implementations share.
inline constexpr std::size_t digest_bytes_max = 128;

/// RSA moduli that we take: shorter ones are weak, longer ones cost the verifier too much
/// (go-libp2p has the same two bounds).
inline constexpr std::size_t rsa_bits_min = 2048;
inline constexpr std::size_t rsa_bits_max = 8192;
/// What a new RSA key has if nothing else is asked for.
inline constexpr std::size_t rsa_bits_default = 2048;

/// Protobuf-encoded keys: those of RSA with rsa_bits_max are the longest.
inline constexpr std::size_t public_key_bytes_max = rsa_bits_max / 8 + 64;
inline constexpr std::size_t private_key_bytes_max = 9 * (rsa_bits_max / 8) / 2 + 128;
inline constexpr std::size_t signature_bytes_max = rsa_bits_max / 8;

/// A signed envelope with all that is in it. The longest on the wire, a peer record, is to fit in
/// identify's 8 KiB; this leaves room for what is yet to come.
inline constexpr std::size_t envelope_bytes_max = 64 * 1024;
/// The domain string of an envelope.
inline constexpr std::size_t envelope_domain_bytes_max = 256;

/// A key file, plain or encrypted.
inline constexpr std::size_t key_file_bytes_max = private_key_bytes_max + 128;
inline constexpr std::size_t passphrase_bytes_max = 1024;

}  // namespace kith::crypto
