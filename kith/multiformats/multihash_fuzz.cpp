#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::fuzz {

namespace {

using multiformats::Codec;

/// Of the codes that have a name in Codec.
constexpr Codec hash_functions[] = {Codec::identity,       Codec::sha1,
                                    Codec::sha2_256,       Codec::sha2_512,
                                    Codec::sha3_512,       Codec::sha3_384,
                                    Codec::sha3_256,       Codec::sha3_224,
                                    Codec::shake_128,      Codec::shake_256,
                                    Codec::keccak_224,     Codec::keccak_256,
                                    Codec::keccak_384,     Codec::keccak_512,
                                    Codec::blake3,         Codec::sha2_384,
                                    Codec::dbl_sha2_256,   Codec::md5,
                                    Codec::murmur3_x64_64, Codec::sha2_256_trunc254_padded,
                                    Codec::sha2_224,       Codec::sha2_512_224,
                                    Codec::sha2_512_256,   Codec::ripemd_160,
                                    Codec::blake2b_160,    Codec::blake2b_256,
                                    Codec::blake2b_512,    Codec::blake2s_160,
                                    Codec::blake2s_256,    Codec::bittorrent_pieces_root};

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (Codec function : hash_functions)
    names.push_back(multiformats::codec_name(function).value());
  return names;
}

}  // namespace

Kinds kinds_multihash(function_names(), {"cut digest", "longest digest", "in a row"});

// The input is a row of multihashes; each keeps its bytes.
void fuzz_multihash(ByteView input) {
  using namespace multiformats;
  for (bool first = true;; first = false) {
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
    if (std::ranges::find(hash_functions, hash->function()) != std::end(hash_functions))
      kinds_multihash.reached(*codec_name(hash->function()));
    const std::size_t bytes = hash->digest().size();
    kinds_multihash.reached_if(hash->function() == Codec::sha2_256 && bytes < 32, "cut digest");
    kinds_multihash.reached_if(bytes == digest_bytes_max, "longest digest");
    kinds_multihash.reached_if(!first, "in a row");
  }
}

}  // namespace kith::fuzz
