// Verdict: what a peer's behaviour deserves. A value: only the session acts on it. Thread: any.
#pragma once

#include <cstdint>

namespace kith::exchange {

enum class Verdict : std::uint8_t { ok, ignore, penalise, disconnect };

}  // namespace kith::exchange
