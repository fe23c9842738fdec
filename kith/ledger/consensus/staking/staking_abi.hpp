// The staking contract's calls, answers and events as bytes (Solidity's ABI; the functions are told
// of in contracts/Staking.sol). Amounts are wei. Thread: any.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <kith/ledger/consensus/bft/evidence.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>
#include <kith/ledger/consensus/staking/error.hpp>
#include <kith/ledger/consensus/staking/parameters.hpp>
#include <kith/ledger/evm/world.hpp>

namespace kith::ledger::staking {

// Calls: the data of a transaction to staking_address.

/// stake(bytes32,bytes): registers the key for the sender, with the transaction's value. The proof
/// is sign_proof()'s.
Bytes encode_register(const bft::ValidatorKey& key, const bft::Signature& proof);
/// stake(): adds the transaction's value.
Bytes encode_stake();
Bytes encode_unstake(const U256& wei);
Bytes encode_withdraw();
Bytes encode_unjail();
/// Whose key the votes are signed with: of the set of the evidence's epoch, the accused one's.
Bytes encode_submit_evidence(const bft::ValidatorKey& key, const bft::Evidence& evidence);
Bytes encode_validators();
Bytes encode_validator_of(const Address& account);
Bytes encode_parameters();

// Answers.

/// StakingError::bad_answer, or no_validators.
Decoded<bft::ValidatorSet> decode_validators(ByteView answer);

struct ValidatorStatus {
  bft::ValidatorKey key{};
  U256 staked;
  U256 unbonding;                  ///< not to be had yet
  U256 withdrawable;               ///< to be had by withdraw()
  std::uint64_t jailed_until = 0;  ///< seconds since 1970; 0: not jailed
  bool is_active = false;          ///< among the validators of the next epoch
};
/// Nothing of an account that never registered.
Decoded<std::optional<ValidatorStatus>> decode_validator_of(ByteView answer);

/// All but the salt.
Decoded<StakingParameters> decode_parameters(ByteView answer);

/// The name of the contract's error in what a failed call returned, "BelowMinimum" say; empty if it
/// is none of them.
std::string_view name_of_revert(ByteView output) noexcept;

// Events.

struct StakingEvent {
  enum class Kind : std::uint8_t {
    registered,  ///< key
    staked,      ///< amount, stake
    unstaked,    ///< amount, stake, time
    withdrawn,   ///< amount
    slashed,     ///< epoch, view, amount, reporter, reward
    jailed,      ///< time
    unjailed,
  };

  Kind kind = Kind::registered;
  Address account;  ///< the operator
  bft::ValidatorKey key{};
  U256 amount;
  U256 stake;              ///< what is left of it, or has become of it
  std::uint64_t time = 0;  ///< seconds since 1970: available from, jailed until
  bft::Epoch epoch = 0;
  bft::View view = 0;
  Address reporter;
  U256 reward;
};
/// Nothing if it isn't an event of the staking contract's.
std::optional<StakingEvent> event_of(const LogEntry& log);

}  // namespace kith::ledger::staking
