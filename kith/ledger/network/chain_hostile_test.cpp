// Peers of a chain that lie, and what comes of it.
#include <boost/json.hpp>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/network/block_news.hpp>
#include <kith/ledger/network/test_members.hpp>
#include <kith/ledger/sync/eth_messages.hpp>
#include <kith/port/memory_key_value.hpp>
#include <kith/port/stream.hpp>

namespace kith::ledger {
namespace {

/// Makes blocks with right work, of whatever content.
class Forger {
 public:
  Forger(const std::string& genesis_text, std::function<std::uint64_t()> now_s)
      : genesis_(*Genesis::parse(genesis_text)) {
    const auto config = boost::json::parse(genesis_text).at("config");
    rules_ = *PowConsensus::make(*read_pow_parameters(config), genesis_.block.header,
                                 make_sha256d(), std::move(now_s));
    chain_ = *Chain::open(store_, 0, log_, genesis_, *rules_, {});
  }

  /// After our head; `spoil` changes it before its work is done.
  Block next(std::uint64_t now_s, const std::function<void(Block&)>& spoil = {}) {
    const Header parent = *chain_->header(chain_->head().hash);
    Header header;
    header.parent = chain_->head().hash;
    header.number = parent.number + 1;
    header.timestamp = now_s;
    EXPECT_TRUE(rules_->rules().prepare(header, parent).has_value());
    auto builder = *chain_->build({.parent = header.parent,
                                   .timestamp = header.timestamp,
                                   .gas_limit = parent.gas_limit,
                                   .coinbase = Address::of_number(0xbad),
                                   .mix_hash = header.mix_hash,
                                   .difficulty = header.difficulty,
                                   .extra_data = {}});
    Block block = **builder->finish();
    if (spoil) spoil(block);
    const WorkOrder order = *rules_->rules().order(block.header, parent);
    NonceSearch search(rules_->rules().hash(), order, 0);
    search.work();
    store_be(block.header.nonce.data(), **search.outcome());
    if (!spoil) {
      EXPECT_TRUE(chain_->adopt(*builder, block)->has_value());
      EXPECT_TRUE(chain_->set_head(block.header.hash())->has_value());
    }
    return block;
  }

 private:
  Genesis genesis_;
  port::MemoryKeyValue store_{Chain::namespaces().size()};
  MemoryBlocks log_;
  std::unique_ptr<PowConsensus> rules_;
  std::unique_ptr<Chain> chain_;
};

std::uint64_t now_s(sim::World& world, Member& member) {
  static_cast<void>(world);
  const auto since =
      std::chrono::floor<std::chrono::seconds>(member.peer.env().wall.now().time_since_epoch());
  return static_cast<std::uint64_t>(since.count());
}

std::string topic_of(const Member& member) {
  return chain_protocol(member.chain->chain().genesis(), "blocks/1");
}

/// Two honest members, and one who holds no chain and says what it likes.
struct Company {
  Members honest;
  std::unique_ptr<Member> liar;
};

Task<void> make_company(sim::World& world, Company& company) {
  for (std::uint8_t i = 1; i <= 2; ++i)
    company.honest.push_back(std::make_unique<Member>(world, i));
  company.liar = std::make_unique<Member>(world, std::uint8_t{9});
  const std::string genesis = easy_genesis(company.honest[0]->peer.env());
  for (auto& member : company.honest)
    KITH_CO_CHECK(co_await member->open(genesis));
  KITH_CO_CHECK(co_await company.honest[0]->connect(*company.honest[1]));
  KITH_CO_CHECK(co_await company.liar->connect(*company.honest[0]));
  const auto met = [&] { return company.honest[0]->chain->peers().size() == 1; };
  co_return co_await wait_for(world, met, 30s);
}

Task<void> close_company(Company& company) {
  KITH_CO_CHECK(co_await company.liar->close());
  co_return co_await close_all(company.honest);
}

Task<void> still_works(sim::World& world, Company& company) {
  const std::uint64_t before = company.honest[1]->head().number;
  KITH_CO_CHECK(begin_to_mine(*company.honest[0]));
  const auto goes_on = [&] { return company.honest[1]->head().number >= before + 3; };
  KITH_CO_CHECK(co_await wait_for(world, goes_on, 3min));
  company.honest[0]->chain->stop_mining();
  co_return co_await wait_for(world, [&] { return agree(company.honest); }, 1min);
}

Task<void> wrong_state(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& liar = *company.liar;
  Forger forger(company.honest[0]->chain->genesis_text(), [&] { return now_s(world, liar); });
  const Block good = forger.next(now_s(world, liar));
  const Block wrong = forger.next(now_s(world, liar), [](Block& block) {
    block.header.state_root = keccak256(as_bytes("another state"));
  });
  const std::string topic = topic_of(*company.honest[0]);
  KITH_CO_TRY(auto subscription, liar.pubsub.subscribe(topic));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  KITH_CO_CHECK(co_await liar.pubsub.publish(topic, BlockNews{good, {}}.encode()));
  KITH_CO_CHECK(co_await liar.pubsub.publish(topic, BlockNews{wrong, {}}.encode()));
  const auto taken = [&] { return company.honest[1]->head().hash == good.header.hash(); };
  KITH_CO_CHECK(co_await wait_for(world, taken, 30s));
  KITH_CO_CHECK(co_await still_works(world, company));
  for (auto& member : company.honest)
    EXPECT_FALSE(member->chain->chain().is_of_chain(wrong.header.hash()));
  subscription.reset();
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, ABlockWithAWrongStateIsLeftAlone) {
  sim::run_seeds(1, 2, wrong_state);
}

Task<void> without_work(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& liar = *company.liar;
  Forger forger(company.honest[0]->chain->genesis_text(), [&] { return now_s(world, liar); });
  Block block = forger.next(now_s(world, liar));
  // Another content under the same nonce; some of those meet the easy target, so it's harder, too.
  block.header.difficulty = U256::power_of_two(60);
  const std::string topic = topic_of(*company.honest[0]);
  KITH_CO_TRY(auto subscription, liar.pubsub.subscribe(topic));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  KITH_CO_CHECK(co_await liar.pubsub.publish(topic, BlockNews{block, {}}.encode()));
  KITH_CO_CHECK(co_await liar.pubsub.publish(topic, to_bytes("no block at all")));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
  for (auto& member : company.honest) {
    EXPECT_EQ(member->head().number, 0U);
    EXPECT_FALSE(member->chain->chain().knows(block.header.hash()));
  }
  KITH_CO_CHECK(co_await still_works(world, company));
  subscription.reset();
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, ABlockWithoutWorkIsntPassedOn) {
  sim::run_seeds(1, 2, without_work);
}

/// Opens our side of a session and says this.
Task<std::unique_ptr<net::Stream>> say(Member& liar, Member& to,
                                       const std::vector<Bytes>& messages) {
  const std::string protocol = chain_protocol(to.chain->chain().genesis(), "peer/1");
  KITH_CO_TRY(auto stream,
              co_await liar.peer.swarm.open_stream(to.peer.id(), {protocol}, liar.peer.soon()));
  for (const Bytes& message : messages) {
    // It may be cut off before the end.
    if (!co_await port::write_message(*stream, message, liar.peer.soon())) break;
  }
  co_return stream;
}

Task<void> says_nonsense(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& honest = *company.honest[0];
  KITH_CO_TRY(auto stream, co_await say(*company.liar, honest, {to_bytes("hello")}));
  Bytes end(16);
  auto read = co_await stream->read_some(end, company.liar->peer.soon());
  EXPECT_TRUE(!read || *read == 0);
  EXPECT_EQ(honest.chain->peers().size(), 1U);
  KITH_CO_CHECK(co_await still_works(world, company));
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, WhoGreetsWithNonsenseIsNoPeer) {
  sim::run_seeds(1, 2, says_nonsense);
}

/// The greeting of somebody who holds the chain, with that much work.
Bytes greeting_of(Member& member, const U256& work) {
  ChainStatus status;
  status.network = 4242;
  status.genesis = member.chain->chain().genesis();
  status.head = keccak256(as_bytes("a head that nobody has"));
  status.total_difficulty = work;
  status.fork = fork_id(status.genesis, member.chain->chain().schedule(), 0, 0);
  return status.encode();
}

Task<void> claims_much(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& honest = *company.honest[0];
  // It says that it has a long chain, and answers nothing: the others go on meanwhile.
  const Bytes greeting = greeting_of(honest, U256::power_of_two(100));
  const Bytes head =
      NewHead{keccak256(as_bytes("head")), 1'000'000, U256::power_of_two(100)}.encode();
  KITH_CO_TRY(auto stream, co_await say(*company.liar, honest, {greeting, head}));
  KITH_CO_CHECK(co_await still_works(world, company));
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, WhoClaimsMuchAndShowsNothingStopsNobody) {
  sim::run_seeds(1, 2, claims_much);
}

Task<void> floods(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& honest = *company.honest[0];
  std::vector<Bytes> messages{greeting_of(honest, 4)};
  for (std::uint64_t i = 0; i < 64; ++i) {
    TxAnnouncement news;
    for (std::uint64_t j = 0; j < announcement_hashes_max; ++j) {
      Hash hash = Hash::from_word(U256(i * announcement_hashes_max + j));
      news.transactions.push_back({keccak256(hash.view()), 2, 120});
    }
    messages.push_back(news.encode());
  }
  KITH_CO_TRY(auto stream, co_await say(*company.liar, honest, messages));
  const auto let_go = [&] { return !honest.peer.swarm.connected(company.liar->peer.id()); };
  KITH_CO_CHECK(co_await wait_for(world, let_go, 1min));
  KITH_CO_CHECK(co_await still_works(world, company));
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, WhoAnnouncesWithoutEndIsLetGo) {
  sim::run_test(1, floods);
}

Task<void> asks_nonsense(sim::World& world) {
  Company company;
  KITH_CO_CHECK(co_await make_company(world, company));
  Member& honest = *company.honest[0];
  const std::string protocol = chain_protocol(honest.chain->chain().genesis(), "sync/1");
  const std::vector<Bytes> questions = {
      to_bytes("?"), Bytes(), GetHeaders{1, UINT64_MAX, 1024, UINT64_MAX, false}.encode(),
      GetHeaders{1, UINT64_MAX, UINT64_MAX, UINT64_MAX, true}.encode(),
      GetBodies{2, std::vector<Hash>(1024)}.encode()};
  for (const Bytes& question : questions) {
    KITH_CO_TRY(auto stream, co_await company.liar->peer.swarm.open_stream(
                                 honest.peer.id(), {protocol}, company.liar->peer.soon()));
    KITH_CO_CHECK(co_await port::write_message(*stream, question, company.liar->peer.soon()));
    port::BufferedReader reader(*stream);
    auto answer = co_await reader.read_message(1 << 20, company.liar->peer.soon());
    if (!answer) continue;
    EXPECT_LT(answer->size(), 64U);
  }
  // Many that ask nothing and stay: others are served all the same.
  std::vector<std::unique_ptr<net::Stream>> open;
  for (int i = 0; i < 100; ++i) {
    auto stream = co_await company.liar->peer.swarm.open_stream(honest.peer.id(), {protocol},
                                                                company.liar->peer.soon());
    if (stream) open.push_back(*std::move(stream));
  }
  KITH_CO_CHECK(co_await still_works(world, company));
  open.clear();
  co_return co_await close_company(company);
}
TEST(HostileChainPeers, QuestionsWithoutSenseHarmNobody) {
  sim::run_test(1, asks_nonsense);
}

}  // namespace
}  // namespace kith::ledger
