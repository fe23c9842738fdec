// Of ChainNode: mining.
#include <kith/ledger/network/chain_node.hpp>

namespace kith::ledger {
namespace {

std::uint64_t now_s(const port::Env& env) {
  const auto since = std::chrono::floor<std::chrono::seconds>(env.wall.now().time_since_epoch());
  return static_cast<std::uint64_t>(since.count());
}

}  // namespace

/// A block that waits for its nonce.
struct ChainNode::Work {
  std::unique_ptr<BlockBuilder> builder;
  Block block;
  WorkOrder order;
};

Result<void> ChainNode::mine(MiningOptions options) {
  if (!files_->pow) {
    return std::unexpected(
        Error(Errc::unsupported, "blocks of this chain aren't mined: its validators make them"));
  }
  const std::size_t most = std::max<std::size_t>(env_.pool.parallelism(), 2) - 1;
  if (options.threads == 0 || options.threads > most) options.threads = most;
  const bool begins = !mining_;
  mining_ = std::move(options);
  is_mining_ = true;
  mining_changed_.notify_all();
  head_changed_.notify_all();
  if (begins) tasks_.spawn(mining_loop());
  return {};
}

void ChainNode::stop_mining() {
  mining_.reset();
  is_mining_ = false;
  hash_rate_ = 0;
  rate_ = {};
  mining_changed_.notify_all();
  head_changed_.notify_all();
}

Task<void> ChainNode::mining_loop() {
  while (mining_) {
    // Whoever is behind would make a branch that nobody wants.
    while (mining_ && syncing_to_) {
      auto waited = co_await mining_changed_.wait(env_.clock.now() + mining_refresh_interval);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
    }
    if (!mining_) break;
    const MiningOptions options = *mining_;
    auto mined = co_await mine_one(options);
    if (!mined && mined.error().is(Errc::cancelled)) co_return mined;
    if (!mined) {
      KITH_LOG_ERROR(log_, "{}: mining: {}", options_.name, mined.error().message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, mining_refresh_interval));
    }
  }
  co_return Result<void>{};
}

/// On a worker, when nothing else changes the chain.
Result<std::unique_ptr<ChainNode::Work>> ChainNode::prepare_work(const MiningOptions& options) {
  const Chain& chain = *files_->chain;
  const BlockName head = chain.head();
  KITH_TRY(const Header parent, chain.header(head.hash));
  Header header;
  header.parent = head.hash;
  header.number = head.number + 1;
  header.timestamp = now_s(env_);
  PowRules& rules = files_->pow->rules();
  KITH_CHECK(rules.prepare(header, parent));
  auto work = std::make_unique<Work>();
  const Instant late = env_.clock.now() + 500ms;
  KITH_TRY(work->builder, desk_->build({.parent = head.hash,
                                        .timestamp = header.timestamp,
                                        .gas_limit = parent.gas_limit,
                                        .coinbase = options.coinbase,
                                        .mix_hash = header.mix_hash,
                                        .difficulty = header.difficulty,
                                        .extra_data = options.extra_data},
                                       [&] { return env_.clock.now() >= late; }));
  KITH_TRY(auto finished, work->builder->finish());
  if (!finished) return std::unexpected(Error(finished.error().reason));
  work->block = *std::move(finished);
  KITH_TRY(work->order, rules.order(work->block.header, parent));
  return work;
}

/// Searches until a block is found, the head changes, or it is time to take new transactions.
Task<void> ChainNode::mine_one(const MiningOptions& options) {
  std::unique_ptr<Work> work;
  auto prepares = [this, &work, &options]() -> Result<Taking> {
    KITH_TRY(work, prepare_work(options));
    return Taking{.verdict = Taking::Verdict::known, .why = {}, .obstacle = {}, .head = {}};
  };
  KITH_CO_CHECK(co_await change(std::move(prepares)));
  // A chain that finds blocks faster than a second each runs ahead of the clock, and nobody takes
  // what is too far ahead.
  const std::uint64_t ahead_max = files_->pow->rules().parameters().future_limit_s() / 2;
  const std::uint64_t now = now_s(env_);
  if (work->block.header.timestamp > now + ahead_max) {
    const auto wait = std::chrono::seconds(work->block.header.timestamp - now - ahead_max);
    auto waited = co_await head_changed_.wait(env_.clock.now() + wait);
    if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
    if (waited) co_return Result<void>{};
  }
  NonceSearch search(files_->pow->rules().hash(), work->order, env_.prng.next());
  port::TaskGroup watching(env_.executor, env_.clock, 1);
  watching.spawn(stop_when_stale(search, work->block.header.parent));
  auto found = co_await ledger::mine(env_.pool, env_.executor, env_.clock, search, options.threads);
  watching.cancel();
  co_await watching.join_shielded();
  hashes_ += search.hashes();
  rate_.sample(hashes_, env_.clock.now());
  hash_rate_ = rate_.per_second();
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return Result<void>{};
  store_be(work->block.header.nonce.data(), **found);
  // Others' blocks come again after a crash; one of our own must not be lost.
  auto adopts = [this, &work]() -> Result<Taking> {
    KITH_TRY(Taking taking, desk_->adopt(*work->builder, work->block));
    KITH_CHECK(files_->chain->sync());
    return taking;
  };
  KITH_CO_TRY(const Taking taking, co_await change(std::move(adopts)));
  if (taking.verdict != Taking::Verdict::taken) co_return Result<void>{};
  ++blocks_mined_;
  KITH_LOG_INFO(log_, "{}: mined block {} {}", options_.name, work->block.header.number,
                work->block.header.hash().to_hex());
  co_return co_await publish(std::move(work->block), {});
}

Task<void> ChainNode::stop_when_stale(NonceSearch& search, Hash parent) {
  const Instant late = env_.clock.now() + mining_refresh_interval;
  while (mining_ && head_.name.hash == parent) {
    auto waited = co_await head_changed_.wait(late);
    if (!waited) break;
  }
  search.stop();
  co_return Result<void>{};
}

}  // namespace kith::ledger
