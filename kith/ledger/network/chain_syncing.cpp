// Of ChainNode: getting the blocks that others have.
#include <algorithm>

#include <kith/ledger/network/chain_node.hpp>

namespace kith::ledger {
namespace {

/// Blocks that are taken at once, in bytes as peers send them.
constexpr std::size_t taken_bytes = 2 << 20;
/// Fewer blocks behind is what any moment is.
constexpr std::uint64_t behind_min = 3;

std::string_view words_of(SyncFault fault) {
  switch (fault) {
    case SyncFault::unsolicited:
      return "it answers what wasn't asked";
    case SyncFault::too_many_headers:
    case SyncFault::wrong_headers:
    case SyncFault::unlinked_headers:
      return "its headers aren't those that were asked for";
    case SyncFault::bad_header:
      return "it has headers that no block can have";
    case SyncFault::too_little_work:
    case SyncFault::claimed_too_much:
      return "its chain has less work than it says";
    case SyncFault::wrong_target:
      return "it has another block where one is final";
    case SyncFault::wrong_body:
      return "its bodies aren't those that were asked for";
    case SyncFault::refused_block:
      return "its chain has a block that is wrong";
    case SyncFault::withholds:
      return "it doesn't give what it says it has";
    case SyncFault::contradicts_itself:
      return "its head isn't on its chain";
    case SyncFault::unresponsive:
      return "it doesn't answer";
  }
  return "it is at fault";
}

}  // namespace

void ChainNode::wake_sync() {
  sync_wanted_ = true;
  sync_event_.notify_all();
}

Task<void> ChainNode::sync_with_peers() {
  for (;;) {
    sync_wanted_ = false;
    auto works = [this]() -> Result<SyncDesk::Errands> { return sync_->take_errands(); };
    KITH_CO_TRY(SyncDesk::Errands errands, co_await port::run_on(env_.pool, std::move(works)));
    for (SyncRequest& request : errands.requests)
      tasks_.spawn(ask_for_blocks(std::move(request)));
    if (errands.headers) tasks_.spawn(check_headers(*std::move(errands.headers)));
    for (const SyncFaultReport& one : errands.faults) {
      // Who is slow, or has less than it says for a while, may come back.
      const bool is_lie = one.fault != SyncFault::withholds && one.fault != SyncFault::unresponsive;
      if (is_lie) {
        fault(one.peer, words_of(one.fault), fault_points_max);
      } else {
        peers_->drop(one.peer, words_of(one.fault));
      }
    }
    note_progress(errands.progress);
    const bool has_target = target_ && head_.name.number >= target_->block.number;
    if ((errands.progress || has_target) && !std::exchange(is_taking_, true))
      tasks_.spawn(take_synced());
    while (!sync_wanted_) {
      auto waited = co_await sync_event_.wait(errands.deadline);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
      if (!waited) break;
    }
  }
}

void ChainNode::note_progress(const std::optional<SyncProgress>& progress) {
  const bool was_behind = syncing_to_.has_value();
  const bool is_behind = progress && progress->target >= head_.name.number + behind_min;
  {
    const std::lock_guard lock(target_mutex_);
    syncing_to_ = is_behind ? std::optional(BlockName{progress->target, {}}) : std::nullopt;
  }
  if (is_behind && !was_behind) {
    KITH_LOG_INFO(log_, "{}: behind, from block {} to {}", options_.name, head_.name.number,
                  progress->target);
  }
  if (was_behind && !is_behind) {
    KITH_LOG_INFO(log_, "{}: has caught up at block {}", options_.name, head_.name.number);
    mining_changed_.notify_all();
  }
}

Task<void> ChainNode::ask_for_blocks(SyncRequest request) {
  const SyncPeer peer = request.peer;
  const auto [id, message] =
      std::visit([](const auto& one) { return std::pair(one.id, one.encode()); }, request.message);
  auto answer =
      co_await peers_->ask(peer, message, eth_message_bytes_max, env_.clock.now() + answer_timeout);
  if (!answer && answer.error().is(Errc::cancelled)) co_return std::unexpected(answer.error());
  auto works = [this, &answer, peer, id]() -> Result<bool> {
    if (answer) return sync_->on_answer(peer, id, *answer);
    sync_->on_failed(peer, id);
    return true;
  };
  KITH_CO_TRY(const bool is_one, co_await port::run_on(env_.pool, std::move(works)));
  if (!is_one) fault(peer, "its answer isn't one", fault_points_max);
  wake_sync();
  co_return Result<void>{};
}

/// As a change, since rules remember.
Task<void> ChainNode::check_headers(HeaderBatch batch) {
  auto checks = [this, &batch]() -> Result<Taking> {
    sync_->check(batch);
    return Taking{.verdict = Taking::Verdict::known, .why = {}, .obstacle = {}, .head = {}};
  };
  auto checked = co_await change(std::move(checks));
  wake_sync();
  if (!checked) co_return std::unexpected(checked.error());
  co_return Result<void>{};
}

/// Takes blocks as they come, until none is there.
Task<void> ChainNode::take_synced() {
  for (bool more = true; more;) {
    more = false;
    auto takes = [this, &more]() -> Result<Taking> {
      Taking taking;
      taking.verdict = Taking::Verdict::known;
      const std::vector<Block> blocks = sync_->take_blocks(taken_bytes);
      if (blocks.empty()) return taking;
      more = true;
      auto outcome = desk_->take_all(blocks);
      const bool is_refused = outcome && outcome->verdict == Taking::Verdict::refused;
      const bool is_lost = !outcome || outcome->verdict == Taking::Verdict::unknown_parent ||
                           outcome->verdict == Taking::Verdict::not_yet;
      if (is_refused) sync_->on_refused(outcome->why->block.hash);
      if (is_lost) sync_->restart();
      return outcome;
    };
    auto taken = co_await change(std::move(takes));
    if (!taken && taken.error().is(Errc::cancelled)) co_return std::unexpected(taken.error());
    if (!taken) {
      KITH_LOG_ERROR(log_, "{}: blocks can't be taken: {}", options_.name, taken.error().message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, 5s));
    } else if (taken->verdict == Taking::Verdict::refused) {
      KITH_LOG_WARN(log_, "{}: block {} {} of a peer is wrong: {}", options_.name,
                    taken->why->block.number, taken->why->block.hash.to_hex(),
                    Error(taken->why->why.reason).message());
    }
    wake_sync();
  }
  if (target_ && head_.name.number >= target_->block.number) {
    auto taken = co_await finalize_target();
    if (!taken && taken.error().is(Errc::cancelled)) co_return std::unexpected(taken.error());
    if (!taken) {
      KITH_LOG_ERROR(log_, "{}: block {} can't be made final: {}", options_.name,
                     target_ ? target_->block.number : 0, taken.error().message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, 5s));
    }
  }
  is_taking_ = false;
  co_return Result<void>{};
}

// Finality, of bft chains.

/// The blocks up to the target are here.
Task<Taking> ChainNode::finalize_target() {
  const Target target = *target_;
  auto finalizes = [this, &target] {
    return bft_->finalize_synced(target.block, *target.certificate);
  };
  KITH_CO_TRY(const Taking taking, co_await change(std::move(finalizes)));
  if (target_ && target_->block == target.block) target_.reset();
  bft_->driver().on_synced();
  wake_sync();
  co_return taking;
}

/// Whoever says that it is further is asked for what proves it.
Task<void> ChainNode::seek_finality() {
  for (;;) {
    const std::uint64_t ours = head_.finalized.number;
    std::vector<GossipPeer> ahead;
    for (const auto& [peer, state] : peer_states_) {
      if (state.head && state.head->number > ours + finality_slack) ahead.push_back(peer);
    }
    if (!ahead.empty() && !target_) {
      const GossipPeer peer = ahead[env_.prng.below(ahead.size())];
      auto asked = co_await ask_for_finality(peer);
      if (!asked && asked.error().is(Errc::cancelled)) co_return std::unexpected(asked.error());
      // Further at once, as long as it leads somewhere.
      if (asked && *asked) continue;
    }
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, finality_interval));
  }
}

/// True if there is a new target.
Task<bool> ChainNode::ask_for_finality(GossipPeer peer) {
  const GetFinality request{.id = env_.prng.next(), .number = head_.finalized.number + 1};
  KITH_CO_TRY(const Buffer answer,
              co_await peers_->ask(peer, request.encode(), finality_bytes_max + 1,
                                   env_.clock.now() + answer_timeout));
  std::optional<Target> target;
  bool is_wrong = false;
  auto judges = [&]() -> Result<void> {
    const auto read = decode_eth_message(answer);
    const Finality* finality = read ? std::get_if<Finality>(&*read) : nullptr;
    is_wrong = finality == nullptr || finality->id != request.id;
    if (is_wrong || !finality->proof || finality->proof->number < request.number) return {};
    const auto proven = bft_->judge(*finality->proof);
    const auto certificate = bft_->read_certificate(finality->proof->certificate);
    is_wrong = !proven || !certificate;
    if (!is_wrong) target = Target{*proven, *certificate};
    return {};
  };
  KITH_CO_CHECK(co_await port::run_on(env_.pool, std::move(judges)));
  if (is_wrong) {
    fault(peer, "it says that a block is final, and proves it wrongly", fault_points_max);
    co_return false;
  }
  if (!target || target_) co_return false;
  target_ = *std::move(target);
  const BlockName block = target_->block;
  auto sets = [this, block]() -> Result<bool> { return sync_->set_target(block); };
  KITH_CO_TRY(const bool is_near, co_await port::run_on(env_.pool, std::move(sets)));
  if (!is_near) target_.reset();
  wake_sync();
  co_return is_near;
}

// Blocks that are voted on and haven't come.

void ChainNode::want_block(const Hash& hash) {
  if (!peers_ || wanted_blocks_.size() >= wanted_blocks_max) return;
  if (wanted_blocks_.insert(hash).second) tasks_.spawn(fetch_block(hash));
}

Task<void> ChainNode::fetch_block(Hash hash) {
  std::vector<ChainPeers::Peer> peers = peers_->peers();
  for (std::size_t i = 0; i < std::min<std::size_t>(peers.size(), 3); ++i) {
    std::swap(peers[i], peers[i + env_.prng.below(peers.size() - i)]);
    auto fetched = co_await fetch_block_from(peers[i].number, hash);
    if (!fetched && fetched.error().is(Errc::cancelled)) co_return std::unexpected(fetched.error());
    if (fetched && *fetched) break;
  }
  wanted_blocks_.erase(hash);
  co_return Result<void>{};
}

/// With those before it, so far as they are missing.
Task<bool> ChainNode::fetch_block_from(GossipPeer peer, Hash hash) {
  const Instant deadline = env_.clock.now() + wanted_block_timeout;
  const GetHeaders asked{.id = env_.prng.next(),
                         .start = hash,
                         .amount = wanted_ancestors_max,
                         .skip = 0,
                         .reverse = true};
  KITH_CO_TRY(const Buffer head_answer,
              co_await peers_->ask(peer, asked.encode(), headers_answer_bytes_max + 1, deadline));
  std::vector<ReceivedHeader> missing;  ///< the oldest first
  auto reads = [&]() -> Result<void> {
    auto read = decode_eth_message(head_answer);
    const Headers* headers = read ? std::get_if<Headers>(&*read) : nullptr;
    if (headers == nullptr) return {};
    Hash next = hash;
    for (const ReceivedHeader& one : headers->headers) {
      if (one.hash != next || files_->chain->knows(one.hash)) break;
      missing.insert(missing.begin(), one);
      next = one.header.parent;
    }
    return {};
  };
  KITH_CO_CHECK(co_await port::run_on(env_.pool, std::move(reads)));
  if (missing.empty()) co_return false;
  GetBodies bodies{.id = env_.prng.next(), .hashes = {}};
  for (const ReceivedHeader& one : missing)
    bodies.hashes.push_back(one.hash);
  KITH_CO_TRY(const Buffer body_answer,
              co_await peers_->ask(peer, bodies.encode(), blocks_answer_bytes_max + 1, deadline));
  std::vector<Hash> kept;
  auto keeps = [&]() -> Result<Taking> {
    Taking taking;
    taking.verdict = Taking::Verdict::known;
    auto read = decode_eth_message(body_answer);
    const Bodies* received = read ? std::get_if<Bodies>(&*read) : nullptr;
    if (received == nullptr) return taking;
    for (std::size_t i = 0; i < std::min(received->bodies.size(), missing.size()); ++i) {
      if (!received->bodies[i].is_of(missing[i].header)) break;
      auto block = read_block(missing[i].header, received->bodies[i].encoded);
      if (!block) break;
      KITH_TRY(taking, desk_->keep(*block));
      const bool is_here =
          taking.verdict == Taking::Verdict::taken || taking.verdict == Taking::Verdict::known;
      if (!is_here) break;
      kept.push_back(missing[i].hash);
    }
    taking.head = {};
    return taking;
  };
  KITH_CO_CHECK(co_await change(std::move(keeps)));
  for (const Hash& one : kept)
    bft_->driver().on_block(one);
  co_return !kept.empty() && kept.back() == hash;
}

}  // namespace kith::ledger
