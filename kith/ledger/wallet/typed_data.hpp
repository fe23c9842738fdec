// Typed data: a message of named fields that a wallet can show before it signs it (EIP-712, the
// JSON of eth_signTypedData_v4).
//
//   signed is Keccak-256 of 19 01, the domain's hash, the message's hash
//   a struct's hash: Keccak-256 of its type's hash, then 32 bytes a field
//   a type's hash:   Keccak-256 of "Mail(Person from,Person to)Person(string name)", the types that
//                    it refers to behind it, by name
//
// Read strictly, so that what is shown is what is signed: a field that the type doesn't have, a
// number that doesn't fit, bytesN of another length, an address with a wrong checksum are errors.
// As the wallets in use have it: without a type of its own the domain has the standard's fields in
// its order; a struct that is null, which ends a recursive type, is 32 bytes of zero; typed data
// whose primary type is EIP712Domain is of the domain alone. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

struct TypedData {
  std::string primary_type;
  Hash domain_hash;
  std::optional<Hash> message_hash;  ///< nothing if the domain is all there is

  /// WalletError::bad_typed_data with the place and what is expected there; Errc::limit_exceeded.
  static Result<TypedData> parse(std::string_view json);

  Hash signing_hash() const;
};

}  // namespace kith::ledger
