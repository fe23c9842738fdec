// Strategy: the input is unpacked as gzip, and packed. Invariants: no more comes out than is
// allowed; what was packed comes back.
#include <kith/api/detail/gzip.hpp>
#include <kith/base/assert.hpp>

namespace kith::fuzz {

void fuzz_gzip(ByteView input);
void fuzz_gzip(ByteView input) {
  constexpr std::size_t bytes_max = 64 * 1024;
  if (auto content = api::gunzip(input, bytes_max)) {
    ASSERT(content->size() <= bytes_max);
    ASSERT(content->empty() || !api::gunzip(input, content->size() - 1));
  }
  auto writer = api::GzipWriter::create(1).value();
  Bytes packed = writer.add(input);
  append(packed, writer.finish());
  ASSERT(equal(api::gunzip(packed, input.size()).value(), input));
}

}  // namespace kith::fuzz
