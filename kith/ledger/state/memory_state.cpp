#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/account_record.hpp>
#include <kith/ledger/state/memory_state.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

Bytes key_of(ByteView bytes) {
  return to_bytes(keccak256(bytes).view());
}

Hash storage_root(const std::map<U256, U256>& storage) {
  std::vector<TrieEntry> entries;
  entries.reserve(storage.size());
  for (const auto& [key, value] : storage) {
    TrieEntry& entry = entries.emplace_back();
    entry.key = key_of(key.to_be());
    RlpWriter(entry.value).number(value);
  }
  return trie_root(std::move(entries));
}

}  // namespace

void MemoryState::set(const Address& address, Account account) {
  std::erase_if(account.storage, [](const auto& slot) { return slot.second.is_zero(); });
  if (!account.code.empty())
    codes_[keccak256(account.code)] = std::make_shared<const Code>(account.code);
  accounts_[address] = std::move(account);
}

const MemoryState::Account* MemoryState::find(const Address& address) const {
  const auto found = accounts_.find(address);
  return found == accounts_.end() ? nullptr : &found->second;
}

void MemoryState::apply(World& world) {
  for (World::Account& changed : world.accounts()) {
    if (!changed.changed) continue;
    if (!changed.exists) {
      accounts_.erase(changed.address);
      continue;
    }
    const CodePointer code = world.code_of(changed);
    Account next{.nonce = changed.nonce,
                 .balance = changed.balance,
                 .code = to_bytes(code->bytes()),
                 .storage = {}};
    if (const Account* before = find(changed.address); before != nullptr && !changed.storage_is_new)
      next.storage = before->storage;
    for (const auto& [key, slot] : changed.storage)
      next.storage[key] = slot.current;
    set(changed.address, std::move(next));
  }
}

Hash MemoryState::root() const {
  std::vector<TrieEntry> entries;
  entries.reserve(accounts_.size());
  for (const auto& [address, account] : accounts_) {
    TrieEntry& entry = entries.emplace_back();
    entry.key = key_of(address.view());
    entry.value = AccountRecord{.nonce = account.nonce,
                                .balance = account.balance,
                                .storage_root = storage_root(account.storage),
                                .code_hash = keccak256(account.code)}
                      .encode();
  }
  return trie_root(std::move(entries));
}

Result<std::optional<AccountState>> MemoryState::account(const Address& address) {
  const Account* found = find(address);
  if (found == nullptr) return std::nullopt;
  return AccountState{.nonce = found->nonce,
                      .balance = found->balance,
                      .code_hash = keccak256(found->code),
                      .has_storage = !found->storage.empty()};
}

Result<U256> MemoryState::storage(const Address& address, const U256& key) {
  const Account* found = find(address);
  if (found == nullptr) return U256();
  const auto slot = found->storage.find(key);
  return slot == found->storage.end() ? U256() : slot->second;
}

Result<CodePointer> MemoryState::code(const Hash& hash) {
  const auto found = codes_.find(hash);
  if (found == codes_.end()) return std::unexpected(Errc::not_found);
  return found->second;
}

}  // namespace kith::ledger
