// Keystores: a secret in a file under a passphrase, as geth and every wallet of Ethereum reads and
// writes it (Web3 Secret Storage, version 3).
//
//   key of 32 bytes = scrypt or PBKDF2-HMAC-SHA-256 of the passphrase
//   ciphertext      = AES-128-CTR of the secret by the key's first half
//   mac             = Keccak-256 of the key's second half and the ciphertext
//
// The MAC covers neither the counter nor the address: whoever opens a file compares the address
// with the key's. The passphrase is taken byte for byte, as geth does. A stranger's file can't take
// more than limits.hpp allows. Thread: any; sealing and opening take a second by design, so they
// belong on a worker.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/passphrase_kdf.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

/// geth's: 256 MiB and a second.
inline constexpr crypto::ScryptCost standard_cost{262144, 8, 1};
/// geth's --lightkdf: 4 MiB and some milliseconds; guessing is as much cheaper.
inline constexpr crypto::ScryptCost light_cost{4096, 8, 6};

/// What opens a file. An empty one is refused where it isn't asked for.
struct Passphrase {
  ByteView bytes;
  bool may_be_empty = false;
};

/// A secret of any length, sealed.
struct Sealed {
  struct Pbkdf2 {
    std::uint32_t rounds = 0;
    friend bool operator==(const Pbkdf2&, const Pbkdf2&) = default;
  };

  std::variant<crypto::ScryptCost, Pbkdf2> kdf;
  Bytes salt;
  std::array<std::uint8_t, 16> counter{};
  Bytes ciphertext;
  Hash mac;

  /// WalletError::empty_passphrase; Errc::limit_exceeded for a passphrase that is too long;
  /// WalletError::costs_too_much; CryptoError::internal if there isn't the memory.
  static Result<Sealed> seal(ByteView secret, const Passphrase& passphrase,
                             const crypto::ScryptCost& cost, const crypto::RandomFill& random);
  /// The same, and WalletError::wrong_passphrase. An empty passphrase is tried as any other.
  Result<crypto::Secret> open(ByteView passphrase) const;

  friend bool operator==(const Sealed&, const Sealed&) = default;
};

/// An account's file.
struct Keystore {
  std::optional<Address> address;  ///< as the file says, which may leave it out
  std::string id;                  ///< a UUID, which means nothing
  Sealed sealed;

  /// WalletError::bad_keystore with the field that isn't as it should be, costs_too_much;
  /// Errc::limit_exceeded.
  static Result<Keystore> parse(std::string_view json);
  std::string to_json() const;

  /// WalletError::bad_key, and what Sealed::seal says.
  static Result<Keystore> make(const crypto::SecretArray<32>& secret, const Passphrase& passphrase,
                               const crypto::ScryptCost& cost, const crypto::RandomFill& random);
  /// The secret key, which is one, and the address's if the file names one. What Sealed::open says;
  /// Errc::corrupt for the key of another address, WalletError::bad_key.
  Result<crypto::SecretArray<32>> secret(ByteView passphrase) const;

  friend bool operator==(const Keystore&, const Keystore&) = default;
};

/// geth's name of an account's file: UTC--2024-02-29T12-34-56.123456789Z--<address>.
std::string keystore_file_name(WallTime now, const Address& address);

/// A UUID of version 4 (RFC 9562).
std::string random_uuid(const crypto::RandomFill& random);

}  // namespace kith::ledger
