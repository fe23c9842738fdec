// RandomX of any key and input, once: for its own vectors, which have other lengths than a block's
// work.
#pragma once

#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::detail {

/// Slow: makes a cache of 256 MiB for it. Errors as of WorkHash::hash().
Result<std::vector<Hash>> randomx_hashes(ByteView key, const std::vector<ByteView>& inputs);

}  // namespace kith::ledger::detail
