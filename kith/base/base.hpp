// base: what every other module leans on, and nothing that knows a protocol.
//
//   result.hpp   Result<T>, Error, the KITH_TRY macros        assert.hpp  ASSERT, on in release too
//   bytes.hpp    spans of bytes, big-endian numbers, hex      buffer.hpp  reference-counted bytes,
//   for the hot path varint.hpp   unsigned varint (multiformats)               time.hpp Duration,
//   Instant, WallTime prng.hpp     seeded xoshiro256**                          budget.hpp  a
//   counted limit with a parent
//
// No Boost, no I/O, no clock, no global state. Every function is safe on any thread unless its
// comment says otherwise.
#pragma once

#include <kith/base/assert.hpp>
#include <kith/base/budget.hpp>
#include <kith/base/buffer.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/prng.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/base/varint.hpp>
