// What validators say to one another, and how it is written.
//
//   vote          [1, epoch, kind, view, parent, payload, validator, signature]
//   certificate   [2, epoch, kind, view, parent, payload, bits, signatures]
//   request       [3, epoch, [[view, wanted], ...]]
//   response      [4, epoch, [certificate without its 2, ...]]
//
// in RLP; kind is 1 notarize, 2 nullify, 3 finalize. A vote to nullify says nothing of a parent and
// a payload: they are 0 and 32 zero bytes. `bits` are the 16 bytes of ValidatorBits, `signatures`
// those of the validators in it, 64 bytes each, in ascending order. `wanted` is 1 for a
// notarization, 2 for a nullification, 3 for either.
//
// There is no proposal of its own: a leader proposes by voting to notarize, and everyone who is
// sent that vote knows what to judge. So a leader who proposes twice has voted twice.
//
// Each value has one encoding, and the decoders take no other. They check the form alone: a
// signature is Verifier's matter (signing.hpp), an epoch Engine's. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include <kith/ledger/consensus/bft/error.hpp>
#include <kith/ledger/consensus/bft/limits.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::bft {

/// Of Ed25519.
using Signature = std::array<std::uint8_t, 64>;

enum class VoteKind : std::uint8_t { notarize = 1, nullify = 2, finalize = 3 };
inline constexpr std::size_t vote_kinds = 3;
/// For tables: 0, 1, 2.
constexpr std::size_t slot_of(VoteKind kind) noexcept {
  return static_cast<std::size_t>(kind) - 1;
}

/// What a leader wants a view to decide on. Genesis is the proposal of view 0.
struct Proposal {
  View view = 0;
  View parent = 0;  ///< the view whose payload it builds on; all between the two are skipped
  Hash payload;     ///< what the application knows it by

  friend auto operator<=>(const Proposal&, const Proposal&) = default;
};

/// What a vote says.
struct Statement {
  Epoch epoch = 0;
  VoteKind kind = VoteKind::notarize;
  Proposal about;  ///< of a vote to nullify the view alone, the rest being zero

  /// True if the view is in 1 .. view_max, the parent below it, and nothing but the view in a vote
  /// to nullify.
  bool is_well_formed() const noexcept;

  friend auto operator<=>(const Statement&, const Statement&) = default;
};

struct Vote {
  Statement says;
  ValidatorIndex by = 0;
  Signature signature{};

  View view() const noexcept { return says.about.view; }
  VoteKind kind() const noexcept { return says.kind; }

  void write(RlpWriter& into) const;
  static Decoded<Vote> read(RlpReader& from);

  friend bool operator==(const Vote&, const Vote&) = default;
};

/// A quorum's votes that say the same: notarization, nullification or finalization. Alone it is
/// proof to whoever knows the set (certificate_is_valid in signing.hpp).
struct Certificate {
  Statement says;
  ValidatorBits by;
  std::vector<Signature> signatures;  ///< in the order of `by`

  View view() const noexcept { return says.about.view; }
  VoteKind kind() const noexcept { return says.kind; }

  /// With the 2 before it, as a message of its own: for headers, gossip and light clients.
  Bytes encode() const;
  static Decoded<Certificate> decode(ByteView input);

  friend bool operator==(const Certificate&, const Certificate&) = default;
};
using CertificatePtr = std::shared_ptr<const Certificate>;

/// Asks for certificates of views that aren't final.
struct Request {
  enum Wanted : std::uint8_t { notarization = 1, nullification = 2, either = 3 };
  struct Item {
    View view = 0;
    std::uint8_t wanted = either;

    friend bool operator==(const Item&, const Item&) = default;
  };

  Epoch epoch = 0;
  std::vector<Item> items;  ///< 1 to request_views_max

  friend bool operator==(const Request&, const Request&) = default;
};

/// What was asked for, or a finalization that makes it needless.
struct Response {
  Epoch epoch = 0;
  std::vector<CertificatePtr> certificates;  ///< at most response_certificates_max, of that epoch

  friend bool operator==(const Response& a, const Response& b);
};

using Message = std::variant<Vote, CertificatePtr, Request, Response>;

Bytes encode_message(const Message& message);
/// BftError::malformed, unknown_kind, not_canonical, too_many or view_out_of_range.
Decoded<Message> decode_message(ByteView input);

}  // namespace kith::ledger::bft
