// Strategy: the input is unpacked as gzip, and packed. Invariants: no more comes out than is
// allowed; what was packed comes back.
#include <fuzz/kinds.hpp>

#include <kith/api/detail/gzip.hpp>
#include <kith/base/assert.hpp>

namespace kith::fuzz {

Kinds kinds_gzip{"stored", "fixed codes", "empty", "too large", "codes of its own"};

void fuzz_gzip(ByteView input);
void fuzz_gzip(ByteView input) {
  constexpr std::size_t bytes_max = 64 * 1024;
  if (auto content = api::gunzip(input, bytes_max)) {
    ASSERT(content->size() <= bytes_max);
    // RFC 1951, 3.2.3: what the first block is, behind a head without extra fields.
    constexpr std::string_view blocks[] = {"stored", "fixed codes", "codes of its own"};
    if (input[3] == 0 && (input[10] >> 1 & 3) < 3) kinds_gzip.reached(blocks[input[10] >> 1 & 3]);
    kinds_gzip.reached_if(content->empty(), "empty");
    ASSERT(content->empty() || !api::gunzip(input, content->size() - 1));
  }
  kinds_gzip.reached_if(!api::gunzip(input, bytes_max) && api::gunzip(input, 16 * bytes_max),
                        "too large");
  auto writer = api::GzipWriter::create(1).value();
  Bytes packed = writer.add(input);
  append(packed, writer.finish());
  ASSERT(equal(api::gunzip(packed, input.size()).value(), input));
}

}  // namespace kith::fuzz
