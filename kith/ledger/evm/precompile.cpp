#include <algorithm>
#include <array>

#include <kith/crypto/hash.hpp>
#include <kith/crypto/p256.hpp>
#include <kith/crypto/secp256k1.hpp>
#include <kith/ledger/evm/detail/blake2f.hpp>
#include <kith/ledger/evm/detail/bls12_381_contracts.hpp>
#include <kith/ledger/evm/detail/bn254.hpp>
#include <kith/ledger/evm/detail/modexp.hpp>
#include <kith/ledger/evm/detail/padded.hpp>
#include <kith/ledger/evm/precompile.hpp>

namespace kith::ledger {
namespace {

constexpr std::int64_t words(ByteView input) noexcept {
  return static_cast<std::int64_t>((input.size() + 31) / 32);
}

template <std::int64_t base, std::int64_t each_word>
std::int64_t linear_gas(ByteView input, Revision /*revision*/) {
  return base + each_word * words(input);
}

/// hash, v, r, s in 32 bytes each; the address in 32. No signer is no output, but no failure.
std::optional<Bytes> recover_signer(ByteView input, Revision /*revision*/) {
  const auto whole = detail::padded<128>(input);
  const ByteView view(whole);
  const U256 v = U256::from_be(view.subspan(32, 32));
  if (v != U256(27) && v != U256(28)) return Bytes();
  crypto::RecoverableSignature signature{.r = {}, .s = {}, .is_odd = v == U256(28)};
  std::ranges::copy(view.subspan(64, 32), signature.r.begin());
  std::ranges::copy(view.subspan(96, 32), signature.s.begin());
  const auto key = crypto::secp256k1_recover(view.first(32), signature);
  if (!key) return Bytes();
  const Hash hash = keccak256(*key);
  Bytes output(12);
  append(output, hash.view().subspan(12));
  return output;
}

std::optional<Bytes> sha256(ByteView input, Revision /*revision*/) {
  return to_bytes(crypto::sha256(input));
}

std::optional<Bytes> ripemd160(ByteView input, Revision /*revision*/) {
  Bytes output(12);
  append(output, crypto::ripemd160(input));
  return output;
}

std::optional<Bytes> identity(ByteView input, Revision /*revision*/) {
  return to_bytes(input);
}

/// hash, r, s, x, y in 32 bytes each; one in 32 bytes, or no output, but no failure (EIP-7951).
std::optional<Bytes> verify_p256(ByteView input, Revision /*revision*/) {
  if (input.size() != 160) return Bytes();
  const auto part = [&](std::size_t index) { return input.subspan(32 * index, 32); };
  if (!crypto::p256_verify(part(0), part(1), part(2), part(3), part(4))) return Bytes();
  Bytes output(32);
  output.back() = 1;
  return output;
}

struct Entry {
  std::uint64_t address;
  Revision since;
  Precompile contract;
};

constexpr std::array entries{
    Entry{0x01, Revision::frontier, {"ECREC", linear_gas<3000, 0>, recover_signer}},
    Entry{0x02, Revision::frontier, {"SHA256", linear_gas<60, 12>, sha256}},
    Entry{0x03, Revision::frontier, {"RIPEMD160", linear_gas<600, 120>, ripemd160}},
    Entry{0x04, Revision::frontier, {"ID", linear_gas<15, 3>, identity}},
    Entry{0x05, Revision::byzantium, {"MODEXP", detail::modexp_gas, detail::modexp}},
    Entry{0x06, Revision::byzantium, {"BN254_ADD", detail::bn254_add_gas, detail::bn254_add}},
    Entry{0x07,
          Revision::byzantium,
          {"BN254_MUL", detail::bn254_multiply_gas, detail::bn254_multiply}},
    Entry{0x08,
          Revision::byzantium,
          {"BN254_PAIRING", detail::bn254_pairing_gas, detail::bn254_pairing}},
    Entry{0x09, Revision::istanbul, {"BLAKE2F", detail::blake2f_gas, detail::blake2f}},
    Entry{0x100, Revision::osaka, {"P256VERIFY", linear_gas<6900, 0>, verify_p256}},
};

}  // namespace

const Precompile* precompile_at(const Address& address, Revision revision) noexcept {
  // Nearly all addresses are no small number.
  constexpr std::size_t zeros = Address::size - 2;
  if (std::any_of(address.bytes.begin(), address.bytes.begin() + zeros,
                  [](std::uint8_t byte) { return byte != 0; }))
    return nullptr;
  const std::uint64_t number = load_be<std::uint16_t>(address.bytes.data() + zeros);
  for (const Entry& entry : entries) {
    if (entry.address == number) return revision >= entry.since ? &entry.contract : nullptr;
  }
  return detail::bls12_381_contract_at(number, revision);
}

}  // namespace kith::ledger
