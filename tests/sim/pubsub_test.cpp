// Gossipsub among many: pure routers (kith/pubsub/test_mesh.hpp), of which a fifth is hostile in
// the ways of the gossipsub paper (arXiv:2007.02754): sybils that take places in meshes and pass
// nothing on, censors of one author, spammers, and those who come first when all is cold. A
// twentieth of all RPCs is lost. Every honest node must get every message of honest ones, but for
// one in ten thousand.
//
//   KITH_PUBSUB_NODES=5000 build/dev/tests/sim/sim_pubsub     as many as that; 300 if it isn't said
//   KITH_SEED=7 ...                                           one seed
#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/pubsub/test_mesh.hpp>

#include "environment.hpp"

namespace kith::pubsub {
namespace {

constexpr std::size_t message_bytes = 1500;
constexpr std::size_t messages = 60;
constexpr double share_delivered_min = 0.9999;

enum class Attack { sybil, censor, spam, cold_boot };

/// Takes its places, and passes nothing on nor tells of anything.
TestMesh::Behaviour sybil() {
  TestMesh::Behaviour made;
  made.outgoing = [](TestMesh&, TestMesh::Node&, std::uint32_t, Rpc& rpc) {
    rpc.messages.clear();
    rpc.ihave.clear();
  };
  return made;
}

/// Passes on all but what one author says, and nobody hears of that from it.
TestMesh::Behaviour censor(std::uint32_t victim) {
  TestMesh::Behaviour made;
  made.outgoing = [victim](TestMesh&, TestMesh::Node&, std::uint32_t, Rpc& rpc) {
    const PeerId author = test_peer(victim);
    std::erase_if(rpc.messages,
                  [&](const MessagePtr& message) { return message->author() == author; });
    for (IHave& ihave : rpc.ihave) {
      std::erase_if(ihave.ids,
                    [&](const MessageId& id) { return id.starts_with(as_text(author.bytes())); });
    }
  };
  return made;
}

/// Invalid messages, promises that aren't kept, places that it isn't given; each second, to all.
TestMesh::Behaviour spammer() {
  TestMesh::Behaviour made = sybil();
  made.each_second = [](TestMesh& mesh, TestMesh::Node& its) {
    const std::string& topic = mesh.options().topic;
    for (std::uint32_t to : its.links) {
      Rpc rpc;
      for (int i = 0; i < 3; ++i) {
        const Bytes junk(200, 0xff);
        const Bytes number = sequence_bytes(mesh.prng().next());
        const PeerId author = test_peer(its.number);
        MessageFields fields;
        fields.from = author.bytes();
        fields.data = junk;
        fields.sequence = number;
        fields.topic = topic;
        rpc.messages.push_back(Message::make(fields));
      }
      IHave lies{topic, {}};
      for (int i = 0; i < 50; ++i)
        lies.ids.push_back(std::to_string(mesh.prng().next()));
      rpc.ihave.push_back(std::move(lies));
      rpc.graft.push_back(topic);
      mesh.say(its.number, to, std::move(rpc));
    }
  };
  return made;
}

/// A sybil that asks for a place with everybody while meshes are made.
TestMesh::Behaviour first_comer() {
  TestMesh::Behaviour made = sybil();
  made.each_second = [](TestMesh& mesh, TestMesh::Node& its) {
    if (mesh.now() > Instant(5s)) return;
    for (std::uint32_t to : its.links) {
      Rpc rpc;
      rpc.graft.push_back(mesh.options().topic);
      mesh.say(its.number, to, std::move(rpc));
    }
  };
  return made;
}

TestMesh::Behaviour behaviour_of(Attack attack) {
  switch (attack) {
    case Attack::sybil:
      return sybil();
    case Attack::censor:
      return censor(0);
    case Attack::spam:
      return spammer();
    case Attack::cold_boot:
      return first_comer();
  }
  return {};
}

MeshNetOptions net_options(std::uint32_t nodes) {
  MeshNetOptions options;
  options.nodes = nodes;
  options.loss = 0.05;
  options.router.scores = careful_scores();
  options.router.flood_publish = true;
  return options;
}

/// The hostile are all but the first of each five, so that node 0 is honest.
std::uint64_t run(std::uint64_t seed, std::uint32_t nodes, const std::vector<Attack>& attacks) {
  const auto begun = std::chrono::steady_clock::now();
  TestMesh mesh(seed, net_options(nodes));
  for (std::uint32_t i = 4; i < nodes && !attacks.empty(); i += 5) {
    mesh.node(i).hostile = true;
    mesh.node(i).behaviour = behaviour_of(attacks[mesh.prng().below(attacks.size())]);
  }
  // The hostile are there before the others.
  for (std::uint32_t i = 0; i < nodes; ++i) {
    if (mesh.node(i).hostile) mesh.subscribe(i);
  }
  mesh.connect_randomly();
  for (std::uint32_t i = 0; i < nodes; ++i) {
    if (!mesh.node(i).hostile) mesh.subscribe(i);
  }
  mesh.run_for(15s);
  mesh.forget_bytes();
  for (std::size_t i = 0; i < messages; ++i) {
    // A third of them by the one that is censored.
    std::uint32_t from = 0;
    while (i % 3 != 0 && (from == 0 || mesh.node(from).hostile))
      from = static_cast<std::uint32_t>(mesh.prng().below(nodes));
    mesh.publish(from, message_bytes);
    mesh.run_for(500ms);
  }
  mesh.run_for(15s);
  const TestMesh::Outcome outcome = mesh.outcome();
  const double share =
      static_cast<double>(outcome.delivered) / static_cast<double>(outcome.expected);
  EXPECT_GE(share, share_delivered_min) << "seed " << seed;
  EXPECT_LE(outcome.delivered, outcome.expected);
  EXPECT_LT(outcome.bytes_per_node, outcome.flood_bytes_per_node) << "seed " << seed;
  auto ms = [](Duration time) { return static_cast<double>(time.count()) / 1e6; };
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print(
      "{} nodes, seed {}: {} of {} delivered ({:.5f}), median {:.0f} ms, p99 {:.0f} ms, "
      "last {:.0f} ms; {:.0f} KB sent a node against {:.0f} KB by flooding ({:.2f}); "
      "{} steps in {:.1f} s\n",
      nodes, seed, outcome.delivered, outcome.expected, share, ms(outcome.median), ms(outcome.p99),
      ms(outcome.last), outcome.bytes_per_node / 1e3, outcome.flood_bytes_per_node / 1e3,
      outcome.bytes_per_node / outcome.flood_bytes_per_node, outcome.steps, took.count());
  return outcome.steps ^ static_cast<std::uint64_t>(outcome.last.count());
}

void run_seeds(std::uint32_t nodes, const std::vector<Attack>& attacks, std::uint64_t count) {
  const std::uint64_t only = number_from("KITH_SEED", 0);
  const std::uint64_t first = only == 0 ? 1 : only;
  for (std::uint64_t seed = first; seed < first + (only == 0 ? count : 1); ++seed)
    run(seed, nodes, attacks);
}

std::uint32_t nodes() {
  return static_cast<std::uint32_t>(number_from("KITH_PUBSUB_NODES", 300));
}

TEST(ManyRouters, AllGetEverythingThoughAFifthIsHostile) {
  run_seeds(nodes(), {Attack::sybil, Attack::censor, Attack::spam, Attack::cold_boot}, 1);
}

TEST(ManyRouters, AllGetEverythingDespiteEachAttackAlone) {
  for (Attack attack : {Attack::sybil, Attack::censor, Attack::spam, Attack::cold_boot})
    run_seeds(std::min<std::uint32_t>(nodes(), 300), {attack}, 1);
}

TEST(ManyRouters, ARunIsItsSeed) {
  const std::vector<Attack> all = {Attack::sybil, Attack::censor, Attack::spam, Attack::cold_boot};
  EXPECT_EQ(run(5, 60, all), run(5, 60, all));
}

TEST(ManyRouters, SpammersEndOutsideEveryMesh) {
  TestMesh mesh(1, net_options(100));
  for (std::uint32_t i = 4; i < 100; i += 5) {
    mesh.node(i).hostile = true;
    mesh.node(i).behaviour = spammer();
  }
  mesh.connect_randomly();
  for (std::uint32_t i = 0; i < 100; ++i)
    mesh.subscribe(i);
  mesh.run_for(20s);
  for (std::uint32_t i = 0; i < 100; ++i) {
    if (mesh.node(i).hostile) continue;
    for (const PeerId& peer : mesh.node(i).router->mesh(mesh.options().topic)) {
      for (std::uint32_t other = 4; other < 100; other += 5)
        EXPECT_NE(peer, test_peer(other)) << i;
    }
  }
}

}  // namespace
}  // namespace kith::pubsub
