// The staking contract of bft chains: who validates, with what stake, and who loses it. Its source
// is contracts/Staking.sol, whose comments say what each call does; docs/guide/staking.md tells
// what the numbers mean, decisions/0022 why it is as it is.
//
//   staking_genesis()    writes it into the state that a chain begins with
//   read_validators()    asks it who validates: of the state after an epoch's last block, for the
//                        next epoch
//   vote_domain()        what a vote of this chain begins with (bft/signing.hpp): a genesis can't
//                        contain its own hash, which the contract would have to know
//
// It is a contract like any other: it runs on every EVM from Cancun on, and needs nothing of the
// node but the account at its address. What is read here is read by calling it.
//
// Thread: any; a StateReader belongs to one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <kith/crypto/keys.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>
#include <kith/ledger/consensus/staking/error.hpp>
#include <kith/ledger/consensus/staking/parameters.hpp>
#include <kith/ledger/consensus/staking/staking_abi.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger::staking {

struct InitialValidator {
  Address account;  ///< the operator
  bft::ValidatorKey key{};
  std::uint64_t stake = 0;  ///< units
};

/// Writes code, storage and balance of the contract. Call it last: the vote domain is made of all
/// that the state has then. The coins that are staked are new ones. Beyond validators_max the
/// others wait. StakingError::address_taken, bad_parameter, bad_validator, same_validator or
/// no_validators.
Result<void> staking_genesis(MemoryState& state, const StakingParameters& parameters,
                             std::span<const InitialValidator> validators);

/// Who validates from the next epoch on. StakingError::no_contract, call_failed, bad_answer or
/// no_validators; else what the reader fails with.
Result<bft::ValidatorSet> read_validators(StateReader& state);

/// Of an operator's account, at that time (seconds since 1970). Nothing if it never registered. The
/// same errors.
Result<std::optional<ValidatorStatus>> read_validator(StateReader& state, const Address& account,
                                                      std::uint64_t now);

/// As the genesis has them. The salt is not in it. The same errors.
Result<StakingParameters> read_parameters(StateReader& state);

/// What votes of that chain begin with: for bft::Ed25519Signer and Ed25519Verifier. It never
/// changes, so that any state of the chain will do. StakingError::no_contract, or what the reader
/// fails with.
Result<Hash> read_vote_domain(StateReader& state, std::uint64_t chain_id);

/// What a key signs to become that account's, and the signature. The key must be an Ed25519 key
/// (asserted).
Bytes proof_message(const Hash& vote_domain, const Address& account);
bft::Signature sign_proof(const crypto::PrivateKey& key, const Hash& vote_domain,
                          const Address& account);

}  // namespace kith::ledger::staking
