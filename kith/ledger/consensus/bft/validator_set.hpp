// Who votes in an epoch, with what weight, and who leads which view.
//
// Weights are stakes. With a total of T
//
//   a quorum          weighs more than 2/3 T: two quorums share more than 1/3 T
//   "one honest"      weighs more than 1/3 T: somebody in it is honest, as long as less than
//                     1/3 T isn't
//
// Validators stand in the order of their keys, so that a set has one encoding, and are named by
// their place in it.
//
// Leaders: a wheel of 256 views gives each validator turns in proportion to its stake, spread
// evenly, by priorities (each view everyone gains its stake, the first leads and loses T). The
// priorities at a wheel's start come from the hash of set, epoch and wheel: small stakes get their
// turn in some wheel, and any view's leader is known by filling one wheel's table, however far it
// is. Thread: any; a LeaderSchedule belongs to one at a time.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include <kith/ledger/consensus/bft/error.hpp>
#include <kith/ledger/consensus/bft/limits.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::bft {

using View = std::uint64_t;
using Epoch = std::uint64_t;
/// A validator's place in its set.
using ValidatorIndex = std::uint16_t;
/// An Ed25519 public key (RFC 8032).
using ValidatorKey = std::array<std::uint8_t, 32>;

/// Some of a set's validators.
class ValidatorBits {
 public:
  static constexpr std::size_t bytes = validators_max / 8;

  /// The first `count` of them.
  static ValidatorBits first(std::size_t count) noexcept;
  /// Validator i is bit i % 8 of byte i / 8.
  static ValidatorBits from_bytes(std::span<const std::uint8_t, bytes> from) noexcept;
  std::array<std::uint8_t, bytes> to_bytes() const noexcept;

  bool test(ValidatorIndex i) const noexcept { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(ValidatorIndex i) noexcept { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(ValidatorIndex i) noexcept { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
  bool none() const noexcept { return (words_[0] | words_[1]) == 0; }
  std::size_t count() const noexcept {
    const int set_bits = std::popcount(words_[0]) + std::popcount(words_[1]);
    return static_cast<std::size_t>(set_bits);
  }
  /// True if nobody at or beyond `count` is in it.
  bool is_within(std::size_t count) const noexcept;

  /// Calls `each(ValidatorIndex)` in ascending order.
  template <class Each>
  void for_each(Each each) const {
    for (std::size_t word = 0; word < words_.size(); ++word) {
      for (std::uint64_t left = words_[word]; left != 0; left &= left - 1)
        each(static_cast<ValidatorIndex>(word * 64 +
                                         static_cast<std::size_t>(std::countr_zero(left))));
    }
  }

  friend bool operator==(const ValidatorBits&, const ValidatorBits&) = default;

 private:
  std::array<std::uint64_t, validators_max / 64> words_{};
};

struct Validator {
  ValidatorKey key{};
  std::uint64_t stake = 0;

  friend bool operator==(const Validator&, const Validator&) = default;
};

class ValidatorSet {
 public:
  /// Sorts them. BftError::no_validators, too_many, no_stake, too_much_stake or same_validator.
  static Decoded<ValidatorSet> make(std::vector<Validator> validators);

  std::size_t size() const noexcept { return validators_.size(); }
  const Validator& operator[](ValidatorIndex i) const noexcept { return validators_[i]; }
  std::optional<ValidatorIndex> find(const ValidatorKey& key) const noexcept;

  std::uint64_t total() const noexcept { return total_; }
  /// Those bits' stakes; all must be within size().
  std::uint64_t weight(const ValidatorBits& of) const noexcept;
  bool is_quorum(std::uint64_t weight) const noexcept { return weight >= quorum_; }
  bool has_one_honest(std::uint64_t weight) const noexcept { return weight >= one_honest_; }

  /// RLP: a list of [key, stake], in the order of keys.
  Bytes encode() const;
  /// Reads nothing but what encode() writes.
  static Decoded<ValidatorSet> decode(ByteView input);
  /// Keccak-256 of the encoding: what a header may say of its validators.
  const Hash& hash() const noexcept { return hash_; }

 private:
  friend struct QuorumForTests;  ///< a test breaks the rule to see that breaking it is noticed

  std::vector<Validator> validators_;
  std::uint64_t total_ = 0;
  std::uint64_t quorum_ = 0;
  std::uint64_t one_honest_ = 0;
  Hash hash_;
};

/// Whose turn it is.
class LeaderSchedule {
 public:
  static constexpr std::size_t wheel_views = 256;

  /// The set must outlive the schedule.
  LeaderSchedule(const ValidatorSet& set, Epoch epoch) : set_(set), epoch_(epoch) {}

  /// In a wheel each validator leads as often as its stake's share says, give or take 2. Costs a
  /// look-up within a wheel, and wheel_views times the set's size in another than the last two.
  ValidatorIndex leader(View view);

 private:
  struct Wheel {
    std::optional<std::uint64_t> number;
    std::array<std::uint8_t, wheel_views> leaders{};
  };
  void fill(Wheel& wheel, std::uint64_t number) const;

  const ValidatorSet& set_;
  Epoch epoch_;
  std::array<Wheel, 2> wheels_;  ///< two, for who goes to and fro between the last and the next
};

}  // namespace kith::ledger::bft
