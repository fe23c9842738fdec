// PowRules: what proof of work asks of a header, and what a miner writes into one.
//
// For a header after its parent, beside what every header must be (chain/header_rules.hpp):
//   timestamp    later than the parent's; for now not further ahead of the node's clock than
//                PowParameters::future_limit_s()
//   difficulty   that of the target which follows by ASERT (asert.hpp) from the genesis, whose own
//                difficulty and time are the anchor, and the parent's number and time
//   mix hash     the parent's work hash, and of the genesis its hash: what contracts read as
//                randomness (PREVRANDAO), which so is known before the work that seals the block
//   nonce        so that the work hash (work_hash.hpp) meets the target
//
// Since a block's time is above its parent's and the target depends on the schedule alone, lying
// about the time gains nothing that lasts: a chain whose blocks say the latest time they may is
// ahead of an honest one by future_limit_s() / spacing blocks, once. (The attacks that BIP 54 stops
// need periods whose ends can be moved.)
//
// A genesis must say when the chain begins: one that is dated years back is years behind its
// schedule, and so as easy as may be until it has caught up.
// Pure: no clock, no storage. Thread: an object belongs to one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/header.hpp>
#include <kith/ledger/consensus/pow/limits.hpp>
#include <kith/ledger/consensus/pow/parameters.hpp>
#include <kith/ledger/consensus/pow/work_hash.hpp>

namespace kith::ledger {

enum class PowFault {
  too_early = 1,  ///< nothing else is wrong: ask again when the clock has come closer
  wrong_number,
  timestamp_not_later,
  wrong_difficulty,
  wrong_mix_hash,
  too_little_work,
};
const ErrorDomain& error_domain(PowFault) noexcept;

/// Whether a check's error means that no honest node will ever take the block: neither so of a
/// block that is too early, nor where the machine couldn't check.
bool is_invalid_work(const Error& error) noexcept;

/// Who knows the blocks before a header.
class Ancestors {
 public:
  virtual ~Ancestors() = default;

  /// The hash of block `number`, at most `from`'s own, on the branch that `from` ends. What it
  /// fails with is what the check fails with.
  virtual Result<Hash> ancestor_hash(const Header& from, std::uint64_t number) = 0;
};

std::unique_ptr<WorkHash> make_work_hash(WorkAlgorithm algorithm, RandomXOptions options = {});

/// What a miner searches a nonce for.
struct WorkOrder {
  Hash seal;
  U256 target;
  Hash key;  ///< zero if the function knows no keys
};

class PowRules {
 public:
  /// Errc::invalid_argument if the parameters aren't within their limits, the genesis has no time,
  /// or its difficulty is below what the easiest target asks for. `ancestors` outlives the rules;
  /// it is asked only if the function has keys.
  static Result<PowRules> make(const PowParameters& parameters, const Header& genesis,
                               std::unique_ptr<WorkHash> hash, Ancestors& ancestors);

  /// Checks all of the above, cheapest first. `parent` is the block that the header names, and has
  /// been checked. `now_s`: seconds since 1970. PowFault, or what Ancestors or WorkHash fail with.
  Result<void> check(const Header& header, const Header& parent, std::uint64_t now_s);

  /// Of the block after `parent`. Its own time doesn't count.
  CompactTarget next_target(const Header& parent) const noexcept;
  U256 next_difficulty(const Header& parent, std::uint64_t timestamp) const noexcept;

  /// What a block adds to its chain's work.
  U256 work_of(const Header& header) const noexcept { return header.difficulty; }

  /// Fills in what is consensus's in a header that will follow `parent`: difficulty, mix hash, a
  /// nonce of zeros, and a time that is later than the parent's if it wasn't. Errors as of check().
  Result<void> prepare(Header& header, const Header& parent);

  /// For a prepared header to which nothing but a nonce will be written.
  Result<WorkOrder> order(const Header& header, const Header& parent);

  /// Of a block that has been checked. Errors as of check().
  Result<Hash> work_hash(const Header& header);

  const PowParameters& parameters() const noexcept { return parameters_; }
  WorkHash& hash() noexcept { return *hash_; }

 private:
  PowRules(const PowParameters& parameters, const Header& genesis, U256 target,
           std::unique_ptr<WorkHash> hash, Ancestors& ancestors);

  Result<Hash> key_of(std::uint64_t number, const Header& parent);
  Result<Hash> mix_hash_after(const Header& parent);
  void remember(const WorkInput& input, const Hash& hash) noexcept;

  struct Done {
    WorkInput input{};
    Hash hash;
  };

  PowParameters parameters_;
  AsertAnchor anchor_;
  std::unique_ptr<WorkHash> hash_;
  Ancestors* ancestors_;
  std::array<Done, pow_limits::remembered_works> done_;
  std::size_t next_done_ = 0;
};

}  // namespace kith::ledger
