// Chains of validators among simulated nodes.
#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/network/test_members.hpp>

namespace kith::ledger {
namespace {

/// The first `count` members validate, with equal stakes; epochs are short.
std::string genesis_of(port::Env& env, std::uint8_t count, std::uint64_t epoch_length) {
  NewChain chain;
  chain.chain_id = 4242;
  const auto since = std::chrono::floor<std::chrono::seconds>(env.wall.now().time_since_epoch());
  chain.timestamp = static_cast<std::uint64_t>(since.count());
  for (std::uint8_t i = 0; i < 4; ++i)
    chain.state.set(person(i).address,
                    {.nonce = 0, .balance = U256(100) * ether, .code = {}, .storage = {}});
  BftParameters parameters;
  parameters.epoch_length = epoch_length;
  parameters.contract = staking::staking_address;
  std::vector<staking::InitialValidator> validators;
  std::vector<bft::Validator> set;
  for (std::uint8_t i = 0; i < count; ++i) {
    const auto peer = multiformats::PeerId::from_public_key(
        net::key_of(static_cast<std::uint8_t>(i + 1)).public_key());
    const bft::ValidatorKey key = *validator_key_of(peer);
    validators.push_back({.account = person(i).address, .key = key, .stake = 1'000'000});
    set.push_back({key, 1'000'000});
    parameters.validators.push_back({key, 1'000'000, person(i).address});
  }
  const auto written =
      staking::staking_genesis(chain.state, {.epoch_blocks = epoch_length}, validators);
  EXPECT_TRUE(written.has_value()) << written.error().message();
  chain.extra_data = to_bytes(bft::ValidatorSet::make(set)->hash().view());
  chain.consensus = "bft";
  chain.parameters = bft_config(parameters, 0);
  return genesis_text(chain);
}

/// Members of one chain, each connected with all others.
Task<void> make_club(sim::World& world, std::size_t count, std::uint8_t validators,
                     std::uint64_t epoch_length, Members& members) {
  for (std::size_t i = 0; i < count; ++i)
    members.push_back(std::make_unique<Member>(world, static_cast<std::uint8_t>(i + 1)));
  const std::string genesis = genesis_of(members[0]->peer.env(), validators, epoch_length);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j)
      KITH_CO_CHECK(co_await members[i]->connect(*members[j]));
  }
  for (auto& member : members)
    KITH_CO_CHECK(co_await member->open(genesis));
  co_return Result<void>{};
}

std::uint64_t final_of(const Member& member) {
  return member.chain->chain().finalized().number;
}

/// All have that many final blocks, and the same ones.
Task<void> reach(sim::World& world, const Members& members, std::uint64_t number,
                 Duration patience) {
  const auto there = [&] {
    return std::ranges::all_of(members, [&](const auto& one) { return final_of(*one) >= number; });
  };
  KITH_CO_CHECK(co_await wait_for(world, there, patience));
  for (const auto& member : members)
    EXPECT_EQ(*member->chain->chain().hash_at(number),
              *members.front()->chain->chain().hash_at(number));
  co_return Result<void>{};
}

Task<void> four_validate(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_club(world, 4, 4, 600, members));
  KITH_CO_CHECK(co_await reach(world, members, 20, 2min));
  const Address to = Address::of_number(0xbeef);
  send(*members[2], transfer(person(0), 0, to));
  const auto paid = [&] { return balance_of(*members[0], to) == 1; };
  KITH_CO_CHECK(co_await wait_for(world, paid, 20s));
  co_return co_await close_all(members);
}
TEST(ChainOfValidators, MakesBlocksThatAreFinal) {
  sim::run_seeds(1, 3, four_validate);
}

Task<void> one_is_away(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_club(world, 4, 4, 8, members));
  KITH_CO_CHECK(co_await reach(world, members, 5, 1min));
  KITH_CO_CHECK(co_await members[3]->chain->close_shielded());
  members[3]->chain.reset();
  const auto go_on = [&] { return final_of(*members[0]) >= 40; };
  KITH_CO_CHECK(co_await wait_for(world, go_on, 5min));
  // It comes back several epochs later, and votes again.
  KITH_CO_CHECK(co_await members[3]->reopen());
  KITH_CO_CHECK(co_await reach(world, members, final_of(*members[0]) + 10, 3min));
  const auto votes = [&] {
    const auto report = members[0]->chain->validation();
    return report &&
           std::ranges::all_of(report->validators, [](const auto& one) { return one.heard > 0; });
  };
  KITH_CO_CHECK(co_await wait_for(world, votes, 2min));
  co_return co_await close_all(members);
}
TEST(ChainOfValidators, GoesOnWithoutOneWhoComesBack) {
  sim::run_seeds(1, 3, one_is_away);
}

Task<void> all_are_away(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_club(world, 4, 4, 8, members));
  KITH_CO_CHECK(co_await reach(world, members, 13, 2min));
  for (auto& member : members) {
    KITH_CO_CHECK(co_await member->chain->close_shielded());
    member->chain.reset();
  }
  for (auto& member : members)
    KITH_CO_CHECK(co_await member->reopen());
  KITH_CO_CHECK(co_await reach(world, members, 30, 3min));
  co_return co_await close_all(members);
}
TEST(ChainOfValidators, GoesOnAfterAllWereAway) {
  sim::run_seeds(1, 3, all_are_away);
}

Task<void> somebody_follows(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_club(world, 3, 3, 8, members));
  KITH_CO_CHECK(co_await reach(world, members, 50, 5min));
  // It is no validator, and knows one of them.
  members.push_back(std::make_unique<Member>(world, std::uint8_t{9}));
  KITH_CO_CHECK(co_await members[3]->open(members[0]->chain->genesis_text()));
  KITH_CO_CHECK(co_await members[3]->connect(*members[0]));
  KITH_CO_CHECK(co_await reach(world, members, 60, 3min));
  EXPECT_FALSE(members[3]->chain->validation()->votes);
  co_return co_await close_all(members);
}
TEST(ChainOfValidators, IsFollowedByOthers) {
  sim::run_seeds(1, 3, somebody_follows);
}

}  // namespace
}  // namespace kith::ledger
