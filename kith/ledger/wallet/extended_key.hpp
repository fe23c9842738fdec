// Extended keys: a tree of keys of which the root is all that has to be kept (BIP-32 over
// secp256k1, BIP-44's paths for Ethereum).
//
//   text: Base58 with a checksum of
//     4 version (xprv, xpub; tprv, tpub) | 1 depth | 4 parent's fingerprint | 4 child's number
//     32 chain code | 33 key: 00 and the secret, or the compressed point
//
// A key that was read is one: its point is on the curve, its secret in range, and a root has no
// parent. Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/crypto/secp256k1.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

/// From a root to one of its keys.
struct KeyPath {
  static constexpr std::uint32_t hardened = 0x8000'0000;
  static constexpr std::size_t steps_max = 255;

  std::vector<std::uint32_t> steps;

  /// m/44'/60'/0'/0/number: where wallets of Ethereum put their accounts. `number` is below
  /// `hardened`.
  static KeyPath of_account(std::uint32_t number) {
    return {{44 | hardened, 60 | hardened, hardened, 0, number}};
  }
  /// Steps that are hardened end in ', h or H. WalletError::bad_path.
  static Result<KeyPath> parse(std::string_view text);
  std::string to_string() const;

  friend bool operator==(const KeyPath&, const KeyPath&) = default;
};

class ExtendedKey {
 public:
  /// The root of a seed of 16 to 64 bytes (else Errc::invalid_argument); WalletError::bad_key for
  /// one in 2^127 of them.
  static Result<ExtendedKey> master(ByteView seed);
  /// xprv, xpub, tprv or tpub; WalletError::bad_extended_key.
  static Result<ExtendedKey> parse(std::string_view text);

  /// The text with the secret; nothing if this is a public key.
  std::optional<crypto::Secret> private_text() const;
  std::string public_text() const;

  bool is_private() const noexcept { return secret_.has_value(); }
  /// WalletError::no_such_child; Errc::limit_exceeded at depth 255.
  Result<ExtendedKey> child(std::uint32_t number) const;
  Result<ExtendedKey> derive(const KeyPath& path) const;
  /// Without the secret.
  ExtendedKey neutered() const;

  /// Of a private key (asserted).
  const crypto::SecretArray<32>& secret() const;
  const crypto::Secp256k1Point& point() const noexcept { return point_; }
  Address address() const noexcept;

 private:
  ExtendedKey() = default;

  std::optional<crypto::SecretArray<32>> secret_;
  crypto::Secp256k1Point point_{};
  crypto::SecretArray<32> chain_code_;
  std::array<std::uint8_t, 4> parent_{};
  std::uint32_t number_ = 0;
  std::uint8_t depth_ = 0;
  bool is_testnet_ = false;
};

}  // namespace kith::ledger
