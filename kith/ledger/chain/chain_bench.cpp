// What a chain does in a second: transfers and token transfers run in blocks whose senders are
// known, as from a pool; the same blocks checked by who gets them, with and without recovering who
// signed; and a state's root after so many changes.
#include <benchmark/benchmark.h>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t accounts = 10'000;
constexpr std::size_t block_size = 1'000;
constexpr std::size_t blocks = 8;
const Address token = Address::of_number(0x70'4e);

/// Of CALLDATALOAD(0): moves CALLDATALOAD(32) from the caller's slot to that one's, and logs it,
/// with the hashes of a mapping as a compiler makes them: two SLOADs, two SSTOREs, one LOG.
const Bytes token_code = *from_hex(
    "335f525f60205260405f20"    // slot of the caller
    "805460203590039055"        // less
    "5f355f525f60205260405f20"  // slot of the recipient
    "805460203501905560203560605260206060a000");

struct Sender {
  crypto::SecretArray<32> secret;
  Address address;
};

const std::vector<Sender>& senders() {
  static const std::vector<Sender> all = [] {
    std::vector<Sender> made(accounts);
    for (std::size_t i = 0; i < accounts; ++i) {
      store_be(made[i].secret.data() + 24, static_cast<std::uint64_t>(i + 1));
      made[i].address = *address_of(made[i].secret);
    }
    return made;
  }();
  return all;
}

Genesis genesis() {
  Beginning beginning{.gas_limit = 1'000'000'000, .base_fee = 7, .difficulty = 0, .state = {}};
  for (const Sender& one : senders())
    beginning.state.set(one.address,
                        {.nonce = 0, .balance = U256::power_of_two(90), .code = {}, .storage = {}});
  beginning.state.set(token, {.nonce = 1, .balance = 0, .code = token_code, .storage = {}});
  return Genesis::of(std::move(beginning));
}

struct Machine {
  explicit Machine(const Genesis& beginning)
      : chain(*Chain::open(store, 0, log, beginning, rules, {.unsettled_depth = 4})) {}

  UncheckedSeals rules;
  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  std::unique_ptr<Chain> chain;
};

/// Signed transactions for so many blocks, each account's in order.
std::vector<Transaction> transactions(bool of_token) {
  std::vector<Transaction> all;
  for (std::size_t i = 0; i < blocks * block_size; ++i) {
    const std::size_t from = i % accounts;
    const std::size_t to = (i * 7'919 + 1) % accounts;
    Transaction one;
    one.type = Transaction::Type::dynamic_fee;
    one.chain_id = 1;
    one.nonce = i / accounts;
    one.max_fee = 1'000'000'000;
    one.max_priority_fee = 1;
    one.gas_limit = of_token ? 120'000 : 21'000;
    if (of_token) {
      one.to = token;
      one.data = Bytes(64);
      std::ranges::copy(senders()[to].address.bytes, one.data.begin() + 12);
      one.data.back() = 1;
    } else {
      one.to = senders()[to].address;
      one.value = 1;
    }
    one.sign(senders()[from].secret);
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<Block> build(Chain& chain, const std::vector<Transaction>& all) {
  std::vector<Block> made;
  Hash parent = chain.genesis();
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto builder = *chain.build({.parent = parent,
                                       .timestamp = i + 1,
                                       .gas_limit = 1'000'000'000,
                                       .coinbase = Address::of_number(0xfee),
                                       .mix_hash = {},
                                       .difficulty = 0,
                                       .extra_data = {}});
    for (std::size_t k = i * block_size; k < (i + 1) * block_size; ++k) {
      if (!builder->add(all[k], senders()[k % accounts].address)->has_value()) std::abort();
    }
    made.push_back(**builder->finish());
    parent = made.back().header.hash();
    if (!chain.adopt(*builder, made.back())->has_value()) std::abort();
    if (!chain.set_head(parent)->has_value()) std::abort();
  }
  return made;
}

/// Range 0: whether they are a token's.
void build_blocks(benchmark::State& state) {
  const Genesis beginning = genesis();
  const auto all = transactions(state.range(0) != 0);
  for (auto _ : state) {
    state.PauseTiming();
    auto machine = std::make_unique<Machine>(beginning);
    state.ResumeTiming();
    benchmark::DoNotOptimize(build(*machine->chain, all));
    state.PauseTiming();
    machine.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(all.size()));
}
BENCHMARK(build_blocks)->ArgName("token")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// Range 1: whether the senders are known.
void check_blocks(benchmark::State& state) {
  const Genesis beginning = genesis();
  const auto all = transactions(state.range(0) != 0);
  const bool known = state.range(1) != 0;
  Machine author(beginning);
  const std::vector<Block> made = build(*author.chain, all);
  std::vector<std::vector<Address>> of_blocks;
  for (std::size_t i = 0; i < blocks; ++i) {
    std::vector<Address>& of_block = of_blocks.emplace_back();
    for (std::size_t k = i * block_size; known && k < (i + 1) * block_size; ++k)
      of_block.push_back(senders()[k % accounts].address);
  }
  for (auto _ : state) {
    state.PauseTiming();
    auto machine = std::make_unique<Machine>(beginning);
    state.ResumeTiming();
    for (std::size_t i = 0; i < blocks; ++i) {
      const Hash hash = made[i].header.hash();
      if (!machine->chain->add(made[i])->has_value()) std::abort();
      if (!machine->chain->run(hash, of_blocks[i])->has_value()) std::abort();
      if (!machine->chain->set_head(hash)->has_value()) std::abort();
    }
    state.PauseTiming();
    machine.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(all.size()));
}
BENCHMARK(check_blocks)
    ->ArgNames({"token", "senders"})
    ->Args({0, 0})
    ->Args({0, 1})
    ->Args({1, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::ledger
