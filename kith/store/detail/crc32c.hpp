// CRC-32C (Castagnoli; RFC 3720 appendix B.4): finds torn and rotten records, resists no attacker.
#pragma once

#include <cstdint>

#include <kith/base/bytes.hpp>

namespace kith::store::detail {

/// The checksum of `data`, or of `before` continued by `data`. Uses the CPU's instruction where
/// there is one.
std::uint32_t crc32c(ByteView data, std::uint32_t before = 0) noexcept;

/// The same by tables alone, for CPUs without the instruction and for comparison in tests.
std::uint32_t crc32c_portable(ByteView data, std::uint32_t before = 0) noexcept;

}  // namespace kith::store::detail
