// Drivers for tests: each on a simulated node with a chain that is a tree of empty blocks, on a
// network that loses, doubles, delays and reorders. All votes that were ever sent are compared, and
// all that was ever final.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <kith/ledger/consensus/bft/test_validators.hpp>
#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/sim/testing.hpp>

namespace kith::ledger {

struct TestBftOptions {
  std::size_t nodes = 4;
  std::uint64_t epoch_length = 5;
  bool empty_blocks = true;
  /// Which nodes vote in an epoch.
  std::function<std::vector<std::size_t>(bft::Epoch)> members = nullptr;  ///< all of them
  double loss = 0;
  double doubles = 0;
  Duration delay_max = 40ms;
  /// Nodes now and then take from others what is final, as a node's sync does.
  bool syncs = true;
};

class TestBftNetwork {
 public:
  struct Block {
    Hash parent;
    std::uint64_t number = 0;
    std::uint64_t timestamp = 0;
    std::set<int> transactions;
  };

  /// A node's disk, but for the driver's folder: a crash takes nothing of it.
  struct Store {
    std::set<Hash> blocks;
    BftBlock final_block;
    std::map<bft::Epoch, bft::CertificatePtr> endings;
    std::set<int> transactions;
  };
  struct Place {
    Store store;
    BftDriver* driver = nullptr;
    std::uint64_t life = 0;
    bool started = false;
    bool cut_off = false;
    std::size_t votes_sent = 0;
    std::size_t broke_rules = 0;
    std::vector<BftAccusation> accusations;
  };

  TestBftNetwork(std::uint64_t seed, TestBftOptions options)
      : world(seed), options_(std::move(options)), prng_(world.prng().split(1)), mail_(*this) {
    rules.epoch_length = options_.epoch_length;
    rules.empty_blocks = options_.empty_blocks;
    rules.contract = Address::of_number(7);
    genesis_ = {bft::test_hash(0), 0, wall_s()};
    blocks_[genesis_.hash] = {{}, 0, genesis_.timestamp, {}};
    places.resize(options_.nodes);
    for (Place& place : places) {
      world.add_node();
      place.store.blocks.insert(genesis_.hash);
      place.store.final_block = genesis_;
    }
    if (options_.syncs) sync_now_and_then();
  }
  ~TestBftNetwork() {
    mail_.drop_all();
    world.finish();
  }

  // Nodes.

  void start(std::size_t i) {
    if (!world.node(i).up()) world.node(i).restart();
    places[i].started = true;
    ++places[i].life;
    world.node(i).spawn(live(*this, i, places[i].life));
  }
  void start_all() {
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!places[i].started || !world.node(i).up()) start(i);
    }
  }
  void kill(std::size_t i, sim::Crash how = sim::Crash::power) {
    places[i].driver = nullptr;
    world.node(i).kill(how);
  }
  bool up(std::size_t i) { return places[i].driver != nullptr && world.node(i).up(); }
  BftStatus status(std::size_t i) { return places[i].driver->status(); }
  /// In the epoch that runs, or begins.
  bool votes(std::size_t i) {
    return world.run_until([&] { return up(i) && status(i).running; }, world.now() + 5s) &&
           status(i).votes;
  }
  std::uint64_t final_number(std::size_t i) const { return places[i].store.final_block.number; }

  /// Until all that are up have that block final.
  bool reach(std::uint64_t number, Duration limit = 60s) {
    return world.run_until(
        [&] {
          for (std::size_t i = 0; i < places.size(); ++i) {
            if (up(i) && final_number(i) < number) return false;
          }
          return true;
        },
        world.now() + limit);
  }
  std::uint64_t newest() const {
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < places.size(); ++i)
      most = std::max(most, final_number(i));
    return most;
  }

  void send_transaction(int id, std::size_t first = 0, std::size_t count = SIZE_MAX) {
    for (std::size_t i = first; i < places.size() && i - first < count; ++i) {
      places[i].store.transactions.insert(id);
      if (up(i)) places[i].driver->on_transactions();
    }
  }
  bool is_final(int transaction, std::size_t i) const {
    for (Hash at = places[i].store.final_block.hash; at != genesis_.hash;
         at = blocks_.at(at).parent)
      if (blocks_.at(at).transactions.contains(transaction)) return true;
    return false;
  }

  static bft::ValidatorKey key(std::size_t i) {
    bft::ValidatorKey made{};
    made[0] = static_cast<std::uint8_t>(i + 1);
    return made;
  }
  std::shared_ptr<const bft::ValidatorSet> set_of(bft::Epoch epoch) const {
    std::vector<bft::Validator> members;
    if (options_.members) {
      for (const std::size_t i : options_.members(epoch))
        members.push_back({key(i), 1});
    } else {
      for (std::size_t i = 0; i < places.size(); ++i)
        members.push_back({key(i), 1});
    }
    auto made = bft::ValidatorSet::make(std::move(members));
    return std::make_shared<const bft::ValidatorSet>(*std::move(made));
  }

  std::string folder() const { return "/data/bft"; }
  /// Changes a node's files while it is down.
  void with_files(std::size_t i, const std::function<void(port::FileSystem&)>& change) {
    sim::SimFileSystem files(world.node(i).disk());
    change(files);
    ASSERT_TRUE(files.sync_directory(folder()).has_value());
  }

  sim::World world;
  BftParameters rules;
  std::vector<Place> places;
  /// A bug is planted: what breaks is counted, and no failure.
  bool is_broken = false;
  std::size_t contradictions = 0;

 private:
  /// What is to happen later, in order.
  class Mail final : public port::Timer {
   public:
    explicit Mail(TestBftNetwork& of) : of_(of) {}
    void post(Duration after, std::function<void()> what) {
      waiting_.emplace(of_.world.now() + after, std::move(what));
      of_.world.clock().arm(*this, waiting_.begin()->first);
    }
    void drop_all() {
      of_.world.clock().disarm(*this);
      waiting_.clear();
    }

   private:
    void on_fire() override {
      while (!waiting_.empty() && waiting_.begin()->first <= of_.world.now()) {
        const auto what = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        what();
      }
      if (!waiting_.empty()) of_.world.clock().arm(*this, waiting_.begin()->first);
    }
    TestBftNetwork& of_;
    std::multimap<Instant, std::function<void()>> waiting_;
  };

  class Chain final : public BftChain {
   public:
    Chain(TestBftNetwork& of, std::size_t i) : of_(of), i_(i) {}

    Task<BftBlock> block(Hash hash) override {
      if (!here(hash)) co_return std::unexpected(Errc::not_found);
      co_return of_.named(hash);
    }
    Task<BftBlock> finalized() override { co_return store().final_block; }
    Task<Hash> final_hash(std::uint64_t number) override {
      Hash at = store().final_block.hash;
      while (of_.blocks_.at(at).number > number)
        at = of_.blocks_.at(at).parent;
      co_return at;
    }
    Task<std::shared_ptr<const bft::ValidatorSet>> validators_after(Hash hash) override {
      KITH_CO_CHECK(co_await work());
      co_return of_.set_of(of_.rules.epoch_after(of_.blocks_.at(hash).number));
    }
    Task<bft::CertificatePtr> last_finalization(bft::Epoch epoch) override {
      const auto found = store().endings.find(epoch);
      if (found == store().endings.end()) co_return std::unexpected(Errc::not_found);
      co_return found->second;
    }
    bool has_transactions() override { return !store().transactions.empty(); }

    Task<Hash> build(Hash parent, Instant /*deadline*/) override {
      KITH_CO_CHECK(co_await work());
      if (!here(parent)) co_return std::unexpected(Errc::not_found);
      const Block& before = of_.blocks_.at(parent);
      const std::uint64_t now = of_.wall_s();
      EXPECT_GE(now, before.timestamp + of_.rules.block_time_s) << "built too early";
      const Hash made = bft::test_hash(++of_.last_block_);
      of_.blocks_[made] = {parent, before.number + 1, now, store().transactions};
      store().blocks.insert(made);
      co_return made;
    }
    Task<bft::PayloadVerdict> verify(Hash hash, Hash parent) override {
      KITH_CO_CHECK(co_await work());
      if (!here(hash) || !here(parent)) co_return bft::PayloadVerdict::unavailable;
      const Block& judged = of_.blocks_.at(hash);
      co_return judged.parent == parent ? bft::PayloadVerdict::valid : bft::PayloadVerdict::invalid;
    }
    Task<void> finalize(BftBlock block, bft::CertificatePtr certificate) override {
      KITH_CO_CHECK(co_await work());
      EXPECT_EQ(certificate->says.about.payload, block.hash);
      const bft::Epoch epoch = of_.rules.epoch_of(block.number);
      EXPECT_EQ(certificate->says.epoch, epoch);
      const bft::FakeVerifier verifier;
      EXPECT_TRUE(bft::certificate_is_valid(*certificate, *of_.set_of(epoch), verifier));
      if (of_.rules.is_epoch_end(block.number)) store().endings[epoch] = certificate;
      if (block.number <= store().final_block.number) co_return Result<void>{};
      co_return of_.make_final(store(), block);
    }
    void wanted(const Hash& hash) override { of_.fetch(i_, hash); }

   private:
    Store& store() { return of_.places[i_].store; }
    bool here(const Hash& hash) { return store().blocks.contains(hash); }
    Task<void> work() {
      return port::sleep_for(of_.world.clock(),
                             std::chrono::microseconds(of_.prng_.between(100, 20'000)));
    }

    TestBftNetwork& of_;
    std::size_t i_;
  };

  class Network final : public BftNetwork {
   public:
    Network(TestBftNetwork& of, std::size_t i, std::uint64_t life) : of_(of), i_(i), life_(life) {}

    void send(const bft::ValidatorKey& to, const Buffer& message) override {
      // A machine that was stopped says nothing, whatever its program still does.
      if (!lives()) return;
      const auto decoded = bft::decode_message(message);
      ASSERT_TRUE(decoded.has_value());
      if (const auto* vote = std::get_if<bft::Vote>(&*decoded)) of_.check(i_, *vote);
      of_.deliver(i_, static_cast<std::size_t>(to[0]) - 1, message);
    }
    void publish(const Hash& block) override {
      for (std::size_t to = 0; to < of_.places.size(); ++to) {
        if (to != i_ && of_.passes(i_, to))
          of_.mail_.post(of_.delay(), [this_ = &of_, to, block] { this_->give(to, block); });
      }
    }
    void broke_rules(const bft::ValidatorKey& who) override {
      ++of_.places[static_cast<std::size_t>(who[0]) - 1].broke_rules;
    }

   private:
    bool lives() const { return of_.world.node(i_).up() && of_.places[i_].life == life_; }
    TestBftNetwork& of_;
    std::size_t i_;
    std::uint64_t life_;
  };

  class Keys final : public BftKeys {
   public:
    explicit Keys(std::size_t i) : i_(i) {}
    std::optional<bft::ValidatorKey> self() const override { return key(i_); }
    std::unique_ptr<bft::Signer> signer(bft::ValidatorIndex self) const override {
      return std::make_unique<bft::FakeSigner>(self);
    }
    std::unique_ptr<bft::Verifier> verifier(const bft::ValidatorSet& /*set*/) const override {
      return std::make_unique<bft::FakeVerifier>();
    }

   private:
    std::size_t i_;
  };

  static Task<void> live(TestBftNetwork& of, std::size_t i, std::uint64_t life) {
    port::Env& env = of.world.node(i).env();
    Chain chain(of, i);
    Network network(of, i, life);
    Keys keys(i);
    BftDriver driver(env, chain, network, keys,
                     {.parameters = of.rules,
                      .folder = of.folder(),
                      .on_evidence = [&of, i](const BftAccusation& one) {
                        of.places[i].accusations.push_back(one);
                      }});
    of.places[i].driver = &driver;
    driver.start();
    port::Event end(env.clock);
    static_cast<void>(co_await end.wait());
    if (of.places[i].driver == &driver) of.places[i].driver = nullptr;
    co_return co_await driver.close_shielded();
  }

  std::uint64_t wall_s() {
    const auto now = sim::wall_begin + (world.now() - sim::world_begin);
    return static_cast<std::uint64_t>(
        std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
  }
  BftBlock named(const Hash& hash) const {
    const Block& found = blocks_.at(hash);
    return {hash, found.number, found.timestamp};
  }

  /// With all before it; what is missing of these is asked for.
  Result<void> make_final(Store& store, const BftBlock& block) {
    std::vector<Hash> way;
    Hash at = block.hash;
    for (; blocks_.at(at).number > store.final_block.number; at = blocks_.at(at).parent) {
      if (!store.blocks.contains(at)) return std::unexpected(Errc::not_found);
      way.push_back(at);
    }
    expect(at == store.final_block.hash, "what is final was left");
    for (const Hash& one : way) {
      const Block& made = blocks_.at(one);
      const auto [decided, is_new] = decided_.emplace(made.number, one);
      expect(decided->second == one, "two blocks of a number are final");
      for (const int id : made.transactions)
        store.transactions.erase(id);
    }
    store.final_block = block;
    return {};
  }

  void expect(bool right, const char* wrong) {
    if (right) return;
    ++contradictions;
    if (!is_broken) ADD_FAILURE() << wrong;
  }

  /// A node never contradicts itself, in none of its lives.
  void check(std::size_t i, const bft::Vote& vote) {
    ++places[i].votes_sent;
    std::vector<bft::Vote>& before = votes_[{i, vote.says.epoch, vote.view()}];
    for (const bft::Vote& one : before)
      expect(!bft::votes_conflict(one, vote), "a node voted twice");
    if (std::ranges::find(before, vote) == before.end()) before.push_back(vote);
  }

  bool passes(std::size_t from, std::size_t to) {
    return !places[from].cut_off && !places[to].cut_off && !prng_.chance(options_.loss);
  }
  Duration delay() {
    const auto most = std::chrono::duration_cast<std::chrono::microseconds>(options_.delay_max);
    return std::chrono::microseconds(
        prng_.between(1'000, static_cast<std::uint64_t>(most.count())));
  }
  void deliver(std::size_t from, std::size_t to, const Buffer& message) {
    if (to >= places.size() || !passes(from, to)) return;
    const int copies = prng_.chance(options_.doubles) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      mail_.post(delay(), [this, from, to, message] {
        if (up(to)) places[to].driver->on_message(key(from), message);
      });
    }
  }
  void give(std::size_t to, const Hash& block) {
    if (!up(to)) return;
    places[to].store.blocks.insert(block);
    places[to].driver->on_block(block);
  }
  void give_way(Store& to, Hash at) {
    for (; blocks_.at(at).number > to.final_block.number; at = blocks_.at(at).parent)
      to.blocks.insert(at);
  }
  /// Of somebody who has it, with what it builds on.
  void fetch(std::size_t to, const Hash& hash) {
    mail_.post(3 * delay(), [this, to, hash] {
      const auto from = std::ranges::find_if(places, [&](const Place& place) {
        return place.driver != nullptr && place.store.blocks.contains(hash);
      });
      if (from == places.end() || !up(to)) return;
      if (!passes(static_cast<std::size_t>(from - places.begin()), to)) return;
      give_way(places[to].store, hash);
      places[to].driver->on_block(hash);
    });
  }

  void sync_now_and_then() {
    mail_.post(std::chrono::milliseconds(prng_.between(200, 1'500)), [this] {
      const std::size_t from = prng_.below(places.size());
      const std::size_t to = prng_.below(places.size());
      const Store& theirs = places[from].store;
      Store& ours = places[to].store;
      if (up(from) && up(to) && passes(from, to) &&
          theirs.final_block.number > ours.final_block.number + 2) {
        give_way(ours, theirs.final_block.hash);
        EXPECT_TRUE(make_final(ours, theirs.final_block).has_value());
        for (const auto& [epoch, ending] : theirs.endings)
          ours.endings[epoch] = ending;
        places[to].driver->on_synced();
      }
      sync_now_and_then();
    });
  }

  TestBftOptions options_;
  Prng prng_;
  Mail mail_;
  BftBlock genesis_;
  std::uint64_t last_block_ = 0;
  std::map<Hash, Block> blocks_;
  std::map<std::uint64_t, Hash> decided_;
  std::map<std::tuple<std::size_t, bft::Epoch, bft::View>, std::vector<bft::Vote>> votes_;
};

}  // namespace kith::ledger
