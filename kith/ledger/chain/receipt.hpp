// What is remembered of a transaction that ran (Yellow Paper, 4.3.1; EIP-658, 2718). Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/evm/world.hpp>

namespace kith::ledger {

/// 2,048 bits: three of each log's address and topics are set (Yellow Paper, 4.3.1).
struct Bloom {
  std::array<std::uint8_t, 256> bits{};

  void add(ByteView item) noexcept;
  void add(const LogEntry& entry) noexcept;
  void add(const Bloom& other) noexcept;
  /// False if the item certainly wasn't added.
  bool may_contain(ByteView item) const noexcept;

  friend bool operator==(const Bloom&, const Bloom&) = default;
};

struct Receipt {
  Transaction::Type type = Transaction::Type::legacy;
  bool succeeded = false;
  /// Before Byzantium the state's root stands where the status does now.
  std::optional<Hash> root;
  std::uint64_t cumulative_gas = 0;  ///< of the block up to here
  Bloom bloom;
  std::vector<LogEntry> logs;

  /// What a block's trie carries.
  Bytes encode() const;
};

/// The receipts of a block as they are kept: a list of [type, status or root, cumulative gas,
/// logs]. The blooms aren't kept, since they follow from the logs.
Bytes encode_receipts(std::span<const Receipt> receipts);
RlpResult<std::vector<Receipt>> decode_receipts(ByteView input);

/// A list of [address, topics, data].
void write_logs(RlpWriter& writer, const std::vector<LogEntry>& logs);

}  // namespace kith::ledger
