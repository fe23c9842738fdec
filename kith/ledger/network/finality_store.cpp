#include <kith/ledger/network/finality_store.hpp>

namespace kith::ledger {
namespace {

/// Not every block has a certificate of its own: so far below the recent ones those that aren't any
/// more are looked for.
constexpr std::uint64_t looked_back = 64;

Bytes key_of(char kind, std::uint64_t number) {
  Bytes key(9);
  key[0] = static_cast<std::uint8_t>(kind);
  store_be(key.data() + 1, number);
  return key;
}

std::optional<std::uint64_t> number_of(char kind, ByteView key) {
  if (key.size() != 9 || key[0] != static_cast<std::uint8_t>(kind)) return std::nullopt;
  return load_be<std::uint64_t>(key.data() + 1);
}

}  // namespace

Result<void> FinalityStore::put(std::uint64_t number, const bft::Certificate& certificate) {
  port::Batch batch;
  batch.put(space_, key_of('c', number), certificate.encode());
  if (number > finality_recent_max) {
    const std::uint64_t last = number - finality_recent_max;
    const std::uint64_t first = last - std::min(last, looked_back);
    KITH_TRY(const auto snapshot, store_.snapshot());
    KITH_CHECK(snapshot->scan(space_, key_of('c', first), [&](ByteView key, ByteView) {
      const auto old = number_of('c', key);
      if (!old || *old > last) return false;
      if (*old % epoch_length_ != 0) batch.erase(space_, key);
      return true;
    }));
  }
  return store_.commit(batch, port::Durability::unsynced);
}

Result<void> FinalityStore::put_set(bft::Epoch epoch, const bft::ValidatorSet& set) {
  port::Batch batch;
  batch.put(space_, key_of('s', epoch), set.encode());
  return store_.commit(batch, port::Durability::unsynced);
}

Result<FinalityStore::Proof> FinalityStore::newest_of(std::uint64_t first,
                                                      std::uint64_t last) const {
  KITH_TRY(const auto snapshot, store_.snapshot());
  std::optional<Proof> newest;
  bool is_damaged = false;
  KITH_CHECK(snapshot->scan(space_, key_of('c', first), [&](ByteView key, ByteView value) {
    const auto number = number_of('c', key);
    if (!number || *number > last) return false;
    auto read = bft::Certificate::decode(value);
    is_damaged |= !read;
    if (read) newest = Proof{*number, *std::move(read)};
    return true;
  }));
  if (newest) return *std::move(newest);
  return std::unexpected(Error(is_damaged ? Errc::corrupt : Errc::not_found));
}

Result<bft::ValidatorSet> FinalityStore::set_of(bft::Epoch epoch) const {
  KITH_TRY(const auto snapshot, store_.snapshot());
  KITH_TRY(const auto value, snapshot->get(space_, key_of('s', epoch)));
  if (!value) return std::unexpected(Errc::not_found);
  auto set = bft::ValidatorSet::decode(*value);
  if (!set) return std::unexpected(Error(Errc::corrupt));
  return *std::move(set);
}

}  // namespace kith::ledger
