// Transactions and authorizations as JSON, to be signed: the fields of eth_sendTransaction, of
// every type from 0 to 4.
//
//   {"type": "0x2", "chainId": 1, "nonce": 7, "gas": 21000, "maxFeePerGas": "30000000000",
//    "maxPriorityFeePerGas": "1000000000", "to": "0x...", "value": "1000000000000000000"}
//
// Numbers are JSON's, or text, decimal or with 0x; bytes are text with 0x. Nothing is guessed that
// costs money: nonce, gas, fees and chain must be there (a transaction of type 0 for every chain
// says "chainId": null), a field that isn't known or doesn't belong to the type is an error.
// Without a type the fields say which one it is. Thread: any.
#pragma once

#include <optional>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

struct UnsignedTransaction {
  Transaction transaction;
  std::optional<Address> from;  ///< who is meant to sign it, if it says
};

/// WalletError::bad_transaction with the field and what is expected there; Errc::limit_exceeded.
Result<UnsignedTransaction> parse_transaction(std::string_view json);

/// {"chainId", "address", "nonce"}, of EIP-7702. Chain 0 is every chain.
Result<Authorization> parse_authorization(std::string_view json);

}  // namespace kith::ledger
