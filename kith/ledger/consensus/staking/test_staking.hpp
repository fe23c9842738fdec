// A chain's state with a staking contract, for tests: transactions one by one, each in a block of
// its own, time as it is told. Gas costs nothing, so that balances are what the contract makes
// them.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/consensus/bft/signing.hpp>
#include <kith/ledger/consensus/staking/staking.hpp>

namespace kith::ledger::staking {

/// An account and the key that it stakes on.
struct Person {
  Address account;
  crypto::PrivateKey key;

  bft::ValidatorKey public_key() const {
    bft::ValidatorKey bytes{};
    std::ranges::copy(key.public_key().data(), bytes.begin());
    return bytes;
  }
};

inline Person person(std::uint64_t number) {
  std::array<std::uint8_t, 32> seed{};
  store_be(seed.data(), number + 1);
  return {Address::of_number(0xacc0'0000 + number), crypto::PrivateKey::from_ed25519_seed(seed)};
}

inline U256 units(std::uint64_t count) {
  return U256(count) * U256(wei_per_unit);
}

/// Epochs of ten blocks, periods of hundreds of seconds.
inline StakingParameters small_parameters() {
  return {.minimum_stake = 10,
          .unbonding_seconds = 1'000,
          .jail_seconds = 500,
          .epoch_blocks = 10,
          .validators_max = 4};
}

struct Sent {
  bool succeeded = false;
  std::string_view error;  ///< the contract's, by name; empty also if it is none of its own
  std::uint64_t gas = 0;
  std::vector<StakingEvent> events;
  Bytes output;
};

class StakingWorld {
 public:
  static constexpr std::uint64_t chain_id = 4242;
  static constexpr std::uint64_t wallet = 1'000'000;  ///< units that an account has outside

  explicit StakingWorld(const StakingParameters& parameters = small_parameters(),
                        std::vector<InitialValidator> first = {first_validator()}) {
    for (std::uint64_t i = 0; i < 40; ++i)
      state.set(person(i).account,
                {.nonce = 0, .balance = units(wallet), .code = {}, .storage = {}});
    const auto made = staking_genesis(state, parameters, first);
    EXPECT_TRUE(made.has_value()) << made.error().message();
    block.number = 1;
    block.timestamp = 1'000'000;
    block.gas_limit = 2 * transaction_gas_max;
    block.chain_id = chain_id;
    domain = *read_vote_domain(state, chain_id);
  }

  /// Person 0, with the minimum.
  static InitialValidator first_validator() {
    return {person(0).account, person(0).public_key(), 10};
  }

  Sent send(const Address& from, Bytes data, const U256& value = 0,
            const Address& to = staking_address) {
    Transaction transaction;
    transaction.nonce = state.find(from)->nonce;
    transaction.gas_limit = transaction_gas_max;
    transaction.to = to;
    transaction.value = value;
    transaction.data = std::move(data);
    World world(state, Revision::osaka, 1);
    Machine machine(world);
    const auto applied =
        apply_transaction(world, machine, block, {}, transaction, from, block.gas_limit);
    ASSERT(applied && *applied);
    const TransactionResult& result = **applied;
    Sent sent;
    sent.succeeded = result.succeeded();
    sent.gas = result.gas_used;
    sent.output = result.output;
    if (!sent.succeeded) sent.error = name_of_revert(result.output);
    for (const LogEntry& log : result.logs) {
      if (const auto event = event_of(log)) sent.events.push_back(*event);
    }
    state.apply(world);
    return sent;
  }

  Sent enroll(const Person& who, std::uint64_t stake) {
    const auto proof = sign_proof(who.key, domain, who.account);
    return send(who.account, encode_register(who.public_key(), proof), units(stake));
  }
  Sent stake(const Person& who, std::uint64_t more) {
    return send(who.account, encode_stake(), units(more));
  }
  Sent unstake(const Person& who, std::uint64_t less) {
    return send(who.account, encode_unstake(units(less)));
  }
  Sent withdraw(const Person& who) { return send(who.account, encode_withdraw()); }
  Sent unjail(const Person& who) { return send(who.account, encode_unjail()); }
  Sent report(const Person& by, const Person& whom, const bft::Evidence& evidence) {
    return send(by.account, encode_submit_evidence(whom.public_key(), evidence));
  }

  bft::Vote vote(const Person& who, const bft::Statement& says) const {
    return {says, 3, bft::Ed25519Signer(domain, who.key).sign(says)};
  }
  /// Two votes to finalize in that view.
  bft::Evidence evidence(const Person& whom, bft::Epoch epoch, bft::View view) const {
    bft::Statement says{epoch, bft::VoteKind::finalize, {view, view - 1, Hash{{1}}}};
    const bft::Vote first = vote(whom, says);
    says.about.payload = Hash{{2}};
    return bft::Evidence::of(first, vote(whom, says));
  }

  void pass(std::uint64_t seconds, std::uint64_t blocks = 1) {
    block.timestamp += seconds;
    block.number += blocks;
  }
  /// The first block of that epoch.
  void go_to_epoch(std::uint64_t epoch) { block.number = epoch * 10 + 1; }

  std::optional<ValidatorStatus> status(const Person& who) {
    return *read_validator(state, who.account, block.timestamp);
  }
  U256 balance(const Address& of) const {
    const auto* account = state.find(of);
    return account ? account->balance : U256();
  }
  U256 total() const {
    U256 sum;
    for (const auto& [address, account] : state.accounts())
      sum += account.balance;
    return sum;
  }
  /// A key's weight in the next set; 0 if it isn't in it.
  std::uint64_t weight(const Person& who) {
    const auto set = read_validators(state);
    if (!set) return 0;
    const auto place = set->find(who.public_key());
    return place ? (*set)[*place].stake : 0;
  }

  MemoryState state;
  BlockContext block;
  Hash domain;
};

}  // namespace kith::ledger::staking
