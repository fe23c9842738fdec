// Invariants: validators that were read are a set within its limits; a status or an event that was
// read is of somebody or something that the contract could have told of. The first byte says what
// the others are: an answer, or an event of that kind.
#include <array>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/staking/staking_abi.hpp>

namespace kith::fuzz {

using namespace ledger;
using namespace ledger::staking;

Kinds kinds_staking_answer{"error",      "validators", "nobody",    "status",    "no status",
                           "registered", "staked",     "unstaked",  "withdrawn", "slashed",
                           "jailed",     "unjailed",   "parameters"};

namespace {

constexpr std::array event_forms{
    std::string_view("Registered(address,bytes32)"),
    std::string_view("Staked(address,uint256,uint256)"),
    std::string_view("Unstaked(address,uint256,uint256,uint256)"),
    std::string_view("Withdrawn(address,uint256)"),
    std::string_view("Slashed(address,uint64,uint64,uint256,address,uint256)"),
    std::string_view("Jailed(address,uint256)"),
    std::string_view("Unjailed(address)"),
};
constexpr std::array event_names{
    std::string_view("registered"), std::string_view("staked"),  std::string_view("unstaked"),
    std::string_view("withdrawn"),  std::string_view("slashed"), std::string_view("jailed"),
    std::string_view("unjailed"),
};

void read_answers(ByteView answer) {
  if (const auto set = decode_validators(answer)) {
    ASSERT(set->size() > 0 && set->size() <= bft::validators_max);
    ASSERT(set->total() <= bft::stake_sum_max);
    kinds_staking_answer.reached("validators");
  } else if (set.error() == StakingError::no_validators) {
    kinds_staking_answer.reached("nobody");
  }
  if (const auto status = decode_validator_of(answer)) {
    ASSERT(!*status || (**status).key != bft::ValidatorKey{});
    kinds_staking_answer.reached(*status ? "status" : "no status");
  }
  if (decode_parameters(answer)) kinds_staking_answer.reached("parameters");
  kinds_staking_answer.reached_if(!name_of_revert(answer).empty(), "error");
}

/// The words before the data are topics: as many as there are places for.
void read_event(std::size_t kind, ByteView values) {
  LogEntry log{
      .address = staking_address, .topics = {keccak256(as_bytes(event_forms[kind]))}, .data = {}};
  const bool has_two = kind == 0 || kind == 4;
  for (std::size_t i = 0; i < (has_two ? 2U : 1U) && values.size() >= Hash::size; ++i) {
    log.topics.push_back(*Hash::from_bytes(values.first(Hash::size)));
    values = values.subspan(Hash::size);
  }
  log.data = to_bytes(values);
  if (const auto event = event_of(log)) {
    ASSERT(static_cast<std::size_t>(event->kind) == kind);
    kinds_staking_answer.reached(event_names[kind]);
  }
}

}  // namespace

void fuzz_staking_answer(ByteView input) {
  if (input.empty()) return;
  const std::size_t kind = input[0];
  if (kind < event_forms.size())
    read_event(kind, input.subspan(1));
  else
    read_answers(input.subspan(1));
}

}  // namespace kith::fuzz
