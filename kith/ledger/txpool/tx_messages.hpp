// What peers tell each other of transactions: eth/68's three messages, in its form
// (ethereum/devp2p caps/eth.md), each behind the byte that eth numbers it with.
//
//   08  announce      [types: one byte each, [bytes ...], [hash ...]]
//   09  get           [request id, [hash ...]]
//   0a  transactions  [request id, [transaction ...]]
//
// A transaction's bytes are those of the encoding that its hash is of. An answer has transactions
// in the order in which they were asked for; what isn't there is left out, and so is what comes
// after the answer has become long (reply_bytes_soft_max). The readers take one form of each
// message, and nothing beyond limits.hpp. Thread: any; reading transactions is for workers.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <variant>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/txpool/pool_rules.hpp>

namespace kith::ledger {

class TxPool;

enum class TxMessageError {
  malformed = 1,    ///< not the RLP of such a message
  unknown_kind,     ///< a first byte that names no message
  too_large,        ///< more bytes than such a message may have
  too_many,         ///< more hashes or transactions than it may have
  empty,            ///< an announcement or request of nothing
  bad_transaction,  ///< one in it is none
};
const ErrorDomain& error_domain(TxMessageError) noexcept;

struct AnnouncedTransaction {
  Hash hash;
  std::uint8_t type = 0;  ///< as the peer says; there may be types that we don't know
  std::uint32_t bytes = 0;

  friend bool operator==(const AnnouncedTransaction&, const AnnouncedTransaction&) = default;
};
AnnouncedTransaction announced(const PoolTransaction& one) noexcept;

struct TxAnnouncement {
  std::vector<AnnouncedTransaction> transactions;

  /// There are at most announcement_hashes_max.
  Bytes encode() const;
};

struct TxRequest {
  std::uint64_t id = 0;
  std::vector<Hash> hashes;

  /// There are at most request_hashes_max.
  Bytes encode() const;
};

struct ReceivedTransaction {
  Transaction transaction;
  Hash hash;
  std::uint32_t bytes = 0;
};

struct TxReply {
  std::uint64_t id = 0;
  std::vector<ReceivedTransaction> transactions;
};

using TxMessage = std::variant<TxAnnouncement, TxRequest, TxReply>;

/// All of the input must be one message.
std::expected<TxMessage, TxMessageError> decode_tx_message(ByteView input);

/// What the pool has of what was asked for, as far as it goes into an answer.
std::vector<PoolTransactionPointer> answer_to(const TxRequest& request, const TxPool& pool);
Bytes encode_reply(std::uint64_t id, std::span<const PoolTransactionPointer> transactions);

}  // namespace kith::ledger
