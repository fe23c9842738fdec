// The content of an identity's key file, plain or encrypted with a passphrase. Bytes in and out:
// the file itself, its mode 0600 and its safe replacement are the caller's.
//
// Plain, it is the protobuf of the private key, as other libp2p programs keep theirs. Encrypted:
//
//   offset  bytes
//        0      8   "kithkey" and a zero byte
//        8      1   version, 1: Argon2id 1.3, one lane, and XChaCha20-Poly1305
//        9      3   zero
//       12      4   passes over the memory, big-endian
//       16      4   memory in KiB, big-endian
//       20     16   salt
//       36     24   nonce
//       60   n + 16 the protobuf encrypted, and its tag; bytes 0 to 59 are the additional data
//
// The first byte tells the two apart: a protobuf key starts with 08.
// Limits: key_file_bytes_max, passphrase_bytes_max; and KeyFileLimits bound what memory and work a
// file may ask for, since opening one that somebody else wrote must not take the machine down.
// Any thread; sealing and opening an encrypted file takes tenths of a second by design, so it
// belongs on a worker.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/limits.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {

/// What guessing one passphrase costs, and opening the file as well.
struct KeyFileCost {
  std::uint32_t passes = 3;
  std::uint32_t memory_kib = 64 * 1024;
};

/// What a file that is opened may ask for.
struct KeyFileLimits {
  std::uint32_t passes_max = 16;
  std::uint32_t memory_kib_max = 1024 * 1024;
};

/// The least memory that Argon2 takes.
inline constexpr std::uint32_t key_file_memory_kib_min = 8;

/// The plain content.
Secret encode_key_file(const PrivateKey& key);

/// The content encrypted with a passphrase. Errc::invalid_argument for an empty or too long
/// passphrase or a cost outside KeyFileLimits{}; CryptoError::internal if there isn't the memory.
Result<Bytes> seal_key_file(const PrivateKey& key, ByteView passphrase, const RandomFill& random,
                            KeyFileCost cost = {});

/// True if the content is an encrypted one by its first bytes, whatever its version.
bool key_file_is_sealed(ByteView content) noexcept;

/// Reads either kind; a plain one needs no passphrase and ignores it.
/// CryptoError::needs_passphrase, wrong_passphrase, costs_too_much, internal (no memory),
/// bad_encoding, or what PrivateKey::decode can say; Errc::limit_exceeded for a file or passphrase
/// that is too long; Errc::unsupported for a later version.
Result<PrivateKey> open_key_file(ByteView content, std::optional<ByteView> passphrase,
                                 KeyFileLimits limits = {});

}  // namespace kith::crypto
