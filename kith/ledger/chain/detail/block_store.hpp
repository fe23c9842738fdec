// The blocks of a chain on disk: the settled ones in a log, with indexes by hash and
// by transaction; those that may yet be taken back as single records.
//
// Each change is whole after a crash, but the three places (log, state, index) are written one
// after the other: log, then the state, then the index. Whoever opens them makes them agree again
// (Chain::open).
//
// Namespaces of the port::KeyValue:
//   recent-blocks   block hash -> the block
//   block-numbers   block hash -> number (8, big-endian), total weight (32)
//   block-hashes    number -> block hash
//   transactions    transaction hash -> number (8), index (4)
//   chain-meta      "head", "final" -> block hash; "indexed" -> number: up to where the index is
//
// Thread: calls block; reads are safe from several at once, the rest is of one at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/block_files.hpp>
#include <kith/port/key_value.hpp>

namespace kith::ledger::detail {

class BlockStore {
 public:
  static std::vector<std::string> namespaces();

  /// Both outlive it.
  BlockStore(port::KeyValue& store, port::Namespace first_space, BlockLog& log)
      : store_(store), first_space_(first_space), log_(log) {}

  BlockLog& log() const noexcept { return log_; }

  // Blocks that aren't settled.
  Result<void> keep(const Hash& hash, ByteView block);
  Result<std::optional<Bytes>> recent(const Hash& hash) const;
  Result<void> for_each_recent(
      const std::function<void(const Hash& hash, ByteView block)>& visit) const;
  Result<void> drop(std::span<const Hash> hashes);

  // The index of settled blocks.
  struct Place {
    std::uint64_t number = 0;
    U256 weight;  ///< of the branch up to this block
  };
  struct Entry {
    Place place;
    Hash hash;
    std::vector<Hash> transactions;
  };
  /// Adds the blocks, the oldest first, and drops them from the recent ones.
  Result<void> index(std::span<const Entry> entries);
  /// Takes the index's last block away and makes it a recent one.
  Result<void> unindex(const Entry& entry, ByteView block);
  /// Up to which block the index goes; nothing if it has none.
  Result<std::optional<std::uint64_t>> indexed() const;
  Result<std::optional<Place>> place_of(const Hash& hash) const;
  Result<std::optional<Hash>> hash_at(std::uint64_t number) const;
  struct TransactionPlace {
    std::uint64_t number = 0;
    std::uint32_t index = 0;
  };
  Result<std::optional<TransactionPlace>> transaction(const Hash& hash) const;

  Result<std::optional<Hash>> named(std::string_view name) const;
  /// Not durable before sync().
  Result<void> set_named(std::string_view name, const Hash& hash);
  /// All that was kept, dropped and named survives a crash when this returns.
  Result<void> sync() { return store_.sync(); }

 private:
  Result<std::optional<Bytes>> get(port::Namespace space, ByteView key) const;

  port::KeyValue& store_;
  port::Namespace first_space_;
  BlockLog& log_;
};

}  // namespace kith::ledger::detail
