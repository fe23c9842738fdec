#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/staking/detail/staking_code.hpp>
#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger::staking {
namespace {

/// What a question may cost: 128 validators take some 800,000.
constexpr std::int64_t question_gas = 30'000'000;

// Where the contract has what (Solidity's layout of its state variables; the tests ask it back).
constexpr std::uint64_t salt_slot = 0;
constexpr std::uint64_t times_slot = 1;
constexpr std::uint64_t shares_slot = 2;
constexpr std::uint64_t operators_slot = 3;
constexpr std::uint64_t operator_of_slot = 4;
constexpr std::uint64_t active_slot = 5;
constexpr std::uint64_t waiting_slot = 6;
// Within the second word of an operator, in bits.
constexpr std::uint64_t place_bit = 128;
constexpr std::uint64_t waiting_bit = 160;
// Within an entry of a heap.
constexpr std::uint64_t stake_bit = 160;

using Storage = std::map<U256, U256>;

U256 word_of(const bft::ValidatorKey& key) {
  return U256::from_be(ByteView(key));
}

/// Where a mapping has a key's value.
U256 place_in(std::uint64_t mapping, const U256& key) {
  Bytes both;
  append(both, key.to_be());
  append(both, U256(mapping).to_be());
  return keccak256(both).to_word();
}

/// Where an array's items begin.
U256 items_of(std::uint64_t array) {
  return keccak256(U256(array).to_be()).to_word();
}

bool outranks(const InitialValidator& a, const InitialValidator& b) {
  return a.stake != b.stake ? a.stake > b.stake : a.key < b.key;
}

/// Sorted, the first being the root, they are a heap.
void write_heap(Storage& into, bool is_waiting, std::span<const InitialValidator> sorted) {
  const std::uint64_t array = is_waiting ? waiting_slot : active_slot;
  if (!sorted.empty()) into[array] = sorted.size();
  const U256 items = items_of(array);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const InitialValidator& one = sorted[i];
    const U256 account = one.account.to_word();
    into[items + i] = U256(one.stake) << stake_bit | account;
    const U256 place = place_in(operators_slot, account);
    into[place] = word_of(one.key);
    into[place + 1] = U256(one.stake) | U256(i + 1) << place_bit | U256(is_waiting) << waiting_bit;
    into[place_in(operator_of_slot, word_of(one.key))] = account;
  }
}

void write_parameters(Storage& into, const StakingParameters& from) {
  into[times_slot] =
      U256(from.minimum_stake, from.unbonding_seconds, from.jail_seconds, from.epoch_blocks);
  into[shares_slot] = from.slash_basis_points | std::uint64_t{from.reward_basis_points} << 16 |
                      std::uint64_t{from.validators_max} << 32;
}

Result<void> check(const StakingParameters& parameters) {
  const auto bad = [](const char* name) {
    return std::unexpected(Error(StakingError::bad_parameter, name));
  };
  if (parameters.minimum_stake == 0 || parameters.minimum_stake > stake_max)
    return bad("minimum stake");
  if (parameters.unbonding_seconds > period_max) return bad("unbonding period");
  if (parameters.jail_seconds > period_max) return bad("time in jail");
  if (parameters.epoch_blocks == 0 || parameters.epoch_blocks > period_max) return bad("epoch");
  if (parameters.slash_basis_points == 0 || parameters.slash_basis_points > basis_points)
    return bad("slashed share");
  if (parameters.reward_basis_points > basis_points) return bad("reporter's share");
  if (parameters.validators_max == 0 || parameters.validators_max > bft::validators_max)
    return bad("number of validators");
  return {};
}

Result<void> check(std::span<const InitialValidator> validators, std::uint64_t minimum) {
  if (validators.empty()) return std::unexpected(StakingError::no_validators);
  std::set<Address> accounts;
  std::set<bft::ValidatorKey> keys;
  for (const InitialValidator& one : validators) {
    const bool has_stake = one.stake >= minimum && one.stake <= stake_max;
    if (!has_stake || one.key == bft::ValidatorKey{} || one.account.is_zero())
      return std::unexpected(Error(StakingError::bad_validator, one.account.to_checksum()));
    if (!accounts.insert(one.account).second || !keys.insert(one.key).second)
      return std::unexpected(Error(StakingError::same_validator, one.account.to_checksum()));
  }
  return {};
}

/// What a call of the contract answers on that state.
Result<Bytes> ask(StateReader& state, ByteView call, std::uint64_t now = 0) {
  KITH_TRY(const auto account, state.account(staking_address));
  if (!account || account->code_hash == empty_code_hash)
    return std::unexpected(StakingError::no_contract);
  World world(state, newest_revision, 0);
  world.begin_transaction();
  Machine machine(world);
  BlockContext block;
  block.timestamp = now;
  Message message;
  message.is_static = true;
  message.gas = question_gas;
  message.recipient = message.code_from = staking_address;
  message.input = call;
  const Outcome outcome = machine.execute(block, {}, message);
  if (world.fault()) return std::unexpected(*world.fault());
  if (!outcome.succeeded())
    return std::unexpected(Error(StakingError::call_failed, std::string(name_of(outcome.halt))));
  return outcome.output;
}

}  // namespace

Result<void> staking_genesis(MemoryState& state, const StakingParameters& parameters,
                             std::span<const InitialValidator> validators) {
  KITH_CHECK(check(parameters));
  KITH_CHECK(check(validators, parameters.minimum_stake));
  if (state.find(staking_address)) return std::unexpected(StakingError::address_taken);
  std::vector<InitialValidator> ranked(validators.begin(), validators.end());
  std::ranges::sort(ranked, outranks);
  const std::size_t active = std::min<std::size_t>(ranked.size(), parameters.validators_max);
  std::reverse(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(active));

  MemoryState::Account contract{.nonce = 1, .balance = 0, .code = {}, .storage = {}};
  auto code = from_hex(staking_code_hex());
  ASSERT(code);
  contract.code = *std::move(code);
  write_parameters(contract.storage, parameters);
  const std::span all(ranked);
  write_heap(contract.storage, false, all.first(active));
  write_heap(contract.storage, true, all.subspan(active));
  for (const InitialValidator& one : validators)
    contract.balance += U256(one.stake) * U256(wei_per_unit);
  state.set(staking_address, contract);

  Bytes salt = to_bytes(state.root().view());
  append(salt, parameters.salt.view());
  contract.storage[salt_slot] = keccak256(salt).to_word();
  state.set(staking_address, std::move(contract));
  return {};
}

Result<bft::ValidatorSet> read_validators(StateReader& state) {
  KITH_TRY(const Bytes answer, ask(state, encode_validators()));
  KITH_TRY(bft::ValidatorSet set, decode_validators(answer));
  return set;
}

Result<std::optional<ValidatorStatus>> read_validator(StateReader& state, const Address& account,
                                                      std::uint64_t now) {
  KITH_TRY(const Bytes answer, ask(state, encode_validator_of(account), now));
  KITH_TRY(const auto status, decode_validator_of(answer));
  return status;
}

Result<StakingParameters> read_parameters(StateReader& state) {
  KITH_TRY(const Bytes answer, ask(state, encode_parameters()));
  KITH_TRY(StakingParameters parameters, decode_parameters(answer));
  return parameters;
}

Result<Hash> read_vote_domain(StateReader& state, std::uint64_t chain_id) {
  KITH_TRY(const U256 salt, state.storage(staking_address, salt_slot));
  if (salt.is_zero()) return std::unexpected(StakingError::no_contract);
  Bytes domain = to_bytes(std::string_view("kith bft chain 01"));
  append(domain, U256(chain_id).to_be());
  append(domain, staking_address.view());
  append(domain, salt.to_be());
  return keccak256(domain);
}

Bytes proof_message(const Hash& vote_domain, const Address& account) {
  Bytes message = to_bytes(std::string_view("kith bft key 01"));
  append(message, vote_domain.view());
  append(message, account.view());
  return message;
}

bft::Signature sign_proof(const crypto::PrivateKey& key, const Hash& vote_domain,
                          const Address& account) {
  ASSERT(key.type() == crypto::KeyType::ed25519);
  const auto made = key.sign(proof_message(vote_domain, account));
  // Ed25519 has no way to fail.
  ASSERT(made && made->size() == sizeof(bft::Signature));
  bft::Signature signature{};
  std::ranges::copy(*made, signature.begin());
  return signature;
}

}  // namespace kith::ledger::staking
