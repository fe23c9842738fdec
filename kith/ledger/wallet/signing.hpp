// Signatures of messages: what a wallet signs for people and pages, beside transactions (EIP-191's
// version 45, personal_sign), and how signatures are written.
//
//   0x, r of 32 bytes, s of 32 bytes, v: 27 for an even y, 28 for an odd one
//
// Read are also v of 0 and 1, and 64 bytes with v in the highest bit of s (EIP-2098). An s in the
// upper half of the order is nobody's signature: each signature would else have a twin. Thread:
// any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

/// Of "\x19Ethereum Signed Message:\n", the message's length in decimal, and the message: no
/// transaction begins so.
Hash personal_message_hash(ByteView message);

std::string signature_text(const Signature& signature);
/// WalletError::bad_signature_text.
Result<Signature> parse_signature(std::string_view text);

/// Who signed it; nothing if nobody did, or if its s is in the upper half.
std::optional<Address> strict_signer_of(const Hash& hash, const Signature& signature);

}  // namespace kith::ledger
