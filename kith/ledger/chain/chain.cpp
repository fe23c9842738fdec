#include <algorithm>
#include <mutex>
#include <ranges>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/chain/detail/block_store.hpp>

namespace kith::ledger {
namespace {

using detail::BlockStore;

constexpr std::string_view head_key = "head";
constexpr std::string_view final_key = "final";
constexpr std::uint64_t ommer_generations = 6;
/// Branches that left the chain that far below the settled blocks are forgotten.
constexpr std::uint64_t branch_depth = 1'024;
/// So many blocks are settled at once at least: each time the medium is waited for.
constexpr std::uint64_t settle_batch = 32;
constexpr std::size_t cached_blocks = 16;

Result<Block> decode_block(ByteView bytes) {
  auto block = Block::decode(bytes);
  if (!block) return std::unexpected(Errc::corrupt);
  return *std::move(block);
}

Result<Header> decode_header(ByteView block) {
  RlpReader whole(block);
  auto list = whole.list();
  if (!list) return std::unexpected(Errc::corrupt);
  auto header = Header::read(*list);
  if (!header) return std::unexpected(Errc::corrupt);
  return *std::move(header);
}

bool contains(const std::vector<Hash>& hashes, const Hash& hash) {
  return std::ranges::find(hashes, hash) != hashes.end();
}

std::vector<Hash> hashes_of(const std::vector<Transaction>& transactions) {
  std::vector<Hash> hashes;
  for (const Transaction& one : transactions)
    hashes.push_back(one.hash());
  return hashes;
}

auto refusal(const BlockName& block, InvalidBlock reason) {
  return Chain::Judged<void>(std::expected<void, ChainRefusal>(
      std::unexpect, ChainRefusal{block, {reason, std::nullopt, 0}}));
}

}  // namespace

std::vector<std::string> Chain::namespaces() {
  std::vector<std::string> all = BlockStore::namespaces();
  std::ranges::copy(StateTree::namespaces(), std::back_inserter(all));
  return all;
}

Chain::Chain(const Genesis& genesis, ConsensusRules& rules, const ChainOptions& options)
    : schedule_(genesis.schedule),
      rules_(rules),
      options_(options),
      genesis_(genesis.block.header.hash()),
      tree_(0, SeededHasher{options.seed}),
      transactions_(0, SeededHasher{options.seed}) {}

Chain::~Chain() = default;

Result<std::unique_ptr<Chain>> Chain::open(port::KeyValue& store, port::Namespace first_space,
                                           BlockLog& log, const Genesis& genesis,
                                           ConsensusRules& rules, const ChainOptions& options) {
  std::unique_ptr<Chain> chain(new Chain(genesis, rules, options));
  chain->store_ = std::make_unique<BlockStore>(store, first_space, log);
  if (log.count() == 0) {
    KITH_CHECK(log.append(genesis.block.encode(), encode_receipts({})));
    KITH_CHECK(log.sync());
  }
  KITH_TRY(const Bytes first, log.block(0));
  KITH_TRY(const Header first_header, decode_header(first));
  if (first_header.hash() != chain->genesis_) {
    return std::unexpected(
        Error(Errc::invalid_argument, "what is stored here is the chain that begins with " +
                                          first_header.hash().to_hex() + ", not with " +
                                          chain->genesis_.to_hex()));
  }
  const auto state_space =
      static_cast<port::Namespace>(first_space + BlockStore::namespaces().size());
  auto states = StateTree::open(store, state_space, options.state);
  if (!states && states.error().is(Errc::not_found)) {
    states =
        StateTree::begin(store, state_space, options.state, {0, chain->genesis_}, genesis.state);
  }
  if (!states) return std::unexpected(states.error());
  chain->states_ = *std::move(states);
  KITH_CHECK(chain->agree(genesis));
  KITH_CHECK(chain->load_recent());
  return chain;
}

/// Log, state and index are of one block again: the state's.
Result<void> Chain::agree(const Genesis& genesis) {
  const BlockName state = states_->settled();
  BlockLog& log = store_->log();
  if (log.count() <= state.number) return std::unexpected(Errc::corrupt);
  KITH_TRY(auto indexed, store_->indexed());
  if (!indexed) {
    const BlockStore::Entry first{
        .place = {0, rules_.weight(genesis.block.header)}, .hash = genesis_, .transactions = {}};
    KITH_CHECK(store_->index(std::span(&first, 1)));
    indexed = 0;
  }
  // Going back writes the index first, settling last.
  if (*indexed > state.number) return std::unexpected(Errc::corrupt);
  KITH_TRY(const auto hash, store_->hash_at(*indexed));
  KITH_TRY(const auto place,
           hash ? store_->place_of(*hash) : Result<std::optional<BlockStore::Place>>(std::nullopt));
  if (!place) return std::unexpected(Errc::corrupt);
  KITH_TRY(const Bytes at, log.block(*indexed));
  KITH_TRY(Header header, decode_header(at));
  settled_ = {*indexed, *hash};
  settled_known_ = {std::make_shared<const Header>(std::move(header)), place->weight, false, {}};
  head_ = settled_;
  return follow_state();
}

/// Indexes what the state has settled.
Result<void> Chain::follow_state() {
  const BlockName state = states_->settled();
  std::vector<BlockStore::Entry> entries;
  Known last = settled_known_;
  U256 weight = settled_known_.weight;
  for (std::uint64_t number = settled_.number + 1; number <= state.number; ++number) {
    KITH_TRY(const Bytes bytes, store_->log().block(number));
    KITH_TRY(const Block block, decode_block(bytes));
    weight += rules_.weight(block.header);
    entries.push_back({.place = {number, weight},
                       .hash = block.header.hash(),
                       .transactions = hashes_of(block.transactions)});
    if (number == state.number)
      last = {std::make_shared<const Header>(block.header), weight, false, {}};
  }
  if (!entries.empty() && entries.back().hash != state.hash) return std::unexpected(Errc::corrupt);
  KITH_CHECK(store_->index(entries));
  const std::unique_lock lock(mutex_);
  for (const BlockStore::Entry& entry : entries) {
    tree_.erase(entry.hash);
    for (const Hash& hash : entry.transactions)
      transactions_.erase(hash);
    if (!canonical_.empty()) canonical_.pop_front();
  }
  settled_ = state;
  settled_known_ = std::move(last);
  if (head_.number < settled_.number) head_ = settled_;
  return {};
}

/// The tree of blocks that aren't settled, and its head, as they were.
Result<void> Chain::load_recent() {
  std::map<std::uint64_t, std::vector<std::pair<Hash, std::shared_ptr<const Header>>>> by_number;
  std::vector<Hash> useless;
  KITH_CHECK(store_->for_each_recent([&](const Hash& hash, ByteView bytes) {
    auto header = decode_header(bytes);
    if (header) {
      by_number[header->number].emplace_back(hash,
                                             std::make_shared<const Header>(*std::move(header)));
    } else {
      useless.push_back(hash);
    }
  }));
  for (auto& [number, blocks] : by_number) {
    for (auto& [hash, header] : blocks) {
      KITH_TRY(const auto parent, find(header->parent));
      KITH_TRY(const auto place, store_->place_of(hash));
      if (!parent || place) {
        useless.push_back(hash);
        continue;
      }
      const U256 weight = parent->weight + rules_.weight(*header);
      tree_.emplace(hash, Known{std::move(header), weight, false, {}});
    }
  }
  KITH_CHECK(store_->drop(useless));
  KITH_TRY(const auto final_block, store_->named(final_key));
  finalized_ = {0, genesis_};
  KITH_TRY(const auto head, store_->named(head_key));
  // What is final was durable before it was named so.
  for (const auto& wanted : {final_block, head}) {
    if (!wanted || !knows(*wanted)) continue;
    KITH_TRY(const auto known, find(*wanted));
    if (known->header->number <= settled_.number) continue;
    KITH_TRY(const auto moved, set_head(*wanted));
    if (!moved && wanted == final_block) return std::unexpected(Errc::corrupt);
  }
  if (final_block && is_of_chain(*final_block)) {
    KITH_TRY(const auto known, find(*final_block));
    finalized_ = {known->header->number, *final_block};
  }
  return {};
}

// Questions.

BlockName Chain::head() const {
  const std::shared_lock lock(mutex_);
  return head_;
}

BlockName Chain::finalized() const {
  const std::shared_lock lock(mutex_);
  return finalized_;
}

BlockName Chain::settled() const {
  const std::shared_lock lock(mutex_);
  return settled_;
}

Result<std::optional<Chain::Known>> Chain::find(const Hash& hash) const {
  {
    const std::shared_lock lock(mutex_);
    if (hash == settled_.hash) return settled_known_;
    if (const auto found = tree_.find(hash); found != tree_.end()) return found->second;
  }
  KITH_TRY(const auto place, store_->place_of(hash));
  if (!place) return std::nullopt;
  KITH_TRY(const Bytes bytes, store_->log().block(place->number));
  KITH_TRY(Header header, decode_header(bytes));
  return Known{std::make_shared<const Header>(std::move(header)), place->weight, false, {}};
}

Result<Chain::Known> Chain::find_known(const Hash& hash) const {
  KITH_TRY(auto known, find(hash));
  if (!known) return std::unexpected(Errc::not_found);
  return *std::move(known);
}

bool Chain::knows(const Hash& hash) const {
  const auto known = find(hash);
  return known && *known;
}

Result<Header> Chain::header(const Hash& hash) const {
  KITH_TRY(const Known known, find_known(hash));
  return *known.header;
}

Result<U256> Chain::total_weight(const Hash& hash) const {
  KITH_TRY(const Known known, find_known(hash));
  return known.weight;
}

void Chain::cache(const Hash& hash, std::shared_ptr<const Block> block) const {
  const std::lock_guard lock(cache_mutex_);
  cache_.push_front({hash, std::move(block)});
  if (cache_.size() > cached_blocks) cache_.pop_back();
}

Result<std::shared_ptr<const Block>> Chain::load(const Hash& hash) const {
  {
    const std::lock_guard lock(cache_mutex_);
    const auto found = std::ranges::find(cache_, hash, &Cached::hash);
    if (found != cache_.end()) return found->block;
  }
  KITH_TRY(auto bytes, store_->recent(hash));
  if (!bytes) {
    KITH_TRY(const auto place, store_->place_of(hash));
    if (!place) return std::unexpected(Errc::not_found);
    KITH_TRY(bytes, store_->log().block(place->number));
  }
  KITH_TRY(Block block, decode_block(*bytes));
  auto shared = std::make_shared<const Block>(std::move(block));
  cache(hash, shared);
  return shared;
}

Result<Block> Chain::block(const Hash& hash) const {
  KITH_TRY(const auto block, load(hash));
  return *block;
}

Result<std::vector<Receipt>> Chain::receipts(const Hash& hash) const {
  {
    const std::shared_lock lock(mutex_);
    const auto found = tree_.find(hash);
    if (found != tree_.end() && found->second.ran) return found->second.ran->receipts;
  }
  KITH_TRY(const auto place, store_->place_of(hash));
  if (!place) return std::unexpected(Errc::not_found);
  KITH_TRY(const Bytes bytes, store_->log().receipts(place->number));
  auto receipts = decode_receipts(bytes);
  if (!receipts) return std::unexpected(Errc::corrupt);
  return *std::move(receipts);
}

Result<Hash> Chain::hash_at(std::uint64_t number) const {
  {
    const std::shared_lock lock(mutex_);
    if (number > head_.number) return std::unexpected(Errc::not_found);
    if (number > settled_.number) return canonical_[number - settled_.number - 1];
  }
  KITH_TRY(const auto hash, store_->hash_at(number));
  if (!hash) return std::unexpected(Errc::not_found);
  return *hash;
}

bool Chain::is_of_chain(const Hash& hash) const {
  const auto known = find(hash);
  if (!known || !*known) return false;
  const auto at = hash_at((**known).header->number);
  return at && *at == hash;
}

Result<Chain::TransactionPlace> Chain::find_transaction(const Hash& hash) const {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = transactions_.find(hash); found != transactions_.end())
      return found->second;
  }
  KITH_TRY(const auto place, store_->transaction(hash));
  if (!place) return std::unexpected(Errc::not_found);
  KITH_TRY(const Hash block, hash_at(place->number));
  return TransactionPlace{{place->number, block}, place->index};
}

bool Chain::has_state(const Hash& hash) const {
  return states_->has(hash);
}

Result<std::unique_ptr<StateReader>> Chain::state(const Hash& hash) const {
  auto reader = states_->reader(hash);
  if (reader || !reader.error().is(Errc::not_found)) return reader;
  KITH_TRY(const auto place, store_->place_of(hash));
  if (!place) return std::unexpected(Errc::not_found);
  return states_->past_reader(place->number);
}

Result<StateTree::Proof> Chain::prove(const Hash& hash, const Address& address,
                                      const std::vector<U256>& keys) const {
  return states_->prove(hash, address, keys);
}

Result<Hash> Chain::root_with(const Hash& hash, World& world) const {
  KITH_TRY(const StateTree::Prepared prepared, states_->prepare(hash, world));
  return prepared.root();
}

Result<Hash> Chain::ancestor(const Hash& parent, std::uint64_t number) const {
  for (Hash at = parent;;) {
    {
      const std::shared_lock lock(mutex_);
      const auto found = tree_.find(at);
      if (found != tree_.end()) {
        const Header& header = *found->second.header;
        if (header.number == number) return at;
        if (header.number < number) return std::unexpected(Errc::not_found);
        at = header.parent;
        continue;
      }
    }
    // Settled, and so of the chain.
    return hash_at(number);
  }
}

Revision Chain::revision(const Header& header, const U256& parent_weight) const {
  const bool after_merge =
      !schedule_.terminal_total_difficulty || parent_weight >= *schedule_.terminal_total_difficulty;
  return schedule_.revision_at(header.number, header.timestamp, after_merge);
}

Result<Revision> Chain::revision_of(const Hash& hash) const {
  KITH_TRY(const Known known, find_known(hash));
  return revision(*known.header, known.weight - rules_.weight(*known.header));
}

Result<Revision> Chain::revision_after(const Hash& parent, std::uint64_t timestamp) const {
  KITH_TRY(const Known known, find_known(parent));
  Header next;
  next.number = known.header->number + 1;
  next.timestamp = timestamp;
  return revision(next, known.weight);
}

// New blocks.

Result<BlockValid> Chain::check_after(const Header& header, const Known& parent) const {
  const Header& before = *parent.header;
  // Whether the parent had London's rules its own header says best.
  const Revision parent_revision = before.base_fee ? Revision::london : Revision::frontier;
  const BlockValid valid =
      check_header(header, before, schedule_, revision(header, parent.weight), parent_revision);
  if (!valid) return valid;
  return rules_.check(header, before);
}

/// Yellow Paper, 11.1: children of this chain's blocks of the last six generations, none of them
/// twice.
Result<BlockValid> Chain::check_ommers(const Block& block) const {
  if (block.ommers.empty()) return BlockValid();
  const auto invalid = [](InvalidBlock reason) { return BlockValid(std::unexpect, reason); };
  std::vector<Hash> ancestors;
  std::vector<Hash> mentioned;
  Hash at = block.header.parent;
  for (std::uint64_t i = 0; i <= ommer_generations; ++i) {
    KITH_TRY(const auto known, find(at));
    if (!known) break;
    ancestors.push_back(at);
    KITH_TRY(const auto body, load(at));
    for (const Header& ommer : body->ommers)
      mentioned.push_back(ommer.hash());
    at = known->header->parent;
  }
  for (const Header& ommer : block.ommers) {
    const Hash hash = ommer.hash();
    if (contains(ancestors, hash)) return invalid(InvalidBlock::ommer_is_ancestor);
    if (contains(mentioned, hash)) return invalid(InvalidBlock::ommer_twice);
    mentioned.push_back(hash);
    if (!contains(ancestors, ommer.parent) || ommer.parent == block.header.parent)
      return invalid(InvalidBlock::ommer_not_of_this_chain);
    KITH_TRY(const Known parent, find_known(ommer.parent));
    KITH_TRY(const BlockValid valid, check_after(ommer, parent));
    if (!valid) return valid;
  }
  return BlockValid();
}

Result<std::expected<Chain::Added, InvalidBlock>> Chain::add(const Block& block) {
  return add_with(block, block.header.hash(), nullptr);
}

Result<BlockValid> Chain::check(const Block& block, const Known& parent) const {
  KITH_TRY(const BlockValid header, check_after(block.header, parent));
  if (!header) return header;
  if (const auto valid = check_body(block, revision(block.header, parent.weight)); !valid)
    return valid;
  return check_ommers(block);
}

/// A block that has been built here comes with what running it has told, and is checked already.
Result<std::expected<Chain::Added, InvalidBlock>> Chain::add_with(const Block& block,
                                                                  const Hash& hash,
                                                                  std::shared_ptr<const Ran> ran) {
  using Taken = std::expected<Added, InvalidBlock>;
  const auto refuse = [](InvalidBlock reason) { return Taken(std::unexpect, reason); };
  KITH_TRY(const auto before, find(hash));
  if (before && before->invalid) return refuse(InvalidBlock::of_invalid_parent);
  if (before) return Taken(Added::before);
  const Header& header = block.header;
  KITH_TRY(const auto parent, find(header.parent));
  if (!parent) return refuse(InvalidBlock::unknown_parent);
  if (parent->invalid) return refuse(InvalidBlock::of_invalid_parent);
  if (header.number <= finalized().number) return refuse(InvalidBlock::before_finality);
  if (ran == nullptr) {
    KITH_TRY(const BlockValid valid, check(block, *parent));
    if (!valid) return refuse(valid.error());
  }
  {
    // Before anything of it is written: what nobody may add must not fill the disk either.
    const std::shared_lock lock(mutex_);
    if (tree_.size() >= options_.unsettled_max) return std::unexpected(Errc::limit_exceeded);
  }
  KITH_CHECK(store_->keep(hash, block.encode()));
  cache(hash, std::make_shared<const Block>(block));
  const std::unique_lock lock(mutex_);
  tree_.emplace(hash, Known{std::make_shared<const Header>(header),
                            parent->weight + rules_.weight(header), false, std::move(ran)});
  return Taken(Added::newly);
}

Chain::Judged<void> Chain::run(const Hash& hash, std::span<const Address> senders) {
  KITH_TRY(const Known known, find_known(hash));
  if (known.invalid) return refusal({known.header->number, hash}, InvalidBlock::of_invalid_parent);
  if (states_->has(hash)) return std::expected<void, ChainRefusal>();
  return run_on(hash, known, senders);
}

Chain::Judged<void> Chain::run_on(const Hash& hash, const Known& known,
                                  std::span<const Address> senders) {
  const BlockName name{known.header->number, hash};
  const Hash& parent = known.header->parent;
  KITH_TRY(const auto block, load(hash));
  KITH_TRY(const auto reader, states_->reader(parent));
  const U256 parent_weight = known.weight - rules_.weight(*known.header);
  World world(*reader, revision(*known.header, parent_weight), options_.seed);
  Processor processor(schedule_, world,
                      [&](std::uint64_t number) { return ancestor(parent, number); });
  processor.set_root_of_state([&]() -> Result<Hash> {
    KITH_TRY(const StateTree::Prepared between, states_->prepare(parent, world));
    return between.root();
  });
  const auto refuse = [&](BlockRefusal why) {
    mark_invalid(hash);
    return Judged<void>(
        std::expected<void, ChainRefusal>(std::unexpect, ChainRefusal{name, std::move(why)}));
  };
  KITH_TRY(auto done, processor.run(*block, senders));
  if (!done) return refuse(std::move(done).error());
  if (const auto valid = Processor::compare(*done, block->header); !valid)
    return refuse({valid.error(), std::nullopt, 0});
  KITH_TRY(const StateTree::Prepared prepared, states_->prepare(parent, world));
  if (prepared.root() != block->header.state_root)
    return refuse({InvalidBlock::wrong_state_root, std::nullopt, 0});
  states_->add(name, parent, prepared);
  auto ran = std::make_shared<const Ran>(std::move(done->receipts), hashes_of(block->transactions));
  const std::unique_lock lock(mutex_);
  if (const auto found = tree_.find(hash); found != tree_.end()) found->second.ran = std::move(ran);
  return std::expected<void, ChainRefusal>();
}

void Chain::mark_invalid(const Hash& hash) {
  const std::unique_lock lock(mutex_);
  if (const auto found = tree_.find(hash); found != tree_.end()) found->second.invalid = true;
  for (const auto& [number, of_branch] : by_number()) {
    Known& known = tree_.at(of_branch);
    const auto parent = tree_.find(known.header->parent);
    if (parent != tree_.end() && parent->second.invalid) known.invalid = true;
  }
}

/// The tree's blocks, parents before their children. For who holds the lock.
std::vector<std::pair<std::uint64_t, Hash>> Chain::by_number() const {
  std::vector<std::pair<std::uint64_t, Hash>> all;
  for (const auto& [hash, known] : tree_)
    all.emplace_back(known.header->number, hash);
  std::ranges::sort(all);
  return all;
}

// The head.

Chain::Judged<HeadChange> Chain::set_head(const Hash& hash) {
  using Moved = std::expected<HeadChange, ChainRefusal>;
  KITH_CHECK(follow_state());
  const BlockName old = head();
  if (hash == old.hash) return Moved();
  std::vector<Hash> path;
  std::vector<BlockName> added;
  BlockName fork;
  for (Hash at = hash;;) {
    KITH_TRY(const Known known, find_known(at));
    const BlockName name{known.header->number, at};
    if (known.invalid)
      return Moved(std::unexpect, ChainRefusal{name, {InvalidBlock::of_invalid_parent, {}, 0}});
    const auto on_chain = hash_at(name.number);
    if (on_chain && *on_chain == at) {
      fork = name;
      break;
    }
    path.push_back(at);
    added.push_back(name);
    at = known.header->parent;
  }
  if (fork.number < finalized().number)
    return Moved(std::unexpect, ChainRefusal{fork, {InvalidBlock::before_finality, {}, 0}});
  HeadChange change;
  for (std::uint64_t number = old.number; number > fork.number; --number) {
    KITH_TRY(const Hash removed, hash_at(number));
    change.removed.push_back({number, removed});
  }
  std::ranges::reverse(added);
  change.added = std::move(added);
  if (fork.number < settled().number) KITH_CHECK(step_back_to(fork.number));
  if (path.empty()) {
    KITH_CHECK(move_head(fork.number, {}));
    KITH_CHECK(rerun(fork.number));
    return Moved(std::move(change));
  }
  KITH_TRY(const auto advanced, advance(path));
  if (advanced) return Moved(std::move(change));
  // The old branch was right: what it takes is only to have its states again.
  KITH_TRY(const auto back, set_head(old.hash));
  if (!back) return std::unexpected(Errc::corrupt);
  KITH_CHECK(rerun(old.number));
  return Moved(std::unexpect, advanced.error());
}

/// Runs a branch that leaves the chain, and makes it the chain. When it is long, that happens in
/// parts, each settled before the next, so that memory holds the states of one.
Chain::Judged<void> Chain::advance(std::span<const Hash> newest_first) {
  KITH_TRY(const Known last, find_known(newest_first.front()));
  std::uint64_t fork = last.header->number - newest_first.size();
  std::vector<Hash> part;
  KITH_CHECK(rerun(fork));
  for (const Hash& hash : newest_first | std::views::reverse) {
    KITH_TRY(auto ran, run(hash));
    if (!ran) return ran;
    part.push_back(hash);
    if (part.size() < std::max<std::uint64_t>(options_.unsettled_depth, settle_batch) &&
        hash != newest_first.front()) {
      continue;
    }
    KITH_CHECK(move_head(fork, part));
    fork += part.size();
    part.clear();
    KITH_CHECK(settle_some(fork));
  }
  return std::expected<void, ChainRefusal>();
}

/// The chain goes up to `fork`, and from there on over these blocks, which have been run.
Result<void> Chain::move_head(std::uint64_t fork, std::span<const Hash> oldest_first) {
  Hash head;
  {
    const std::unique_lock lock(mutex_);
    const auto ran_of = [&](const Hash& hash) { return tree_.at(hash).ran.get(); };
    while (canonical_.size() > fork - settled_.number) {
      if (const Ran* ran = ran_of(canonical_.back())) {
        for (const Hash& hash : ran->transactions)
          transactions_.erase(hash);
      }
      canonical_.pop_back();
    }
    for (const Hash& hash : oldest_first) {
      canonical_.push_back(hash);
      const BlockName name{settled_.number + canonical_.size(), hash};
      const auto& transactions = ran_of(hash)->transactions;
      for (std::uint32_t i = 0; i < transactions.size(); ++i)
        transactions_[transactions[i]] = {name, i};
    }
    head = canonical_.empty() ? settled_.hash : canonical_.back();
    head_ = {settled_.number + canonical_.size(), head};
  }
  return store_->set_named(head_key, head);
}

/// The states of the chain's blocks up to that number, where they aren't here.
Result<void> Chain::rerun(std::uint64_t upto) {
  for (std::uint64_t number = settled().number + 1; number <= upto; ++number) {
    KITH_TRY(const Hash hash, hash_at(number));
    if (states_->has(hash)) continue;
    KITH_TRY(const auto ran, run(hash));
    if (!ran) return std::unexpected(Errc::corrupt);
    KITH_CHECK(settle_some(number));
  }
  return {};
}

/// Takes settled blocks back. They stay known, as does the chain that they are of.
Result<void> Chain::step_back_to(std::uint64_t number) {
  while (settled().number > number) {
    const BlockName last = settled();
    KITH_TRY(const Bytes bytes, store_->log().block(last.number));
    KITH_TRY(const Block block, decode_block(bytes));
    const Hash parent = block.header.parent;
    KITH_TRY(const Known before, find_known(parent));
    auto ran = std::make_shared<Ran>();
    KITH_TRY(ran->receipts, receipts(last.hash));
    ran->transactions = hashes_of(block.transactions);
    KITH_CHECK(store_->unindex({.place = {last.number, settled_known_.weight},
                                .hash = last.hash,
                                .transactions = ran->transactions},
                               bytes));
    KITH_CHECK(states_->step_back({last.number - 1, parent}));
    const std::unique_lock lock(mutex_);
    for (std::uint32_t i = 0; i < ran->transactions.size(); ++i)
      transactions_[ran->transactions[i]] = {last, i};
    settled_known_.ran = std::move(ran);
    tree_.insert_or_assign(last.hash, std::move(settled_known_));
    canonical_.push_front(last.hash);
    settled_known_ = before;
    settled_ = {last.number - 1, parent};
  }
  return store_->log().truncate(number + 1);
}

// What stays.

/// What of the chain up to that number, which has been run, is deep enough.
Result<void> Chain::settle_some(std::uint64_t run) {
  const std::uint64_t deep = run > options_.unsettled_depth ? run - options_.unsettled_depth : 0;
  const std::uint64_t upto = options_.settles_final_only ? std::min(finalized().number, run) : deep;
  if (upto < settled().number + settle_batch) return {};
  return settle_to(upto);
}

Result<void> Chain::settle_to(std::uint64_t number) {
  KITH_CHECK(follow_state());
  BlockLog& log = store_->log();
  // What an attempt that failed has left there may be of another branch.
  if (log.count() > settled_.number + 1) KITH_CHECK(log.truncate(settled_.number + 1));
  Hash last;
  for (std::uint64_t next = settled_.number + 1; next <= number; ++next) {
    KITH_TRY(last, hash_at(next));
    KITH_TRY(const auto block, load(last));
    KITH_TRY(const auto done, receipts(last));
    KITH_CHECK(log.append(block->encode(), encode_receipts(done)));
  }
  KITH_CHECK(log.sync());
  KITH_CHECK(states_->settle(last));
  KITH_CHECK(follow_state());
  return drop_branches();
}

/// Forgets what can't be the chain any more.
Result<void> Chain::drop_branches() {
  std::vector<Hash> dropped;
  {
    const std::unique_lock lock(mutex_);
    std::unordered_map<Hash, bool, SeededHasher> stays(0, SeededHasher{options_.seed});
    for (const Hash& hash : canonical_)
      stays[hash] = true;
    for (const auto& [number, hash] : by_number()) {
      if (stays.contains(hash)) continue;
      const auto parent = stays.find(tree_.at(hash).header->parent);
      // A parent outside of the tree is settled.
      const bool parent_stays = parent == stays.end() || parent->second;
      const bool old = number <= finalized_.number || number + branch_depth <= settled_.number;
      if (!(stays[hash] = parent_stays && !old)) dropped.push_back(hash);
    }
    for (const Hash& hash : dropped)
      tree_.erase(hash);
  }
  return dropped.empty() ? Result<void>() : store_->drop(dropped);
}

Result<void> Chain::finalize(const Hash& hash) {
  KITH_TRY(const Known known, find_known(hash));
  const BlockName name{known.header->number, hash};
  KITH_TRY(const Hash on_chain, hash_at(name.number));
  if (on_chain != hash || name.number < finalized().number)
    return std::unexpected(Errc::invalid_argument);
  KITH_CHECK(store_->set_named(final_key, hash));
  KITH_CHECK(store_->sync());
  {
    const std::unique_lock lock(mutex_);
    finalized_ = name;
  }
  KITH_CHECK(drop_branches());
  return settle_some(head().number);
}

Result<void> Chain::sync() {
  return store_->sync();
}

// Blocks of our own.

Result<std::unique_ptr<BlockBuilder>> Chain::build(const BlockPlan& plan) const {
  KITH_TRY(const Known parent, find_known(plan.parent));
  KITH_TRY(auto reader, states_->reader(plan.parent));
  const Header& before = *parent.header;
  Header header;
  header.parent = plan.parent;
  header.ommers = Block().ommers_hash();
  header.coinbase = plan.coinbase;
  header.difficulty = plan.difficulty;
  header.number = before.number + 1;
  header.gas_limit = plan.gas_limit;
  header.timestamp = plan.timestamp;
  header.extra_data = plan.extra_data;
  header.mix_hash = plan.mix_hash;
  const Revision rules = revision(header, parent.weight);
  if (rules >= Revision::london)
    header.base_fee = plan.base_fee.value_or(next_base_fee(before, schedule_));
  add_fork_fields(header, rules);
  if (rules >= Revision::cancun) {
    header.excess_blob_gas =
        next_excess_blob_gas(before, schedule_.blob_schedule_at(header.timestamp, rules), rules);
  }
  std::unique_ptr<BlockBuilder> builder(
      new BlockBuilder(*this, *states_, std::move(reader), rules, options_.seed, header));
  KITH_CHECK(builder->processor_.begin(header));
  return builder;
}

Result<std::expected<Chain::Added, InvalidBlock>> Chain::adopt(const BlockBuilder& builder,
                                                               const Block& sealed) {
  const Hash hash = sealed.header.hash();
  const Header& built = builder.header();
  if (sealed.header.state_root != built.state_root ||
      sealed.header.transactions_root != built.transactions_root) {
    return std::unexpected(Errc::invalid_argument);
  }
  auto ran = std::make_shared<const Ran>(builder.receipts(), hashes_of(sealed.transactions));
  KITH_TRY(const auto added, add_with(sealed, hash, std::move(ran)));
  if (added) states_->add({sealed.header.number, hash}, sealed.header.parent, builder.prepared_);
  return added;
}

// For development.

Result<void> Chain::alter_state(const Hash& hash, World& world) {
  KITH_TRY(const StateTree::Prepared altered, states_->altered(hash, world));
  return restore_state(hash, altered);
}

Result<StateTree::Prepared> Chain::keep_state(const Hash& hash) const {
  return states_->keep(hash);
}

Result<void> Chain::restore_state(const Hash& hash, const StateTree::Prepared& kept) {
  KITH_TRY(const Known known, find_known(hash));
  const Hash& parent = known.header->parent;
  if (hash == settled().hash || !states_->has(parent)) return std::unexpected(Errc::not_found);
  states_->add({known.header->number, hash}, parent, kept);
  return {};
}

BlockBuilder::BlockBuilder(const Chain& chain, const StateTree& states,
                           std::unique_ptr<StateReader> reader, Revision revision,
                           std::uint64_t seed, Header header)
    : states_(states),
      reader_(std::move(reader)),
      world_(*reader_, revision, seed),
      processor_(chain.schedule(), world_, [&chain, parent = header.parent](std::uint64_t number) {
        return chain.ancestor(parent, number);
      }) {
  block_.header = std::move(header);
  if (block_.header.withdrawals_root) block_.withdrawals.emplace();
  bytes_ = block_.encode().size();
}

BlockBuilder::~BlockBuilder() = default;

Result<std::expected<void, Error>> BlockBuilder::add(const Transaction& transaction,
                                                     const Address& sender) {
  const std::size_t bytes = transaction.encode().size();
  // Lengths in front of lists and strings take some, too.
  constexpr std::size_t slack = 16;
  if (bytes_ + bytes + slack > block_bytes_max)
    return std::expected<void, Error>(std::unexpect, InvalidBlock::too_large);
  KITH_TRY(const auto applied, processor_.apply(transaction, sender));
  if (!applied) return applied;
  block_.transactions.push_back(transaction);
  bytes_ += bytes + slack;
  return applied;
}

Result<std::expected<Block, BlockRefusal>> BlockBuilder::finish() {
  using Judged = std::expected<Block, BlockRefusal>;
  KITH_TRY(auto done, processor_.finish(block_));
  if (!done) return Judged(std::unexpect, std::move(done).error());
  done_ = *std::move(done);
  Header& header = block_.header;
  KITH_TRY(prepared_, states_.prepare(header.parent, world_));
  header.state_root = prepared_.root();
  header.transactions_root = block_.transactions_root();
  header.receipts_root = done_.receipts_root;
  header.bloom = done_.bloom;
  header.gas_used = done_.gas_used;
  if (header.blob_gas_used) header.blob_gas_used = done_.blob_gas_used;
  if (header.requests_hash) header.requests_hash = done_.requests_hash;
  return Judged(block_);
}

}  // namespace kith::ledger
