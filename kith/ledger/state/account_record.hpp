// An account as the state's trie has it: nonce, balance, the root of its storage, the hash of its
// code (Yellow Paper, 4.1). Thread: any.
#pragma once

#include <cstdint>

#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {

struct AccountRecord {
  std::uint64_t nonce = 0;
  U256 balance;
  Hash storage_root = empty_trie_root;
  Hash code_hash = empty_code_hash;

  /// The trie's value.
  Bytes encode() const;
  static RlpResult<AccountRecord> decode(ByteView input);

  friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

}  // namespace kith::ledger
