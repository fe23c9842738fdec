// What the decoders of this module share.
#pragma once

#include <kith/ledger/consensus/bft/message.hpp>

namespace kith::ledger::bft {

/// RLP's own errors are all the same to us.
template <class T>
Decoded<T> of_rlp(RlpResult<T> result) {
  if (!result) return std::unexpected(BftError::malformed);
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return *std::move(result);
}

/// The items of a certificate behind its 2, and a list of its own around them.
void write_certificate(RlpWriter& into, const Certificate& certificate);
Decoded<Certificate> read_certificate(RlpReader& from);

}  // namespace kith::ledger::bft
