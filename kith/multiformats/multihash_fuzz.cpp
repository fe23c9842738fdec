#include <kith/base/assert.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::fuzz {

// The input is a row of multihashes; each keeps its bytes.
void fuzz_multihash(ByteView input) {
  using namespace multiformats;
  while (true) {
    ByteView before = input;
    auto hash = Multihash::take(input);
    if (!hash) {
      ASSERT(input.data() == before.data() && input.size() == before.size());
      return;
    }
    ASSERT(equal(hash->bytes(), before.first(before.size() - input.size())));
    ASSERT(hash->digest().size() <= digest_bytes_max);
    ASSERT(Multihash::wrap(hash->function(), hash->digest()) == *hash);
    ASSERT(Multihash::from_bytes(hash->bytes()) == *hash);
  }
}

}  // namespace kith::fuzz
