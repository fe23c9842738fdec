// Transactions of the types 0 to 4: their form on the wire, their hash, and who signed them (Yellow
// Paper, 4.3; EIP-155, 2718, 2930, 1559, 4844, 7702).
//
//   0 legacy        RLP of nonce, gas price, gas, to, value, data, v, r, s
//   1 access list   01 and RLP of chain id, nonce, gas price, gas, to, value, data, access list, y,
//   r, s 2 dynamic fee   02 ... with the two fees of EIP-1559 in the price's place 3 blob 03 ... as
//   2, then the fee for blobs and their hashes; `to` must be there 4 set code      04 ... as 2,
//   then authorizations; `to` must be there
//
// The reader takes one form of each and nothing else. What it doesn't do: blobs themselves, which
// travel beside a transaction of type 3 and aren't part of it. Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

enum class TransactionError {
  malformed = 1,      ///< not the RLP of a transaction
  unknown_type,       ///< a first byte that names no type
  bad_signature,      ///< no signature, or nobody's
  high_signature,     ///< s in the upper half of the order (EIP-2)
  foreign_chain,      ///< signed for a chain of another id
  number_too_large,   ///< a nonce or gas beyond 64 bits, a value beyond 256
  missing_recipient,  ///< a blob or set-code transaction can't create a contract
};
const ErrorDomain& error_domain(TransactionError) noexcept;

struct Signature {
  U256 r;
  U256 s;
  bool is_odd = false;

  /// Whether s is in the lower half of the order (EIP-2): of each signature and its twin one is.
  bool is_low() const noexcept;

  friend bool operator==(const Signature&, const Signature&) = default;
};

/// Whose secret made the signature of that hash. Nothing if nobody's did; an s in the upper half is
/// taken, since some rules allow it.
std::optional<Address> signer_of(const Hash& hash, const Signature& signature);
/// With s in the lower half, by RFC 6979. Nothing if the secret is none.
std::optional<Signature> sign(const Hash& hash, const crypto::SecretArray<32>& secret);

struct AccessListEntry {
  Address address;
  std::vector<U256> keys;

  friend bool operator==(const AccessListEntry&, const AccessListEntry&) = default;
};

/// Says that an account runs another one's code from now on (EIP-7702).
struct Authorization {
  U256 chain_id;  ///< 0: of any chain
  Address address;
  std::uint64_t nonce = 0;
  U256 parity;  ///< of the signature, as it was sent: below 2^8
  U256 r;
  U256 s;

  /// Whose account: who signed it. Nothing if nobody did.
  std::optional<Address> authority() const;
  /// What the signature is of.
  Hash signing_hash() const;
  /// Signs it with that secret. False if the secret is none.
  bool sign(const crypto::SecretArray<32>& secret);

  friend bool operator==(const Authorization&, const Authorization&) = default;
};

struct Transaction {
  enum class Type : std::uint8_t { legacy, access_list, dynamic_fee, blob, set_code };

  Type type = Type::legacy;
  /// A legacy transaction may be of any chain.
  std::optional<std::uint64_t> chain_id;
  std::uint64_t nonce = 0;
  /// Of the types 0 and 1 both are the gas price.
  U256 max_priority_fee;
  U256 max_fee;
  std::uint64_t gas_limit = 0;
  std::optional<Address> to;  ///< without, it creates a contract
  U256 value;
  Bytes data;
  std::vector<AccessListEntry> access_list;
  U256 max_blob_fee;
  std::vector<Hash> blob_hashes;
  std::vector<Authorization> authorizations;
  Signature signature;

  bool has_tip() const noexcept { return type >= Type::dynamic_fee; }

  /// What a block's trie and the wire carry.
  Bytes encode() const;
  /// All of the input must be one transaction.
  static std::expected<Transaction, TransactionError> decode(ByteView input);
  /// As it stands in a block's body: a list if it is legacy, else a string.
  static std::expected<Transaction, TransactionError> read(RlpReader& from);
  void write(RlpWriter& into) const;

  /// Keccak-256 of encode().
  Hash hash() const;
  /// What the signature is of.
  Hash signing_hash() const;

  /// Who signed it. `allow_high_s` is Frontier's rule; from Homestead on s is in the lower half.
  std::expected<Address, TransactionError> sender(bool allow_high_s = false) const;

  /// Signs it with that secret. False if the secret is none.
  bool sign(const crypto::SecretArray<32>& secret);

  friend bool operator==(const Transaction&, const Transaction&) = default;
};

/// The address of the account that a secret key controls. Nothing if the secret is none.
std::optional<Address> address_of(const crypto::SecretArray<32>& secret);

}  // namespace kith::ledger
