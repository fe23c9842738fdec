#include <cfenv>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ledger/consensus/pow/detail/randomx_hash.hpp>
#include <kith/ledger/consensus/pow/detail/sha256_kernels.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger {
namespace {

Hash any_hash(Prng& prng) {
  Hash hash;
  prng.fill(hash.bytes);
  return hash;
}

Hash reference(const Hash& seal, std::uint64_t nonce) {
  return Hash{crypto::sha256(crypto::sha256(work_input(seal, nonce)))};
}

TEST(Seal, LeavesTheNonceOutAndNothingElse) {
  Header header;
  header.difficulty = 5;
  Header sealed = header;
  store_be(sealed.nonce.data(), std::uint64_t{0x0102030405060708});
  EXPECT_EQ(seal_hash(sealed), header.hash());
  EXPECT_NE(sealed.hash(), header.hash());
  const WorkInput input = work_input(sealed);
  EXPECT_TRUE(equal(ByteView(input).first(32), header.hash().view()));
  EXPECT_EQ(to_hex(ByteView(input).subspan(32)), "0102030405060708");
  header.mix_hash.bytes[0] = 1;
  EXPECT_NE(seal_hash(sealed), seal_hash(header));
}

TEST(Sha256d, HashesAsOpenSslDoes) {
  const auto hash = make_sha256d();
  Prng prng(1);
  const Hash seal = any_hash(prng);
  EXPECT_EQ(hash->hash(work_input(seal, 77), Hash()).value(), reference(seal, 77));
  EXPECT_EQ(hash->key_number(1'000'000), std::nullopt);
}

TEST(Sha256d, CompressesTheStandardsMessage) {
  // FIPS 180-4's "abc".
  const std::uint32_t block[16] = {0x61626380, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24};
  std::uint32_t state[8];
  std::ranges::copy(detail::sha256_iv, state);
  detail::sha256_compress(state, block);
  Bytes digest(32);
  for (std::size_t i = 0; i < 8; ++i)
    store_be(digest.data() + 4 * i, state[i]);
  EXPECT_EQ(to_hex(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#if defined(__x86_64__)
/// What the benchmark takes for a limit is the whole of a compression.
TEST(Sha256d, LimitsAreWholeCompressions) {
  for (const detail::ScanKernel& kernel : detail::kernels()) {
    if (kernel.lanes == detail::scan_lanes_avx512) {
      std::uint32_t states[8][16];
      for (std::uint32_t n = 0; n < 8; ++n) {
        for (std::uint32_t lane = 0; lane < 16; ++lane)
          states[n][lane] = detail::sha256_iv[n] + lane;
      }
      detail::compress_avx512(states, 1);
      for (std::uint32_t lane = 0; lane < 16; ++lane) {
        std::uint32_t state[8];
        std::uint32_t block[16];
        for (std::uint32_t n = 0; n < 8; ++n)
          state[n] = block[n] = block[n + 8] = detail::sha256_iv[n] + lane;
        detail::sha256_compress(state, block);
        for (std::size_t n = 0; n < 8; ++n)
          EXPECT_EQ(states[n][lane], state[n]);
      }
    } else if (kernel.lanes == detail::scan_lanes_sha_ni) {
      std::uint32_t states[4][8];
      for (std::uint32_t lane = 0; lane < 4; ++lane) {
        for (std::uint32_t n = 0; n < 8; ++n)
          states[lane][n] = detail::sha256_iv[n] + lane;
      }
      detail::compress_sha_ni(states, 1);
      for (std::uint32_t lane = 0; lane < 4; ++lane) {
        std::uint32_t state[8];
        std::uint32_t block[16];
        for (std::uint32_t n = 0; n < 16; ++n) {
          block[n] = detail::sha256_iv[n % 4] + lane;
          if (n < 8) state[n] = detail::sha256_iv[n] + lane;
        }
        detail::sha256_compress(state, block);
        EXPECT_TRUE(std::ranges::equal(states[lane], state));
      }
    }
  }
}
#endif

/// Each kernel finds each candidate that the others find, whatever the count and the first nonce.
TEST(Sha256d, AllKernelsFindTheSame) {
  Prng prng(2);
  for (int round = 0; round < 60; ++round) {
    const Hash seal = any_hash(prng);
    const std::uint64_t high = prng.next() << 32;
    const std::uint64_t count = prng.below(300);
    const auto first = static_cast<std::uint32_t>(prng.below((1ULL << 32) - count));
    const U256 target = U256::max() >> prng.between(1, 12);
    const detail::ScanJob job = detail::make_scan_job(seal, high | first, target);
    std::vector<std::uint64_t> wanted;
    for (std::uint64_t i = 0; i < count; ++i) {
      if ((reference(seal, high | (first + i)).to_word() >> 224) <= (target >> 224))
        wanted.push_back(i);
    }
    for (const detail::ScanKernel& kernel : detail::kernels()) {
      std::vector<std::uint64_t> got;
      for (std::uint64_t from = 0; from < count;) {
        from +=
            detail::scan_all(kernel, job, first + static_cast<std::uint32_t>(from), count - from);
        if (from < count) got.push_back(from++);
      }
      EXPECT_EQ(got, wanted) << kernel.name;
    }
  }
}

TEST(Sha256d, FindsTheFirstNonceThatMeetsTheTarget) {
  const auto hash = make_sha256d();
  const auto searcher = hash->searcher(Hash()).value();
  Prng prng(3);
  for (int round = 0; round < 40; ++round) {
    const Hash seal = any_hash(prng);
    // Some begin just before the nonce's low half is over.
    const std::uint64_t first =
        round % 2 == 0 ? prng.next() >> 8 : (prng.below(1'000) << 32) - prng.below(40) - 1;
    // Also targets that a hash's first word alone doesn't decide.
    U256 target = U256::max() >> prng.between(1, 9);
    if (round % 4 == 3) target = reference(seal, first + prng.below(64)).to_word();
    std::optional<std::uint64_t> wanted;
    for (std::uint64_t i = 0; i < 100 && !wanted; ++i) {
      if (reference(seal, first + i).to_word() <= target) wanted = first + i;
    }
    EXPECT_EQ(searcher->search(seal, target, first, 100), wanted);
    if (wanted) {
      EXPECT_EQ(searcher->search(seal, target, first, *wanted - first), std::nullopt);
    }
  }
}

/// Mining's way to the top: a hash that is rare.
TEST(Sha256d, SearchesMillionsOfNonces) {
  const auto searcher = make_sha256d()->searcher(Hash()).value();
  const Hash seal = keccak256(as_bytes("a block"));
  const U256 target = U256::max() >> 20;
  const auto found = searcher->search(seal, target, 0, 1ULL << 26);
  ASSERT_TRUE(found);
  EXPECT_LE(reference(seal, *found).to_word(), target);
}

#if KITH_RANDOMX

TEST(RandomX, KeysChangeAsMonerosDo) {
  const auto randomx = make_randomx();
  EXPECT_EQ(randomx->key_number(0), 0U);
  EXPECT_EQ(randomx->key_number(2'048), 0U);
  EXPECT_EQ(randomx->key_number(2'048 + 64), 0U);
  EXPECT_EQ(randomx->key_number(2'048 + 65), 2'048U);
  EXPECT_EQ(randomx->key_number(2 * 2'048 + 64), 2'048U);
  EXPECT_EQ(randomx->key_number(2 * 2'048 + 65), 2 * 2'048U);
}

TEST(RandomX, MeetsItsVectors) {
  const Bytes monero_block = *from_hex(
      "0b0b98bea7e805e0010a2126d287a2a0cc833d312cb786385a7c2f9de69d25537f584a9bc9977b00000000666fd8"
      "753bf61a8631f12984e3fd44f4014eca629276817b56f32e9b68bd82f416");
  const ByteView latin =
      as_bytes("sed do eiusmod tempor incididunt ut labore et dolore magna aliqua");
  const struct {
    std::string_view key;
    std::vector<ByteView> inputs;
    std::vector<std::string_view> hashes;
  } vectors[] = {
      {"test key 000",
       {as_bytes("This is a test"), as_bytes("Lorem ipsum dolor sit amet"), latin},
       {"639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f",
        "300a0adb47603dedb42228ccb2b211104f4da45af709cd7547cd049e9489c969",
        "c36d4ed4191e617309867ed66a443be4075014e2b061bcdaf9ce7b721d2b77a8"}},
      {"test key 001",
       {latin, monero_block},
       {"e9ff4503201c0c2cca26d285c93ae883f9b1d30c9eb240b820756f2d5a7905fc",
        "c56414121acda1713c2f2a819d8ae38aed7c80c35c2a769298d34f03833cd5f1"}},
  };
  for (const auto& vector : vectors) {
    const auto hashes = detail::randomx_hashes(as_bytes(vector.key), vector.inputs).value();
    ASSERT_EQ(hashes.size(), vector.hashes.size());
    for (std::size_t i = 0; i < hashes.size(); ++i)
      EXPECT_EQ(to_hex(hashes[i].view()), vector.hashes[i]);
  }
}

TEST(RandomX, ChecksAndSearchesTheSame) {
  const auto randomx = make_randomx();
  const Hash key = keccak256(as_bytes("a key"));
  const Hash seal = keccak256(as_bytes("a block"));
  const auto searcher = randomx->searcher(key).value();
  const U256 target = U256::max() >> 2;
  std::fesetround(FE_UPWARD);
  const auto found = searcher->search(seal, target, 0, 64);
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
  ASSERT_TRUE(found);
  for (std::uint64_t nonce = 0; nonce <= *found; ++nonce) {
    const U256 hash = randomx->hash(work_input(seal, nonce), key).value().to_word();
    EXPECT_EQ(hash <= target, nonce == *found);
  }
}

/// Three keys, of which two are kept; more threads than machines that wait.
TEST(RandomX, ThreadsShareCaches) {
  const auto randomx = make_randomx();
  const Hash keys[] = {keccak256(as_bytes("1")), keccak256(as_bytes("2")),
                       keccak256(as_bytes("3"))};
  std::vector<Hash> got(12);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < got.size(); ++i) {
      threads.emplace_back([&, i] {
        got[i] = randomx->hash(work_input(Hash(), i / 6), keys[i % 2]).value_or(Hash());
      });
    }
  }
  const Hash other = randomx->hash(work_input(Hash(), 0), keys[2]).value();
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i], got[i / 6 * 6 + i % 2]);
    EXPECT_NE(got[i], other);
  }
  EXPECT_NE(got[0], got[1]);
  EXPECT_NE(got[0], got[6]);
  EXPECT_EQ(randomx->hash(work_input(Hash(), 0), keys[1]).value(), got[1]);
}

/// 2 GiB and minutes, so by choice alone.
TEST(RandomX, TheFullDatasetHashesTheSame) {
  if (std::getenv("KITH_POW_FULL") == nullptr) GTEST_SKIP() << "KITH_POW_FULL=1 runs it";
  const auto randomx = make_randomx({.full_dataset = true});
  const Hash key = keccak256(as_bytes("full"));
  const Hash seal = keccak256(as_bytes("a block"));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const auto searcher = randomx->searcher(key).value();
      const U256 target = U256::max() >> 6;
      const auto found = searcher->search(seal, target, 0, 10'000);
      ASSERT_TRUE(found);
      EXPECT_LE(randomx->hash(work_input(seal, *found), key).value().to_word(), target);
    });
  }
}

#endif

}  // namespace
}  // namespace kith::ledger
