#include <array>

#include <benchmark/benchmark.h>

#include <kith/crypto/aead.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/hkdf.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/x25519.hpp>

namespace kith::crypto {
namespace {

void count_bytes(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(each));
}

void hash_bytes(benchmark::State& state, std::uint64_t code) {
  const Bytes data(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state)
    benchmark::DoNotOptimize(hash(code, data));
  count_bytes(state, data.size());
}
BENCHMARK_CAPTURE(hash_bytes, sha2_256, hash_code::sha2_256)->Arg(64)->Arg(256 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(hash_bytes, blake2b_256, hash_code::blake2b_256)->Arg(64)->Arg(256 << 10);
BENCHMARK_CAPTURE(hash_bytes, blake3, hash_code::blake3)->Arg(64)->Arg(256 << 10);
BENCHMARK_CAPTURE(hash_bytes, keccak_256, hash_code::keccak_256)->Arg(64)->Arg(256 << 10);

void sha256_direct(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state)
    benchmark::DoNotOptimize(sha256(data));
  count_bytes(state, data.size());
}
BENCHMARK(sha256_direct)->Arg(64)->Arg(256 << 10);

void seal(benchmark::State& state, AeadKind kind) {
  Sealer sealer(kind, Bytes(aead_key_bytes(kind), 1));
  Bytes text(static_cast<std::size_t>(state.range(0)), 0x5a);
  std::array<std::uint8_t, aead_nonce_bytes> nonce{};
  std::array<std::uint8_t, aead_tag_bytes> tag;
  std::uint64_t counter = 0;
  for (auto _ : state) {
    store_le(nonce.data() + 4, counter++);
    sealer.seal(nonce, {}, text, tag);
    benchmark::DoNotOptimize(tag);
  }
  count_bytes(state, text.size());
}
BENCHMARK_CAPTURE(seal, chacha20_poly1305, AeadKind::chacha20_poly1305)->Arg(1400)->Arg(64 << 10);
BENCHMARK_CAPTURE(seal, aes_128_gcm, AeadKind::aes_128_gcm)->Arg(1400)->Arg(64 << 10);
BENCHMARK_CAPTURE(seal, aes_256_gcm, AeadKind::aes_256_gcm)->Arg(1400)->Arg(64 << 10);

// The copy that puts the ciphertext back each time is counted: a few per cent.
void open(benchmark::State& state, AeadKind kind) {
  const Bytes key(aead_key_bytes(kind), 1);
  Bytes cipher(static_cast<std::size_t>(state.range(0)), 0x5a);
  const std::array<std::uint8_t, aead_nonce_bytes> nonce{};
  std::array<std::uint8_t, aead_tag_bytes> tag;
  Sealer(kind, key).seal(nonce, {}, cipher, tag);
  Opener opener(kind, key);
  Bytes text(cipher.size());
  for (auto _ : state) {
    std::ranges::copy(cipher, text.begin());
    if (!opener.open(nonce, {}, text, tag)) state.SkipWithError("the tag doesn't match");
  }
  count_bytes(state, text.size());
}
BENCHMARK_CAPTURE(open, chacha20_poly1305, AeadKind::chacha20_poly1305)->Arg(1400)->Arg(64 << 10);
BENCHMARK_CAPTURE(open, aes_128_gcm, AeadKind::aes_128_gcm)->Arg(1400)->Arg(64 << 10);

PrivateKey key_of(KeyType type) {
  return PrivateKey::generate(type, crypto_fill).value();
}

void sign(benchmark::State& state, KeyType type) {
  const PrivateKey key = key_of(type);
  const Bytes message(128, 1);
  for (auto _ : state)
    benchmark::DoNotOptimize(key.sign(message));
}
BENCHMARK_CAPTURE(sign, ed25519, KeyType::ed25519);
BENCHMARK_CAPTURE(sign, secp256k1, KeyType::secp256k1);
BENCHMARK_CAPTURE(sign, ecdsa, KeyType::ecdsa);
BENCHMARK_CAPTURE(sign, rsa, KeyType::rsa);

void verify(benchmark::State& state, KeyType type) {
  const PrivateKey key = key_of(type);
  const Bytes message(128, 1);
  const Bytes signature = key.sign(message).value();
  for (auto _ : state) {
    if (!key.public_key().verify(message, signature)) state.SkipWithError("it doesn't verify");
  }
}
BENCHMARK_CAPTURE(verify, ed25519, KeyType::ed25519);
BENCHMARK_CAPTURE(verify, secp256k1, KeyType::secp256k1);
BENCHMARK_CAPTURE(verify, ecdsa, KeyType::ecdsa);
BENCHMARK_CAPTURE(verify, rsa, KeyType::rsa);

void decode_public_key(benchmark::State& state, KeyType type) {
  const PrivateKey key = key_of(type);
  for (auto _ : state)
    benchmark::DoNotOptimize(PublicKey::decode(key.public_key().encoded()));
}
BENCHMARK_CAPTURE(decode_public_key, ed25519, KeyType::ed25519);
BENCHMARK_CAPTURE(decode_public_key, secp256k1, KeyType::secp256k1);
BENCHMARK_CAPTURE(decode_public_key, ecdsa, KeyType::ecdsa);
BENCHMARK_CAPTURE(decode_public_key, rsa, KeyType::rsa);

void x25519_agree(benchmark::State& state) {
  X25519Secret secret;
  crypto_fill(secret.mutable_bytes());
  const X25519Public peer = x25519_public(secret);
  for (auto _ : state)
    benchmark::DoNotOptimize(x25519(secret, peer));
}
BENCHMARK(x25519_agree);

void x25519_make_public(benchmark::State& state) {
  X25519Secret secret;
  crypto_fill(secret.mutable_bytes());
  for (auto _ : state)
    benchmark::DoNotOptimize(x25519_public(secret));
}
BENCHMARK(x25519_make_public);

void hkdf_three_keys(benchmark::State& state) {
  const Bytes key(32, 1);
  Bytes out(96);
  for (auto _ : state) {
    hkdf_sha256(key, key, {}, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(hkdf_three_keys);

}  // namespace
}  // namespace kith::crypto
