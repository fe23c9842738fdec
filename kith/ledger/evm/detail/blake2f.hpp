// The compression function of BLAKE2b with as many rounds as one likes, the contract at 0x09
// (EIP-152; RFC 7693, 3.2).
//
//   | rounds | h, 8 words | m, 16 words | t, 2 words | final: 0 or 1 |
//     4 bytes  64 bytes     128 bytes     16 bytes     1 byte
//
// The rounds are big-endian, the words little-endian of 64 bits. Thread: any.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger::detail {

/// One for each round; 0 for input of any other form, which fails.
std::int64_t blake2f_gas(ByteView input, Revision revision);

/// The new h. Nothing if the input has another length or its last byte is above 1.
std::optional<Bytes> blake2f(ByteView input, Revision revision);

}  // namespace kith::ledger::detail
