#include <kith/ledger/state/detail/state_layer.hpp>

namespace kith::ledger::detail {
namespace {

constexpr auto corrupt = [] { return std::unexpected(Errc::corrupt); };

template <class Map>
auto find_in(const Map& map, const typename Map::key_type& key) -> const
    typename Map::mapped_type* {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

Result<std::optional<Bytes>> copied(Result<std::optional<ByteView>> found) {
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) return std::nullopt;
  return to_bytes(**found);
}

/// Calls each(rest of the key, value) with all that begins with the prefix.
Result<void> scan_prefix(port::Snapshot& disk, port::Namespace space, ByteView prefix,
                         const std::function<void(ByteView rest, ByteView value)>& each) {
  return disk.scan(space, prefix, [&](ByteView key, ByteView value) {
    if (key.size() < prefix.size() || !equal(key.first(prefix.size()), prefix)) return false;
    each(key.subspan(prefix.size()), value);
    return true;
  });
}

NodeChanges nodes_of(Trie& trie) {
  NodeChanges changes;
  trie.take_changes([&](const NibblePath& path, const Bytes* node) {
    changes[node_key(path)] = node == nullptr ? std::nullopt : std::optional<Bytes>(*node);
  });
  return changes;
}

/// The account's storage as the change leaves it: its trie, and the layer's slots.
Result<void> change_storage(const StateView& view, const Hash& address, const AccountChange& change,
                            StateLayer::Account& into) {
  const bool had = into.before && into.before->storage_root != empty_trie_root;
  into.cleared = had && (change.cleared || !change.now);
  if (into.cleared) {
    KITH_TRY(const auto all, view.slots(address));
    for (const auto& [key, value] : all)
      into.slots[key] = {.before = value, .now = 0};
  }
  const Hash root = had && !into.cleared ? into.before->storage_root : empty_trie_root;
  StorageNodes nodes(view, address);
  Trie trie(nodes, root);
  for (const auto& [key, value] : change.slots) {
    StateLayer::Account::Slot& slot = into.slots[key];
    if (!into.cleared) {
      KITH_TRY(slot.before, view.slot(address, key));
    }
    slot.now = value;
    Bytes encoded;
    if (!value.is_zero()) RlpWriter(encoded).number(value);
    KITH_CHECK(trie.put(key, encoded));
  }
  if (!into.now) return {};
  into.now->storage_root = trie.root();
  into.nodes = nodes_of(trie);
  return {};
}

}  // namespace

/// Two nibbles a byte, and behind them a byte that tells whether one more follows: no path's key is
/// empty or another one's.
Bytes node_key(const NibblePath& path) {
  Bytes key;
  std::size_t i = 0;
  for (; i + 1 < path.size(); i += 2)
    key.push_back(static_cast<std::uint8_t>(path[i] << 4 | path[i + 1]));
  key.push_back(i < path.size() ? static_cast<std::uint8_t>(0x10 | path[i]) : 0);
  return key;
}

Bytes joined(ByteView first, ByteView second) {
  Bytes both = to_bytes(first);
  append(both, second);
  return both;
}

Bytes with_number(ByteView key, std::uint64_t block) {
  Bytes whole = to_bytes(key);
  whole.resize(key.size() + sizeof block);
  store_be(whole.data() + key.size(), block);
  return whole;
}

Bytes value_bytes(const U256& value) {
  const auto big_endian = value.to_be();
  return to_bytes(ByteView(big_endian).last(value.byte_width()));
}

Result<std::optional<AccountRecord>> StateView::account(const Hash& address) const {
  for (const auto& layer : layers_) {
    if (const auto* found = find_in(layer->accounts, address)) return found->now;
  }
  KITH_TRY(const auto stored, disk_->get(space(accounts), address.view()));
  if (!stored) return std::nullopt;
  const auto record = AccountRecord::decode(*stored);
  if (!record) return corrupt();
  return *record;
}

Result<U256> StateView::slot(const Hash& address, const Hash& key) const {
  for (const auto& layer : layers_) {
    const auto* account = find_in(layer->accounts, address);
    if (account == nullptr) continue;
    if (const auto* found = find_in(account->slots, key)) return found->now;
    if (account->cleared) return U256();
  }
  KITH_TRY(const auto stored, disk_->get(space(storage), joined(address.view(), key.view())));
  return stored ? U256::from_be(*stored) : U256();
}

Result<CodePointer> StateView::code(const Hash& hash) const {
  for (const auto& layer : layers_) {
    if (const auto* found = find_in(layer->codes, hash)) return *found;
  }
  KITH_TRY(const auto stored, disk_->get(space(codes), hash.view()));
  if (!stored) return corrupt();
  return std::make_shared<const Code>(*stored);
}

Result<std::map<Hash, U256>> StateView::slots(const Hash& address) const {
  std::map<Hash, U256> all;
  const auto add = [&](ByteView key, ByteView value) {
    if (const auto hash = Hash::from_bytes(key)) all[*hash] = U256::from_be(value);
  };
  KITH_CHECK(scan_prefix(*disk_, space(storage), address.view(), add));
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    const auto* account = find_in((*layer)->accounts, address);
    if (account == nullptr) continue;
    if (account->cleared) all.clear();
    for (const auto& [key, slot] : account->slots)
      all[key] = slot.now;
  }
  std::erase_if(all, [](const auto& one) { return one.second.is_zero(); });
  return all;
}

Result<std::optional<Bytes>> StateView::account_node(const NibblePath& path) const {
  const Bytes key = node_key(path);
  for (const auto& layer : layers_) {
    if (const auto* found = find_in(layer->nodes, key)) return *found;
  }
  return copied(disk_->get(space(account_nodes), key));
}

Result<std::optional<Bytes>> StateView::storage_node(const Hash& address,
                                                     const NibblePath& path) const {
  const Bytes key = node_key(path);
  for (const auto& layer : layers_) {
    const auto* account = find_in(layer->accounts, address);
    if (account == nullptr) continue;
    if (const auto* found = find_in(account->nodes, key)) return *found;
    if (account->cleared) return std::nullopt;
  }
  return copied(disk_->get(space(storage_nodes), joined(address.view(), key)));
}

std::shared_ptr<StateLayer> merged(const StateLayer& below, const StateLayer& above) {
  auto both = std::make_shared<StateLayer>(below);
  both->root = above.root;
  for (const auto& [address, change] : above.accounts) {
    const auto [at, is_new] = both->accounts.try_emplace(address, change);
    if (is_new) continue;
    StateLayer::Account& account = at->second;
    account.now = change.now;
    account.cleared |= change.cleared;
    if (change.cleared) account.nodes.clear();
    for (const auto& [key, slot] : change.slots) {
      const auto [slot_at, slot_is_new] = account.slots.try_emplace(key, slot);
      if (!slot_is_new) slot_at->second.now = slot.now;
    }
    for (const auto& [key, node] : change.nodes)
      account.nodes.insert_or_assign(key, node);
  }
  for (const auto& [hash, code] : above.codes)
    both->codes.insert_or_assign(hash, code);
  for (const auto& [key, node] : above.nodes)
    both->nodes.insert_or_assign(key, node);
  return both;
}

Result<std::shared_ptr<StateLayer>> layer_of(const StateView& view,
                                             const std::map<Hash, AccountChange>& changes) {
  auto layer = std::make_shared<StateLayer>();
  AccountNodes nodes(view);
  Trie trie(nodes, view.root());
  for (const auto& [address, change] : changes) {
    StateLayer::Account account;
    KITH_TRY(account.before, view.account(address));
    account.now = change.now;
    if (!account.before && !account.now) continue;
    KITH_CHECK(change_storage(view, address, change, account));
    KITH_CHECK(trie.put(address, account.now ? account.now->encode() : Bytes()));
    layer->accounts.emplace(address, std::move(account));
  }
  layer->root = trie.root();
  layer->nodes = nodes_of(trie);
  return layer;
}

namespace {

void write_nodes(const NodeChanges& nodes, ByteView prefix, port::Namespace space,
                 port::Batch& batch) {
  for (const auto& [key, node] : nodes) {
    const Bytes whole = joined(prefix, key);
    if (node) {
      batch.put(space, whole, *node);
    } else {
      batch.erase(space, whole);
    }
  }
}

/// What the block changed: [ [ address, [ key, ... ] ], ... ], by hashes.
Bytes changed_keys(const StateLayer& layer) {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  for (const auto& [address, account] : layer.accounts) {
    const RlpWriter::List pair = writer.begin_list();
    writer.hash(address);
    const RlpWriter::List keys = writer.begin_list();
    for (const auto& [key, slot] : account.slots)
      writer.hash(key);
    writer.end_list(keys);
    writer.end_list(pair);
  }
  writer.end_list(list);
  return out;
}

}  // namespace

Result<void> write_layer(const StateLayer& layer, const StateView& below,
                         std::optional<std::uint64_t> past_of, port::Namespace first_space,
                         port::Batch& batch) {
  const auto space = [&](Space one) { return first_space + one; };
  for (const auto& [address, account] : layer.accounts) {
    if (account.now) {
      batch.put(space(accounts), address.view(), account.now->encode());
    } else {
      batch.erase(space(accounts), address.view());
    }
    if (account.cleared) {
      const auto erase = [&](ByteView rest, ByteView) {
        batch.erase(space(storage_nodes), joined(address.view(), rest));
      };
      KITH_CHECK(scan_prefix(below.disk(), space(storage_nodes), address.view(), erase));
    }
    write_nodes(account.nodes, address.view(), space(storage_nodes), batch);
    for (const auto& [key, slot] : account.slots) {
      const Bytes whole = joined(address.view(), key.view());
      if (slot.now.is_zero()) {
        batch.erase(space(storage), whole);
      } else {
        batch.put(space(storage), whole, value_bytes(slot.now));
      }
      if (past_of)
        batch.put(space(storage_past), with_number(whole, *past_of), value_bytes(slot.before));
    }
    if (past_of) {
      batch.put(space(account_past), with_number(address.view(), *past_of),
                account.before ? account.before->encode() : Bytes());
    }
  }
  for (const auto& [hash, code] : layer.codes)
    batch.put(space(codes), hash.view(), code->bytes());
  write_nodes(layer.nodes, {}, space(account_nodes), batch);
  if (past_of) batch.put(space(block_past), with_number({}, *past_of), changed_keys(layer));
  return {};
}

}  // namespace kith::ledger::detail
