// What is signed, by whom, and what a certificate proves.
//
// The signature of a vote is Ed25519 (RFC 8032) over 105 bytes, numbers big-endian:
//
//   16 "kith bft vote 01"   32 genesis hash   8 epoch   1 kind   8 view   8 parent   32 payload
//
// so that a vote counts on one chain, in one epoch, for one view and as one kind of vote.
//
// Signer and Verifier are the seam: a simulation's are a few multiplications, a node's may keep the
// key elsewhere, and may have checked signatures on its workers before the engine asks.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/ledger/consensus/bft/message.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>

namespace kith::ledger::bft {

inline constexpr std::size_t signed_bytes = 105;

/// What a validator of that chain signs to say it.
std::array<std::uint8_t, signed_bytes> bytes_to_sign(const Hash& genesis, const Statement& says);

class Signer {
 public:
  virtual ~Signer() = default;
  /// It signs whatever it is told: that nothing is signed twice is the engine's business and its
  /// log's. The same statement always gets the same signature.
  virtual Signature sign(const Statement& says) = 0;
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  /// `by` is within the set.
  virtual bool verify(const Statement& says, ValidatorIndex by,
                      const Signature& signature) const = 0;
  /// True if all of them are right; `by`, within the set, has as many bits as there are signatures.
  /// For who knows how to check many at once: here it is one after the other.
  virtual bool verify_all(const Statement& says, const ValidatorBits& by,
                          std::span<const Signature> signatures) const;
};

class Ed25519Signer final : public Signer {
 public:
  /// The key must be an Ed25519 key (asserted).
  Ed25519Signer(const Hash& genesis, crypto::PrivateKey key);

  Signature sign(const Statement& says) override;

 private:
  Hash genesis_;
  crypto::PrivateKey key_;
};

/// Thread: any, several at once.
class Ed25519Verifier final : public Verifier {
 public:
  Ed25519Verifier(const Hash& genesis, const ValidatorSet& set);

  bool verify(const Statement& says, ValidatorIndex by, const Signature& signature) const override;
  bool verify_all(const Statement& says, const ValidatorBits& by,
                  std::span<const Signature> signatures) const override;

 private:
  Hash genesis_;
  std::vector<crypto::PublicKey> keys_;
};

/// Whether a quorum of the set says it: all that a light client needs to know of a certificate. The
/// epoch must be compared by the caller, who knows which epoch's set that is.
bool certificate_is_valid(const Certificate& certificate, const ValidatorSet& set,
                          const Verifier& verifier);

}  // namespace kith::ledger::bft
