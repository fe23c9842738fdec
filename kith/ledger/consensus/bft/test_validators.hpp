// Validators for tests: a set of any stakes, and signatures that cost next to nothing.
//
// A fake signature is a mixture of what is said and of who says it. Nobody who plays by the rules
// of these tests makes another validator's.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/signing.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>

namespace kith::ledger::bft {

/// With those stakes, in that order.
inline std::shared_ptr<const ValidatorSet> test_set(std::span<const std::uint64_t> stakes) {
  std::vector<Validator> validators(stakes.size());
  for (std::size_t i = 0; i < stakes.size(); ++i) {
    validators[i].key[0] = static_cast<std::uint8_t>(i);
    validators[i].stake = stakes[i];
  }
  auto made = ValidatorSet::make(std::move(validators));
  ASSERT(made);
  return std::make_shared<const ValidatorSet>(*std::move(made));
}

inline std::shared_ptr<const ValidatorSet> test_set(std::size_t count) {
  return test_set(std::vector<std::uint64_t>(count, 1));
}

inline Signature fake_signature(const Statement& says, ValidatorIndex by) noexcept {
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    a = (a ^ b) * 0x9e3779b97f4a7c15;
    return a ^ a >> 29;
  };
  std::uint64_t words[4];
  std::memcpy(words, says.about.payload.bytes.data(), sizeof words);
  std::uint64_t sum = mix(says.epoch, by + 1U);
  sum = mix(sum, static_cast<std::uint64_t>(says.kind) << 32 ^ says.about.view);
  sum = mix(sum, says.about.parent);
  for (const std::uint64_t word : words)
    sum = mix(sum, word);
  Signature made{};
  std::memcpy(made.data(), &sum, sizeof sum);
  return made;
}

class FakeSigner final : public Signer {
 public:
  explicit FakeSigner(ValidatorIndex self) : self_(self) {}
  Signature sign(const Statement& says) override { return fake_signature(says, self_); }

 private:
  ValidatorIndex self_;
};

class FakeVerifier final : public Verifier {
 public:
  bool verify(const Statement& says, ValidatorIndex by, const Signature& signature) const override {
    return signature == fake_signature(says, by);
  }
};

/// What that validator says, signed.
inline Vote fake_vote(VoteKind kind, const Proposal& about, ValidatorIndex by, Epoch epoch = 0) {
  Statement says{epoch, kind, about};
  if (kind == VoteKind::nullify) says.about = {about.view, 0, {}};
  return {says, by, fake_signature(says, by)};
}

/// Of those validators, whether or not they are a quorum.
inline CertificatePtr fake_certificate(VoteKind kind, const Proposal& about,
                                       std::span<const ValidatorIndex> by, Epoch epoch = 0) {
  auto made = std::make_shared<Certificate>();
  for (const ValidatorIndex one : by)
    made->by.set(one);
  made->by.for_each([&](ValidatorIndex one) {
    const Vote vote = fake_vote(kind, about, one, epoch);
    made->says = vote.says;
    made->signatures.push_back(vote.signature);
  });
  return made;
}

/// A hash that says its number.
inline Hash test_hash(std::uint64_t number) noexcept {
  Hash made;
  store_be(made.bytes.data(), number);
  return made;
}

}  // namespace kith::ledger::bft
