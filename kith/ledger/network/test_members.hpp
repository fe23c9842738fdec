// Members of a chain among simulated nodes, for tests.
#pragma once

#include <gtest/gtest.h>

#include <kith/ledger/network/chain_node.hpp>
#include <kith/ledger/network/new_chain.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/port/file_system.hpp>

namespace kith::ledger {

inline constexpr std::uint64_t ether = 1'000'000'000'000'000'000;

struct Person {
  crypto::SecretArray<32> secret;
  Address address;
};
inline Person person(std::uint8_t number) {
  Person one;
  one.secret.data()[31] = static_cast<std::uint8_t>(number + 1);
  one.address = *address_of(one.secret);
  return one;
}

/// Blocks take a few hashes, and come every ten seconds once the difficulty has followed.
inline std::string easy_genesis(port::Env& env, std::uint64_t chain_id = 4242) {
  NewChain chain;
  chain.chain_id = chain_id;
  const auto since = std::chrono::floor<std::chrono::seconds>(env.wall.now().time_since_epoch());
  chain.timestamp = static_cast<std::uint64_t>(since.count());
  chain.difficulty = 4;
  chain.consensus = "pow";
  chain.parameters = pow_config(PowParameters(), U256(2) * ether);
  for (std::uint8_t i = 0; i < 4; ++i)
    chain.state.set(person(i).address,
                    {.nonce = 0, .balance = U256(100) * ether, .code = {}, .storage = {}});
  return genesis_text(chain);
}

struct Member {
  Member(sim::World& world, std::uint8_t number)
      : peer(world.add_node(), number), pubsub(peer.own_env, peer.swarm, options()) {
    pubsub.start();
  }

  static pubsub::PubSubOptions options() {
    pubsub::PubSubOptions options;
    options.router.scores = pubsub::careful_scores();
    return options;
  }

  Task<void> open(std::string genesis) {
    KITH_CO_CHECK(peer.env().files.make_directories("/chain"));
    KITH_CO_CHECK(port::replace_file(peer.env().files, "/chain/genesis.json", as_bytes(genesis)));
    co_return co_await reopen();
  }
  Task<void> reopen() {
    ChainNodeOptions options;
    options.name = "test";
    options.folder = "/chain";
    ChainNetwork network{peer.swarm, peer.identify, pubsub};
    KITH_CO_TRY(chain, co_await ChainNode::open(peer.env(), network, std::move(options)));
    co_return Result<void>{};
  }
  Task<void> connect(Member& other) {
    KITH_CO_CHECK(
        co_await peer.swarm.connect(other.peer.id(), other.peer.addresses(), peer.soon()));
    co_return Result<void>{};
  }
  Task<void> close() {
    if (chain) KITH_CO_CHECK(co_await chain->close_shielded());
    chain.reset();
    KITH_CO_CHECK(co_await pubsub.close_shielded());
    co_return co_await peer.close();
  }

  BlockName head() const { return chain->chain().head(); }

  net::TestPeer peer;
  pubsub::PubSub pubsub;
  std::unique_ptr<ChainNode> chain;
};

using Members = std::vector<std::unique_ptr<Member>>;

inline Task<void> close_all(Members& members) {
  for (auto& member : members)
    KITH_CO_CHECK(co_await member->close());
  co_return Result<void>{};
}

inline Task<void> wait_for(sim::World& world, const std::function<bool()>& done,
                           Duration patience) {
  const Instant late = world.clock().now() + patience;
  while (!done()) {
    if (world.clock().now() >= late) co_return std::unexpected(Error(Errc::timed_out, "wait_for"));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 100ms));
  }
  co_return Result<void>{};
}

inline bool agree(const Members& members) {
  return std::ranges::all_of(
      members, [&](const auto& one) { return one->head() == members.front()->head(); });
}

inline Result<void> begin_to_mine(Member& member) {
  return member.chain->mine({.coinbase = Address::of_number(0xa0), .threads = 1});
}

/// A transfer of one ether.
inline Transaction transfer(const Person& from, std::uint64_t nonce, const Address& to) {
  Transaction one;
  one.type = Transaction::Type::dynamic_fee;
  one.chain_id = 4242;
  one.nonce = nonce;
  one.max_priority_fee = 1'000'000'000;
  one.max_fee = 10'000'000'000;
  one.gas_limit = 21'000;
  one.to = to;
  one.value = ether;
  EXPECT_TRUE(one.sign(from.secret));
  return one;
}

/// Sends it by a member's JSON-RPC.
inline void send(Member& member, const Transaction& one) {
  const std::string answer = member.chain->handle(
      R"({"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x)" +
      to_hex(one.encode()) + R"("]})");
  EXPECT_NE(answer.find("result"), std::string::npos) << answer;
}

inline std::uint64_t balance_of(Member& member, const Address& address) {
  const std::string answer =
      member.chain->handle(R"({"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[")" +
                           address.to_hex() + R"(","latest"]})");
  constexpr std::string_view before = R"("result":")";
  const std::size_t at = answer.find(before);
  EXPECT_NE(at, std::string::npos) << answer;
  const std::string_view rest = std::string_view(answer).substr(at + before.size());
  const auto wei = U256::parse(rest.substr(0, rest.find('"')));
  return (*wei / U256(ether)).low();
}

}  // namespace kith::ledger
