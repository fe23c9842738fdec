#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/signing.hpp>

namespace kith::ledger::bft {
namespace {

constexpr std::string_view domain = "kith bft vote 01";
static_assert(domain.size() + Hash::size + 8 + 1 + 8 + 8 + Hash::size == signed_bytes);

}  // namespace

std::array<std::uint8_t, signed_bytes> bytes_to_sign(const Hash& genesis, const Statement& says) {
  std::array<std::uint8_t, signed_bytes> out{};
  auto at = std::ranges::copy(domain, out.begin()).out;
  at = std::ranges::copy(genesis.bytes, at).out;
  const auto number = [&](std::uint64_t value) {
    store_be(&*at, value);
    at += sizeof value;
  };
  number(says.epoch);
  *at++ = static_cast<std::uint8_t>(says.kind);
  number(says.about.view);
  number(says.about.parent);
  std::ranges::copy(says.about.payload.bytes, at);
  return out;
}

bool Verifier::verify_all(const Statement& says, const ValidatorBits& by,
                          std::span<const Signature> signatures) const {
  bool good = true;
  std::size_t next = 0;
  by.for_each([&](ValidatorIndex i) { good = good && verify(says, i, signatures[next++]); });
  return good;
}

Ed25519Signer::Ed25519Signer(const Hash& genesis, crypto::PrivateKey key)
    : genesis_(genesis), key_(std::move(key)) {
  ASSERT(key_.type() == crypto::KeyType::ed25519);
}

Signature Ed25519Signer::sign(const Statement& says) {
  const auto made = key_.sign(bytes_to_sign(genesis_, says));
  // Ed25519 has no way to fail.
  ASSERT(made && made->size() == sizeof(Signature));
  Signature signature{};
  std::ranges::copy(*made, signature.begin());
  return signature;
}

Ed25519Verifier::Ed25519Verifier(const Hash& genesis, const ValidatorSet& set) : genesis_(genesis) {
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto key = crypto::PublicKey::from_data(crypto::KeyType::ed25519,
                                            set[static_cast<ValidatorIndex>(i)].key);
    ASSERT(key);  // any 32 bytes are a key, if one that verifies nothing
    keys_.push_back(*std::move(key));
  }
}

bool Ed25519Verifier::verify(const Statement& says, ValidatorIndex by,
                             const Signature& signature) const {
  return keys_[by].verify(bytes_to_sign(genesis_, says), signature);
}

bool Ed25519Verifier::verify_all(const Statement& says, const ValidatorBits& by,
                                 std::span<const Signature> signatures) const {
  const auto message = bytes_to_sign(genesis_, says);
  bool good = true;
  std::size_t next = 0;
  by.for_each(
      [&](ValidatorIndex i) { good = good && keys_[i].verify(message, signatures[next++]); });
  return good;
}

bool certificate_is_valid(const Certificate& certificate, const ValidatorSet& set,
                          const Verifier& verifier) {
  return certificate.says.is_well_formed() && certificate.by.is_within(set.size()) &&
         certificate.by.count() == certificate.signatures.size() &&
         set.is_quorum(set.weight(certificate.by)) &&
         verifier.verify_all(certificate.says, certificate.by, certificate.signatures);
}

}  // namespace kith::ledger::bft
