// Randomness for keys. Code that makes keys takes a RandomFill, so that a simulation can hand in
// its seeded one; in production that is crypto_fill, by way of io's CryptoRandom.
#pragma once

#include <functional>

#include <kith/base/bytes.hpp>

namespace kith::crypto {

/// Fills the bytes it is given with randomness fit for keys.
using RandomFill = std::function<void(MutableBytes)>;

/// The operating system's randomness. For io/ alone: everybody else is handed a source. Any thread.
void crypto_fill(MutableBytes out) noexcept;

}  // namespace kith::crypto
