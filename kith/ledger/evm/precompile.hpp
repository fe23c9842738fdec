// The precompiled contracts: what runs at some addresses instead of code (Yellow Paper, appendix E;
// EIP-152, 196, 197, 198, 1108, 2537, 2565, 4844, 7823, 7883, 7951). Thread: any.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/ledger/evm/revision.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

/// One whose `run` is null is there, but this build can't run it (KITH_KZG=OFF): a fault of the
/// node, as a state that can't be read, and no failure of the call.
struct Precompile {
  const char* name;
  /// What it costs with that input; never below zero. What no gas limit can pay is saturated.
  std::int64_t (*gas)(ByteView input, Revision revision);
  /// Nothing if it fails, which takes all gas of its call.
  std::optional<Bytes> (*run)(ByteView input, Revision revision);
};

/// Null if no contract is precompiled at that address in that revision.
const Precompile* precompile_at(const Address& address, Revision revision) noexcept;

}  // namespace kith::ledger
