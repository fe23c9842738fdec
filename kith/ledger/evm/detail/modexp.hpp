// Powers of large numbers, the contract at 0x05 (EIP-198).
//
//   | length of base | of exponent | of modulus | base | exponent | modulus |     lengths: 32 bytes
//
// All numbers are big-endian; what the input lacks at its end is zeros. The output is as long as
// the modulus. Its gas was reckoned anew by EIP-2565 and EIP-7883; from Osaka on no length is above
// 1,024 (EIP-7823). Thread: any.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger::detail {

/// From Osaka on, of each number (EIP-7823).
inline constexpr std::uint64_t modexp_length_max = 1024;
/// Before, gas alone is the limit, and it isn't one if somebody asks what a call with all the gas
/// in the world would do. Base and modulus of this length cost 8e11 gas and more, an exponent 1e8.
inline constexpr std::uint64_t modexp_operand_bytes_max = 1U << 24;
inline constexpr std::uint64_t modexp_exponent_bytes_max = 1U << 28;

/// Saturated at the largest number of its type.
std::int64_t modexp_gas(ByteView input, Revision revision);

/// base^exponent mod modulus; zero if the modulus is. Nothing if a length is above those named
/// here.
std::optional<Bytes> modexp(ByteView input, Revision revision);

}  // namespace kith::ledger::detail
