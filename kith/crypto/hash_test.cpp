#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <rapidcheck/gtest.h>

#include <kith/crypto/detail/keccak.hpp>
#include <kith/crypto/hash.hpp>

namespace kith::crypto {
namespace {

/// The input of BLAKE3's own vectors: 0, 1, .. 250, 0, 1, ..
Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>(i % 251);
  return bytes;
}

struct Vector {
  std::uint64_t code;
  std::string_view input;
  std::string_view digest;
};

// From multiformats/go-multihash, sum_test.go (MIT): the digest without the multihash's prefix.
constexpr Vector vectors[] = {
    {hash_code::identity, "foo", "666f6f"},
    {hash_code::sha1, "foo", "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"},
    {hash_code::sha2_256, "foo",
     "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},
    {hash_code::sha2_512, "foo",
     "f7fbba6e0636f890e56fbbf3283e524c6fa3204ae298382d624741d0dc663832"
     "6e282c41be5e4254d8820772c5518a2c5a8c0c7f7eda19594a7eb539453e1ed7"},
    {hash_code::sha3_512, "foo",
     "4bca2b137edc580fe50a88983ef860ebaca36c857b1f492839d6d7392452a63c"
     "82cbebc68e3b70a2a1480b4bb5d437a7cba6ecf9d89f9ff3ccd14cd6146ea7e7"},
    {hash_code::sha3_224, "beep boop", "0da73a89549018df311c0a63250e008f7be357f93ba4e582aaea32b8"},
    {hash_code::sha3_256, "beep boop",
     "828705da60284b39de02e3599d1f39e6c1df001f5dbf63c9ec2d2c91a95a427f"},
    {hash_code::sha3_384, "beep boop",
     "75a9cff1bcfbe8a7025aa225dd558fb002769d4bf3b67d2aaf180459172208be"
     "a989804aefccf060b583e629e5f41e8d"},
    {hash_code::dbl_sha2_256, "foo",
     "c7ade88fc7a21498a6a5e5c385e1f68bed822b72aa63c4a9a48a02c2466ee29e"},
    {hash_code::blake2b_512, "foo",
     "ca002330e69d3e6b84a46a56a6533fd79d51d97a3bb7cad6c2ff43b354185d6d"
     "c1e723fb3db4ae0737e120378424c714bb982d9dc5bbd7a0ab318240ddd18f8d"},
    {hash_code::blake2b_256, "foo",
     "b8fe9f7f6255a6fa08f668ab632a8d081ad87983c77cd274e48ce450f0b349fd"},
    {hash_code::blake2b_512 - 19, "foo",
     "ca82ab956d5885e3f5db10cca94182f01a6ca2c47f9f4228497dcc9f4a0121c7"
     "25468b852a71ec21fcbeb725df"},
    {hash_code::blake2b_160, "foo", "983ceba2afea8694cc933336b27b907f90c53a88"},
    {hash_code::blake2s_256, "foo",
     "08d6cad88075de8f192db097573d0e829411cd91eb6ec65e8fc16c017edfdb74"},
    {hash_code::keccak_256, "foo",
     "41b1a0649752af1b28b3dc29a1556eee781e4a4c3a1f7f53f90fa834de098c4d"},
    {hash_code::keccak_512, "beep boop",
     "e161c54798f78eba3404ac5e7e12d27555b7b810e7fd0db3f25ffa0c785c4383"
     "31b0fbb6156215f69edf403c642e5280f4521da9bd767296ec81f05100852e78"},
    {hash_code::shake_256, "foo",
     "1af97f7818a28edfdfce5ec66dbdc7e871813816d7d585fe1f12475ded5b6502"
     "b7723b74e2ee36f2651a10a8eaca72aa9148c3c761aaceac8f6d6cc64381ed39"},
    {hash_code::blake3, "foo", "04e0bb39f30b1a3feb89f536c93be15055482df748674b00d26e5a75777702e9"},
};

TEST(Hash, AgreesWithTheMultihashVectors) {
  for (const Vector& vector : vectors) {
    auto digest = hash(vector.code, as_bytes(vector.input));
    ASSERT_TRUE(digest.has_value()) << vector.code;
    EXPECT_EQ(to_hex(*digest), vector.digest) << vector.code;
    EXPECT_TRUE(hash_known(vector.code));
  }
}

// FIPS 180-4's examples.
TEST(Hash, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256(ByteView{})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(Bytes(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha512(as_bytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(to_hex(keccak256(ByteView{})),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  // RFC 7693, appendix B.
  EXPECT_EQ(to_hex(*hash(hash_code::blake2s_256, as_bytes("abc"))),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

// BLAKE3-team/BLAKE3, test_vectors.json (CC0), the first 32 bytes: lengths around the chunk and
// around subtrees of several sizes.
TEST(Hash, Blake3BuildsItsTreeAsTheVectorsSay) {
  const std::pair<std::size_t, std::string_view> cases[] = {
      {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
      {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
      {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
      {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
      {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
      {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
      {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
      {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
      {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
      {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
      {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
      {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
  };
  for (const auto& [size, digest] : cases) {
    EXPECT_EQ(to_hex(*hash(hash_code::blake3, counting(size))), digest) << size;
  }
  EXPECT_EQ(to_hex(*hash(hash_code::blake3, as_bytes("foo"), 128)),
            "04e0bb39f30b1a3feb89f536c93be15055482df748674b00d26e5a75777702e9"
            "791074b7511b59d31c71c62f5a745689fa6c9497f68bdf1061fe07f518d410c0"
            "b0c27f41b3cf083f8a7fdc67a877e21790515762a754a45dcb8a356722698a7a"
            "f5ed2bb608983d5aa75d4d61691ef132efe8631ce0afc15553a08fffc60ee936");
}

TEST(Hash, CutsADigestToTheLengthAsked) {
  EXPECT_EQ(to_hex(*hash(hash_code::sha2_256, as_bytes("foo"), 20)),
            "2c26b46b68ffc68ff99b453c1d30413413422d70");
  EXPECT_FALSE(hash(hash_code::sha2_256, as_bytes("foo"), 33).has_value());
  EXPECT_FALSE(hash(hash_code::sha2_256, as_bytes("foo"), 0).has_value());
  EXPECT_FALSE(hash(hash_code::blake3, as_bytes("foo"), 129).has_value());
  EXPECT_FALSE(hash(hash_code::identity, as_bytes("foo"), 2).has_value());
  EXPECT_TRUE(hash(hash_code::identity, as_bytes("foo"), 3).has_value());
}

TEST(Hash, RefusesFunctionsItDoesNotKnow) {
  // md5, murmur3, sha2-256-trunc254-padded, blake2b-152, one past blake2s, nonsense
  for (std::uint64_t code : {0xd5ULL, 0x22ULL, 0x1012ULL, 0xb213ULL, 0xb253ULL, 0xb261ULL, ~0ULL}) {
    EXPECT_FALSE(hash_known(code)) << code;
    auto digest = hash(code, as_bytes("foo"));
    ASSERT_FALSE(digest.has_value());
    EXPECT_TRUE(digest.error().is(Errc::unsupported));
    EXPECT_FALSE(hash(code, as_bytes("foo"), 20).has_value());
  }
}

TEST(Hash, BoundsIdentity) {
  EXPECT_EQ(hash(hash_code::identity, counting(digest_bytes_max))->size(), digest_bytes_max);
  auto longer = hash(hash_code::identity, counting(digest_bytes_max + 1));
  ASSERT_FALSE(longer.has_value());
  EXPECT_TRUE(longer.error().is(Errc::limit_exceeded));
  EXPECT_FALSE(hash(hash_code::identity, counting(1000), 1000).has_value());
}

TEST(Sha256, StartsAnewAfterFinish) {
  Sha256 hasher;
  hasher.update(as_bytes("ab"));
  hasher.update(as_bytes("c"));
  EXPECT_EQ(hasher.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(hasher.finish(), sha256(ByteView{}));
}

TEST(Hash, IsTheSameOnManyThreadsAtOnce) {
  const Bytes data = counting(100'000);
  const Sha256Digest expected = sha256(data);
  const Sha512Digest expected_512 = sha512(data);
  std::vector<int> wrong(4, 0);
  {
    std::vector<std::jthread> threads;
    threads.reserve(wrong.size());
    for (int& count : wrong) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          if (sha256(data) != expected) ++count;
          if (sha512(data) != expected_512) ++count;
        }
      });
    }
  }
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

RC_GTEST_PROP(Sha256, DoesNotDependOnHowTheDataIsCut, (const Bytes& data, std::size_t any)) {
  const std::size_t cut = data.empty() ? 0 : any % (data.size() + 1);
  const ByteView first = ByteView(data).first(cut);
  const ByteView second = ByteView(data).subspan(cut);
  Sha256 hasher;
  hasher.update(first);
  hasher.update(second);
  RC_ASSERT(hasher.finish() == sha256(data));
  RC_ASSERT(sha256(first, second) == sha256(data));
}

Bytes openssl_digest(const char* name, ByteView data) {
  Bytes digest(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  EXPECT_EQ(EVP_Q_digest(nullptr, name, nullptr, data.data(), data.size(), digest.data(), &size),
            1);
  digest.resize(size);
  return digest;
}

// Keccak and SHA-3 differ by the padding's first byte alone, so ours is held against OpenSSL's.
RC_GTEST_PROP(Keccak, IsSha3ButForThePadding, (std::uint8_t first)) {
  Bytes data = counting(*rc::gen::inRange<std::size_t>(0, 1000));
  if (!data.empty()) data[0] = first;
  const std::pair<const char*, std::size_t> sizes[] = {
      {"SHA3-224", 28}, {"SHA3-256", 32}, {"SHA3-384", 48}, {"SHA3-512", 64}};
  for (const auto& [name, size] : sizes) {
    Bytes digest(size);
    detail::keccak(data, digest, detail::sha3_padding);
    RC_ASSERT(digest == openssl_digest(name, data));
  }
}

RC_GTEST_PROP(Blake2s, AgreesWithOpenssl, (std::uint8_t first)) {
  Bytes data = counting(*rc::gen::inRange<std::size_t>(0, 1000));
  if (!data.empty()) data[0] = first;
  RC_ASSERT(to_bytes(*hash(hash_code::blake2s_256, data)) == openssl_digest("BLAKE2S-256", data));
}

}  // namespace
}  // namespace kith::crypto
