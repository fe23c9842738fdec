#include <mutex>
#include <ranges>

#include <kith/base/assert.hpp>
#include <kith/ledger/state/detail/state_layer.hpp>
#include <kith/ledger/state/state_tree.hpp>

namespace kith::ledger {
namespace {

using detail::AccountChange;
using detail::StateLayer;
using detail::StateView;

constexpr std::string_view head_key = "head";

Hash hashed(const Address& address) {
  return keccak256(address.view());
}
Hash hashed(const U256& key) {
  return keccak256(key.to_be());
}

Bytes encode_head(const BlockName& block, const Hash& root) {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  writer.number(block.number);
  writer.hash(block.hash);
  writer.hash(root);
  writer.end_list(list);
  return out;
}

RlpResult<std::pair<BlockName, Hash>> decode_head(ByteView input) {
  RlpReader whole(input);
  KITH_TRY(RlpReader list, whole.list());
  std::pair<BlockName, Hash> head;
  KITH_TRY(head.first.number, list.small_number());
  KITH_TRY(head.first.hash, list.hash());
  KITH_TRY(head.second, list.hash());
  KITH_CHECK(list.end());
  return head;
}

/// What a world has made of a state.
std::map<Hash, AccountChange> changes_of(World& world, std::map<Hash, CodePointer>& codes) {
  std::map<Hash, AccountChange> changes;
  for (World::Account& account : world.accounts()) {
    if (!account.changed) continue;
    AccountChange change;
    change.cleared = account.storage_is_new;
    if (account.exists) {
      change.now = AccountRecord{.nonce = account.nonce,
                                 .balance = account.balance,
                                 .storage_root = empty_trie_root,
                                 .code_hash = account.code_hash};
      if (account.has_code() && account.code != nullptr) codes[account.code_hash] = account.code;
      for (const auto& [key, slot] : account.storage) {
        if (slot.current != slot.before) change.slots[hashed(key)] = slot.current;
      }
    }
    changes.emplace(hashed(account.address), std::move(change));
  }
  return changes;
}

std::map<Hash, AccountChange> changes_of(const MemoryState& state,
                                         std::map<Hash, CodePointer>& codes) {
  std::map<Hash, AccountChange> changes;
  for (const auto& [address, account] : state.accounts()) {
    AccountChange change;
    const Hash code_hash = keccak256(account.code);
    change.now = AccountRecord{.nonce = account.nonce,
                               .balance = account.balance,
                               .storage_root = empty_trie_root,
                               .code_hash = code_hash};
    if (!account.code.empty()) codes[code_hash] = std::make_shared<const Code>(account.code);
    for (const auto& [key, value] : account.storage)
      change.slots[hashed(key)] = value;
    changes.emplace(hashed(address), std::move(change));
  }
  return changes;
}

AccountState state_of(const AccountRecord& record) {
  return {.nonce = record.nonce,
          .balance = record.balance,
          .code_hash = record.code_hash,
          .has_storage = record.storage_root != empty_trie_root};
}

/// The state after a block that is a layer or on disk.
class ViewReader final : public StateReader {
 public:
  explicit ViewReader(StateView view) : view_(std::move(view)) {}

  Result<std::optional<AccountState>> account(const Address& address) override {
    KITH_TRY(const auto record, view_.account(hashed(address)));
    if (!record) return std::nullopt;
    return state_of(*record);
  }
  Result<U256> storage(const Address& address, const U256& key) override {
    return view_.slot(hashed(address), hashed(key));
  }
  Result<CodePointer> code(const Hash& hash) override { return view_.code(hash); }

 private:
  StateView view_;
};

/// The state after a block of the past: what the first later block that changed a thing found
/// there, or what is there now.
class PastReader final : public StateReader {
 public:
  PastReader(StateView view, std::uint64_t number) : view_(std::move(view)), number_(number) {}

  Result<std::optional<AccountState>> account(const Address& address) override {
    const Hash hash = hashed(address);
    KITH_TRY(const auto before, value_before(detail::account_past, hash.view()));
    if (!before) {
      KITH_TRY(const auto record, view_.account(hash));
      if (!record) return std::nullopt;
      return state_of(*record);
    }
    if (before->empty()) return std::nullopt;
    const auto record = AccountRecord::decode(*before);
    if (!record) return std::unexpected(Errc::corrupt);
    return state_of(*record);
  }
  Result<U256> storage(const Address& address, const U256& key) override {
    const Hash hash = hashed(address);
    const Hash slot = hashed(key);
    KITH_TRY(const auto before,
             value_before(detail::storage_past, detail::joined(hash.view(), slot.view())));
    if (before) return U256::from_be(*before);
    return view_.slot(hash, slot);
  }
  Result<CodePointer> code(const Hash& hash) override { return view_.code(hash); }

 private:
  Result<std::optional<Bytes>> value_before(detail::Space space, ByteView key) {
    std::optional<Bytes> found;
    KITH_CHECK(view_.disk().scan(view_.space(space), detail::with_number(key, number_ + 1),
                                 [&](ByteView at, ByteView value) {
                                   const bool same = at.size() == key.size() + 8 &&
                                                     equal(at.first(key.size()), key);
                                   if (same) found = to_bytes(value);
                                   return false;
                                 }));
    return found;
  }

  StateView view_;
  std::uint64_t number_;
};

/// Calls each(address, keys) with what a block changed.
RlpResult<void> for_changed(
    ByteView encoded,
    const std::function<void(const Hash& address, const std::vector<Hash>& keys)>& each) {
  RlpReader whole(encoded);
  KITH_TRY(RlpReader list, whole.list());
  while (!list.at_end()) {
    KITH_TRY(RlpReader pair, list.list());
    KITH_TRY(const Hash address, pair.hash());
    KITH_TRY(RlpReader of_account, pair.list());
    std::vector<Hash> keys;
    while (!of_account.at_end()) {
      KITH_TRY(keys.emplace_back(), of_account.hash());
    }
    each(address, keys);
  }
  return {};
}

}  // namespace

std::vector<std::string> StateTree::namespaces() {
  return {"accounts",     "storage",      "codes",      "account-nodes", "storage-nodes",
          "account-past", "storage-past", "block-past", "state-meta"};
}

StateTree::StateTree(port::KeyValue& store, port::Namespace first_space,
                     const StateTreeOptions& options)
    : store_(store), first_space_(first_space), options_(options) {}

StateTree::~StateTree() = default;

Result<std::unique_ptr<StateTree>> StateTree::open(port::KeyValue& store,
                                                   port::Namespace first_space,
                                                   const StateTreeOptions& options) {
  std::unique_ptr<StateTree> tree(new StateTree(store, first_space, options));
  KITH_TRY(const auto snapshot, store.snapshot());
  KITH_TRY(const auto head, snapshot->get(first_space + detail::meta, as_bytes(head_key)));
  if (!head) return std::unexpected(Errc::not_found);
  const auto read = decode_head(*head);
  if (!read) return std::unexpected(Errc::corrupt);
  tree->settled_ = read->first;
  tree->settled_root_ = read->second;
  return tree;
}

Result<std::unique_ptr<StateTree>> StateTree::begin(port::KeyValue& store,
                                                    port::Namespace first_space,
                                                    const StateTreeOptions& options,
                                                    const BlockName& genesis,
                                                    const MemoryState& state) {
  std::unique_ptr<StateTree> tree(new StateTree(store, first_space, options));
  KITH_TRY(auto snapshot, store.snapshot());
  const StateView nothing({}, std::move(snapshot), first_space, empty_trie_root);
  std::map<Hash, CodePointer> codes;
  KITH_TRY(auto layer, detail::layer_of(nothing, changes_of(state, codes)));
  layer->codes = std::move(codes);
  port::Batch batch;
  KITH_CHECK(detail::write_layer(*layer, nothing, std::nullopt, first_space, batch));
  batch.put(first_space + detail::meta, as_bytes(head_key), encode_head(genesis, layer->root));
  KITH_CHECK(store.commit(batch, port::Durability::synced));
  tree->settled_ = genesis;
  tree->settled_root_ = layer->root;
  return tree;
}

BlockName StateTree::settled() const {
  const std::shared_lock lock(mutex_);
  return settled_;
}

Result<Hash> StateTree::root_of(const Hash& block) const {
  const std::shared_lock lock(mutex_);
  if (block == settled_.hash) return settled_root_;
  const auto found = layers_.find(block);
  if (found == layers_.end()) return std::unexpected(Errc::not_found);
  return found->second.layer->root;
}

bool StateTree::has(const Hash& block) const {
  return root_of(block).has_value();
}

/// Layers and disk as they were at one moment.
Result<StateView> StateTree::view_of(const Hash& block) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<const StateLayer>> layers;
  Hash at = block;
  while (at != settled_.hash) {
    const auto found = layers_.find(at);
    if (found == layers_.end()) return std::unexpected(Errc::not_found);
    layers.push_back(found->second.layer);
    at = found->second.parent;
  }
  KITH_TRY(auto snapshot, store_.snapshot());
  const Hash root = layers.empty() ? settled_root_ : layers.front()->root;
  return StateView(std::move(layers), std::move(snapshot), first_space_, root);
}

Result<std::unique_ptr<StateReader>> StateTree::reader(const Hash& block) const {
  KITH_TRY(StateView view, view_of(block));
  return std::make_unique<ViewReader>(std::move(view));
}

Result<std::unique_ptr<StateReader>> StateTree::past_reader(std::uint64_t number) const {
  const BlockName now = settled();
  KITH_TRY(StateView view, view_of(now.hash));
  if (number > now.number) return std::unexpected(Errc::not_found);
  if (number < now.number) {
    KITH_TRY(const auto kept,
             view.disk().get(view.space(detail::block_past), detail::with_number({}, number + 1)));
    if (!kept) return std::unexpected(Errc::not_found);
  }
  return std::make_unique<PastReader>(std::move(view), number);
}

Result<StateTree::Prepared> StateTree::prepare(const Hash& parent, World& world) const {
  KITH_TRY(const StateView view, view_of(parent));
  std::map<Hash, CodePointer> codes;
  KITH_TRY(auto layer, detail::layer_of(view, changes_of(world, codes)));
  layer->codes = std::move(codes);
  Prepared prepared;
  prepared.root_ = layer->root;
  prepared.layer_ = std::move(layer);
  return prepared;
}

void StateTree::add(const BlockName& block, const Hash& parent, const Prepared& prepared) {
  const std::unique_lock lock(mutex_);
  layers_[block.hash] = {block, parent, prepared.layer_};
}

Result<Hash> StateTree::add(const BlockName& block, const Hash& parent, World& world) {
  KITH_TRY(const Prepared prepared, prepare(parent, world));
  add(block, parent, prepared);
  return prepared.root();
}

Result<StateTree::Prepared> StateTree::keep(const Hash& block) const {
  const std::shared_lock lock(mutex_);
  const auto found = layers_.find(block);
  if (found == layers_.end()) return std::unexpected(Errc::not_found);
  Prepared kept;
  kept.root_ = found->second.layer->root;
  kept.layer_ = found->second.layer;
  return kept;
}

Result<StateTree::Prepared> StateTree::altered(const Hash& block, World& world) const {
  KITH_TRY(const Prepared below, keep(block));
  KITH_TRY(Prepared above, prepare(block, world));
  above.layer_ = detail::merged(*below.layer_, *above.layer_);
  return above;
}

Result<void> StateTree::settle(const Hash& block) {
  std::vector<Named> newest_first;
  {
    const std::shared_lock lock(mutex_);
    for (Hash at = block; at != settled_.hash; at = newest_first.back().parent) {
      const auto found = layers_.find(at);
      if (found == layers_.end()) return std::unexpected(Errc::not_found);
      newest_first.push_back(found->second);
    }
  }
  // The oldest first, each in a batch of its own: its view of the disk is the state below it.
  for (const Named& one : newest_first | std::views::reverse)
    KITH_CHECK(settle_next(one));
  return newest_first.empty() ? Result<void>() : store_.sync();
}

Result<void> StateTree::settle_next(const Named& next) {
  KITH_TRY(auto snapshot, store_.snapshot());
  const StateView below({}, std::move(snapshot), first_space_, settled_root_);
  port::Batch batch;
  KITH_CHECK(detail::write_layer(*next.layer, below, next.block.number, first_space_, batch));
  batch.put(first_space_ + detail::meta, as_bytes(head_key),
            encode_head(next.block, next.layer->root));
  KITH_CHECK(forget_past(below.disk(), next.block.number, batch));
  // A reader that begins sees the layers and the disk of one moment: nothing may come between.
  const std::unique_lock lock(mutex_);
  KITH_CHECK(store_.commit(batch, port::Durability::unsynced));
  settled_ = next.block;
  settled_root_ = next.layer->root;
  // What doesn't come of the settled block can't be read any more: its ground is gone.
  for (bool found = true; found;) {
    found = std::erase_if(layers_, [&](const auto& one) {
              const Hash& parent = one.second.parent;
              return one.first == settled_.hash ||
                     (parent != settled_.hash && !layers_.contains(parent));
            }) > 0;
  }
  return {};
}

Result<void> StateTree::forget_past(port::Snapshot& snapshot, std::uint64_t newest,
                                    port::Batch& batch) const {
  if (!options_.past_blocks || newest < *options_.past_blocks) return {};
  const std::uint64_t number = newest - *options_.past_blocks;
  const port::Namespace space = first_space_ + detail::block_past;
  KITH_TRY(const auto keys, snapshot.get(space, detail::with_number({}, number)));
  if (!keys) return {};
  const auto forgotten = for_changed(*keys, [&](const Hash& address,
                                                const std::vector<Hash>& slots) {
    batch.erase(first_space_ + detail::account_past, detail::with_number(address.view(), number));
    for (const Hash& slot : slots) {
      const Bytes whole = detail::joined(address.view(), slot.view());
      batch.erase(first_space_ + detail::storage_past, detail::with_number(whole, number));
    }
  });
  if (!forgotten) return std::unexpected(Errc::corrupt);
  batch.erase(space, detail::with_number({}, number));
  return {};
}

Result<void> StateTree::step_back(const BlockName& parent) {
  const std::unique_lock lock(mutex_);
  const std::uint64_t number = settled_.number;
  KITH_TRY(auto snapshot, store_.snapshot());
  const StateView now({}, std::move(snapshot), first_space_, settled_root_);
  const Bytes number_key = detail::with_number({}, number);
  KITH_TRY(const auto keys, now.disk().get(first_space_ + detail::block_past, number_key));
  if (!keys || number == 0 || parent.number + 1 != number) return std::unexpected(Errc::not_found);
  std::map<Hash, AccountChange> changes;
  port::Batch batch;
  Result<void> read;
  const auto restored =
      for_changed(*keys, [&](const Hash& address, const std::vector<Hash>& slots) {
        AccountChange& change = changes[address];
        const auto take = [&](detail::Space space, ByteView key) -> ByteView {
          const Bytes at = detail::with_number(key, number);
          auto found = now.disk().get(first_space_ + space, at);
          if (!found || !*found) {
            read = found ? Result<void>(std::unexpect, Errc::corrupt)
                         : Result<void>(std::unexpect, found.error());
            return {};
          }
          batch.erase(first_space_ + space, at);
          return **found;
        };
        if (const ByteView before = take(detail::account_past, address.view()); !before.empty()) {
          const auto record = AccountRecord::decode(before);
          if (record) change.now = *record;
        }
        for (const Hash& slot : slots) {
          const Bytes whole = detail::joined(address.view(), slot.view());
          change.slots[slot] = U256::from_be(take(detail::storage_past, whole));
        }
      });
  if (!restored) return std::unexpected(Errc::corrupt);
  KITH_CHECK(read);
  KITH_TRY(auto layer, detail::layer_of(now, changes));
  KITH_CHECK(detail::write_layer(*layer, now, std::nullopt, first_space_, batch));
  batch.erase(first_space_ + detail::block_past, number_key);
  batch.put(first_space_ + detail::meta, as_bytes(head_key), encode_head(parent, layer->root));
  KITH_CHECK(store_.commit(batch, port::Durability::synced));
  settled_ = parent;
  settled_root_ = layer->root;
  layers_.clear();
  return {};
}

Result<StateTree::Proof> StateTree::prove(const Hash& block, const Address& address,
                                          const std::vector<U256>& keys) const {
  KITH_TRY(const StateView view, view_of(block));
  const Hash hash = hashed(address);
  Proof proof;
  KITH_TRY(proof.account, view.account(hash));
  detail::AccountNodes account_nodes(view);
  Trie accounts(account_nodes, view.root());
  KITH_TRY(proof.account_nodes, accounts.prove(hash));
  detail::StorageNodes storage_nodes(view, hash);
  Trie storage(storage_nodes, proof.account ? proof.account->storage_root : empty_trie_root);
  for (const U256& key : keys) {
    Proof::Slot& slot = proof.slots.emplace_back();
    slot.key = key;
    KITH_TRY(slot.value, view.slot(hash, hashed(key)));
    KITH_TRY(slot.nodes, storage.prove(hashed(key)));
  }
  return proof;
}

}  // namespace kith::ledger
