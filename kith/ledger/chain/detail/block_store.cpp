#include <kith/ledger/chain/detail/block_store.hpp>

namespace kith::ledger::detail {
namespace {

enum Space : port::Namespace { recent_blocks, block_numbers, block_hashes, transactions, meta };

constexpr std::string_view indexed_key = "indexed";

Bytes number_bytes(std::uint64_t number) {
  Bytes out(8);
  store_be(out.data(), number);
  return out;
}

}  // namespace

std::vector<std::string> BlockStore::namespaces() {
  return {"recent-blocks", "block-numbers", "block-hashes", "transactions", "chain-meta"};
}

Result<std::optional<Bytes>> BlockStore::get(port::Namespace space, ByteView key) const {
  KITH_TRY(const auto snapshot, store_.snapshot());
  KITH_TRY(const auto found, snapshot->get(first_space_ + space, key));
  if (!found) return std::nullopt;
  return to_bytes(*found);
}

Result<void> BlockStore::keep(const Hash& hash, ByteView block) {
  port::Batch batch;
  batch.put(first_space_ + recent_blocks, hash.view(), block);
  return store_.commit(batch, port::Durability::unsynced);
}

Result<std::optional<Bytes>> BlockStore::recent(const Hash& hash) const {
  return get(recent_blocks, hash.view());
}

Result<void> BlockStore::for_each_recent(
    const std::function<void(const Hash& hash, ByteView block)>& visit) const {
  KITH_TRY(const auto snapshot, store_.snapshot());
  return snapshot->scan(first_space_ + recent_blocks, Bytes(1), [&](ByteView key, ByteView value) {
    if (const auto hash = Hash::from_bytes(key)) visit(*hash, value);
    return true;
  });
}

Result<void> BlockStore::drop(std::span<const Hash> hashes) {
  port::Batch batch;
  for (const Hash& hash : hashes)
    batch.erase(first_space_ + recent_blocks, hash.view());
  return store_.commit(batch, port::Durability::unsynced);
}

Result<void> BlockStore::index(std::span<const Entry> entries) {
  if (entries.empty()) return {};
  port::Batch batch;
  for (const Entry& entry : entries) {
    const Bytes number = number_bytes(entry.place.number);
    Bytes place = number;
    append(place, entry.place.weight.to_be());
    batch.put(first_space_ + block_numbers, entry.hash.view(), place);
    batch.put(first_space_ + block_hashes, number, entry.hash.view());
    for (std::uint32_t i = 0; i < entry.transactions.size(); ++i) {
      Bytes where = number;
      where.resize(12);
      store_be(where.data() + 8, i);
      batch.put(first_space_ + transactions, entry.transactions[i].view(), where);
    }
    batch.erase(first_space_ + recent_blocks, entry.hash.view());
  }
  batch.put(first_space_ + meta, as_bytes(indexed_key), number_bytes(entries.back().place.number));
  return store_.commit(batch, port::Durability::unsynced);
}

Result<void> BlockStore::unindex(const Entry& entry, ByteView block) {
  port::Batch batch;
  batch.put(first_space_ + recent_blocks, entry.hash.view(), block);
  batch.erase(first_space_ + block_numbers, entry.hash.view());
  batch.erase(first_space_ + block_hashes, number_bytes(entry.place.number));
  for (const Hash& hash : entry.transactions)
    batch.erase(first_space_ + transactions, hash.view());
  batch.put(first_space_ + meta, as_bytes(indexed_key), number_bytes(entry.place.number - 1));
  return store_.commit(batch, port::Durability::unsynced);
}

Result<std::optional<std::uint64_t>> BlockStore::indexed() const {
  KITH_TRY(const auto number, get(meta, as_bytes(indexed_key)));
  if (!number) return std::nullopt;
  if (number->size() != 8) return std::unexpected(Errc::corrupt);
  return load_be<std::uint64_t>(number->data());
}

Result<std::optional<BlockStore::Place>> BlockStore::place_of(const Hash& hash) const {
  KITH_TRY(const auto place, get(block_numbers, hash.view()));
  if (!place) return std::nullopt;
  if (place->size() != 40) return std::unexpected(Errc::corrupt);
  return Place{load_be<std::uint64_t>(place->data()), U256::from_be(place->data() + 8)};
}

Result<std::optional<Hash>> BlockStore::hash_at(std::uint64_t number) const {
  KITH_TRY(const auto hash, get(block_hashes, number_bytes(number)));
  if (!hash) return std::nullopt;
  return Hash::from_bytes(*hash);
}

Result<std::optional<BlockStore::TransactionPlace>> BlockStore::transaction(
    const Hash& hash) const {
  KITH_TRY(const auto where, get(transactions, hash.view()));
  if (!where) return std::nullopt;
  if (where->size() != 12) return std::unexpected(Errc::corrupt);
  return TransactionPlace{load_be<std::uint64_t>(where->data()),
                          load_be<std::uint32_t>(where->data() + 8)};
}

Result<std::optional<Hash>> BlockStore::named(std::string_view name) const {
  KITH_TRY(const auto hash, get(meta, as_bytes(name)));
  if (!hash) return std::nullopt;
  return Hash::from_bytes(*hash);
}

Result<void> BlockStore::set_named(std::string_view name, const Hash& hash) {
  port::Batch batch;
  batch.put(first_space_ + meta, as_bytes(name), hash.view());
  return store_.commit(batch, port::Durability::unsynced);
}

}  // namespace kith::ledger::detail
