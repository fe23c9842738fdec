// The one context of libsecp256k1. Seen by the .cpp files of crypto/ alone.
#pragma once

#include <secp256k1.h>

namespace kith::crypto::detail {

/// Made once, blinded with fresh randomness against side channels, and only read from then on.
const secp256k1_context* secp256k1_shared_context() noexcept;

}  // namespace kith::crypto::detail
