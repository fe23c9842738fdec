// What the pool costs: transactions added a second, with their hash and without, a head after which
// all accounts are asked for again, and the transactions of a block taken out of many.
#include <benchmark/benchmark.h>

#include <kith/ledger/txpool/test_pool.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t pool_size = 5'000;
constexpr std::size_t block_size = 1'500;

/// `each` of every account, all pending.
std::vector<PoolTransactionPointer> many(std::uint64_t count, std::uint64_t each) {
  std::vector<PoolTransactionPointer> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    const TestTransaction one{
        .from = i / each, .nonce = i % each, .tip = 1 + i * 7'919 % 1'000, .fee = 2'000};
    all.push_back(one.made());
  }
  return all;
}

void add_all(TestPool& test, const std::vector<PoolTransactionPointer>& all) {
  for (const PoolTransactionPointer& one : all)
    benchmark::DoNotOptimize(test.add(one));
  test.pool.take_events();
}

/// Into an empty pool, `range` of each account.
void add(benchmark::State& state) {
  const auto each = static_cast<std::uint64_t>(state.range(0));
  const auto all = many(pool_size, each);
  for (auto _ : state) {
    state.PauseTiming();
    auto test = std::make_unique<TestPool>();
    test->give_many(pool_size / each);
    state.ResumeTiming();
    add_all(*test, all);
    state.PauseTiming();
    test.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pool_size));
}
BENCHMARK(add)->Arg(1)->Arg(16);

/// Into a pool that has all it may, with heads in between.
void add_to_full(benchmark::State& state) {
  TestPool test;
  test.give_many(20'000);
  std::uint64_t from = 0;
  for (; from < 6'144; ++from)
    benchmark::DoNotOptimize(test.add({.from = from, .tip = 1, .fee = 1'000'000}));
  std::uint64_t tip = 1;
  std::int64_t count = 0;
  for (auto _ : state) {
    state.PauseTiming();
    benchmark::DoNotOptimize(test.new_head());
    std::vector<PoolTransactionPointer> better;
    ++tip;
    for (std::uint64_t i = 0; i < 1'000; ++i)
      better.push_back(
          TestTransaction{.from = ++from % 20'000, .tip = tip, .fee = 1'000'000}.made());
    state.ResumeTiming();
    add_all(test, better);
    count += 1'000;
  }
  state.SetItemsProcessed(count);
}
BENCHMARK(add_to_full);

void hash(benchmark::State& state) {
  const Transaction one = TestTransaction{}.plain();
  for (auto _ : state)
    benchmark::DoNotOptimize(PoolTransaction::make(one, test_address(0)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hash);

void new_head(benchmark::State& state) {
  TestPool test;
  test.give_many(pool_size);
  add_all(test, many(pool_size, 1));
  std::uint64_t base_fee = 7;
  for (auto _ : state)
    benchmark::DoNotOptimize(test.new_head({}, ++base_fee % 100));
}
BENCHMARK(new_head)->Unit(benchmark::kMillisecond);

/// 1,500 transactions of 5,000, `range` of each account.
void take_a_block(benchmark::State& state) {
  const auto each = static_cast<std::uint64_t>(state.range(0));
  TestPool test;
  test.give_many(pool_size);
  add_all(test, many(pool_size, each));
  for (auto _ : state) {
    BestTransactions best = test.pool.best(7);
    std::size_t taken = 0;
    for (; taken < block_size && !best.empty(); ++taken)
      best.next();
    benchmark::DoNotOptimize(taken);
  }
}
BENCHMARK(take_a_block)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::ledger
