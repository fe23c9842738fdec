#include <thread>

#include <gtest/gtest.h>

#include <kith/io/runtime.hpp>
#include <kith/ledger/consensus/pow/miner.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger {
namespace {

constexpr WorkOrder easy{.seal = {{1}}, .target = U256::power_of_two(240), .key = {}};
constexpr WorkOrder impossible{.seal = {{1}}, .target = U256(1), .key = {}};

bool meets(const WorkOrder& order, std::uint64_t nonce) {
  return make_sha256d()->hash(work_input(order.seal, nonce), {}).value().to_word() <= order.target;
}

TEST(NonceSearch, FindsWithOneThread) {
  const auto hash = make_sha256d();
  NonceSearch search(*hash, easy, 5);
  search.work();
  const auto found = search.outcome().value();
  ASSERT_TRUE(found);
  EXPECT_TRUE(meets(easy, *found));
  EXPECT_GT(search.hashes(), 0U);
  EXPECT_TRUE(search.is_over());
}

TEST(NonceSearch, FindsWithManyThreads) {
  const auto hash = make_sha256d();
  for (std::uint64_t first : {0ULL, ~0ULL, ~0ULL << 20}) {
    NonceSearch search(*hash, easy, first);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] { search.work(); });
    }
    const auto found = search.outcome().value();
    ASSERT_TRUE(found);
    EXPECT_TRUE(meets(easy, *found));
  }
}

/// A function whose hashes are counted: each nonce is tried once.
class Counting final : public WorkHash {
 public:
  std::string_view name() const noexcept override { return "counting"; }
  std::optional<std::uint64_t> key_number(std::uint64_t) const noexcept override { return {}; }
  Result<Hash> hash(const WorkInput&, const Hash&) override { return Hash(); }
  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash&) override {
    if (!can_search) return std::unexpected(Errc::limit_exceeded);
    return std::make_unique<Searcher>(*this);
  }

  bool can_search = true;
  std::mutex mutex;
  std::vector<std::uint64_t> tried;

 private:
  class Searcher final : public NonceSearcher {
   public:
    explicit Searcher(Counting& of) : of_(of) {}
    std::optional<std::uint64_t> search(const Hash&, const U256&, std::uint64_t first,
                                        std::uint64_t count) override {
      const std::lock_guard lock(of_.mutex);
      for (std::uint64_t i = 0; i < count; ++i)
        of_.tried.push_back(first + i);
      if (of_.tried.size() >= 4'000) return first;
      return std::nullopt;
    }
    std::uint64_t slice() const noexcept override { return 4; }

   private:
    Counting& of_;
  };
};

TEST(NonceSearch, NoNonceIsTriedTwice) {
  Counting hash;
  NonceSearch search(hash, easy, 1'000);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] { search.work(); });
  }
  std::ranges::sort(hash.tried);
  EXPECT_EQ(std::ranges::adjacent_find(hash.tried), hash.tried.end());
  EXPECT_EQ(hash.tried.front(), 1'000U);
  EXPECT_TRUE(search.outcome().value());
}

TEST(NonceSearch, TellsWhyItCannotSearch) {
  Counting hash;
  hash.can_search = false;
  NonceSearch search(hash, easy, 0);
  search.work();
  ASSERT_FALSE(search.outcome());
  EXPECT_TRUE(search.outcome().error().is(Errc::limit_exceeded));
}

TEST(NonceSearch, StopsAtOnce) {
  const auto hash = make_sha256d();
  NonceSearch search(*hash, impossible, 0);
  {
    std::jthread thread([&] { search.work(); });
    while (search.hashes() == 0)
      std::this_thread::yield();
    search.stop();
  }
  EXPECT_EQ(search.outcome().value(), std::nullopt);
  // Nor does it begin again.
  const std::uint64_t hashes = search.hashes();
  search.work();
  EXPECT_EQ(search.hashes(), hashes);
}

Result<void> run_on_loop(std::function<Task<void>(port::Env&)> body) {
  io::RuntimeOptions options;
  options.workers = 2;
  io::Runtime runtime = io::Runtime::create(options).value();
  return runtime.run(body(runtime.env()));
}

TEST(Miner, MinesOnThePool) {
  const auto hash = make_sha256d();
  NonceSearch search(*hash, easy, 0);
  std::optional<std::uint64_t> found;
  const auto ran = run_on_loop([&](port::Env& env) -> Task<void> {
    KITH_CO_TRY(found, co_await mine(env.pool, env.executor, env.clock, search, 2));
    co_return Result<void>{};
  });
  EXPECT_TRUE(ran);
  ASSERT_TRUE(found);
  EXPECT_TRUE(meets(easy, *found));
}

Task<void> mine_in_vain(port::Env& env, NonceSearch& search, Result<void>& ended) {
  const auto mined = co_await mine(env.pool, env.executor, env.clock, search, 2);
  ended = mined ? Result<void>() : std::unexpected(mined.error());
  co_return Result<void>{};
}

TEST(Miner, ANewHeadEndsIt) {
  const auto hash = make_sha256d();
  for (const bool by_cancelling : {false, true}) {
    NonceSearch search(*hash, impossible, 0);
    Result<void> ended = std::unexpected(Errc::busy);
    const auto ran = run_on_loop([&](port::Env& env) -> Task<void> {
      port::TaskGroup group(env.executor, env.clock);
      group.spawn(mine_in_vain(env, search, ended));
      while (search.hashes() == 0)
        KITH_CO_CHECK(co_await port::yield());
      if (by_cancelling) {
        group.cancel();
      } else {
        search.stop();
      }
      co_return co_await group.join_shielded();
    });
    EXPECT_TRUE(ran);
    EXPECT_TRUE(search.is_over());
    EXPECT_EQ(ended.has_value(), !by_cancelling);
    if (by_cancelling) {
      EXPECT_TRUE(ended.error().is(Errc::cancelled));
    }
  }
}

TEST(HashRate, IsThatOfTheLastMinute) {
  HashRate rate;
  const Instant begin{};
  EXPECT_EQ(rate.per_second(), 0);
  rate.sample(100, begin);
  EXPECT_EQ(rate.per_second(), 0);
  rate.sample(300, begin + 2s);
  EXPECT_DOUBLE_EQ(rate.per_second(), 100);
  for (int second = 3; second <= 200; ++second)
    rate.sample(300 + 50 * static_cast<std::uint64_t>(second - 2), begin + second * 1s);
  EXPECT_DOUBLE_EQ(rate.per_second(), 50);
}

}  // namespace
}  // namespace kith::ledger
