// What peers tell each other of a chain's blocks: eth/68's messages, in its form
// (ethereum/devp2p caps/eth.md), each behind the byte that eth numbers it with, and three of our
// own, for which eth has none (docs/protocols/chain-sync.md).
//
//   00  status         [68, network, total difficulty, head, genesis, [fork hash, fork next]]
//   03  get headers    [id, [hash or number, amount, skip, reverse: 0 or 1]]
//   04  headers        [id, [header ...]]
//   05  get bodies     [id, [block's hash ...]]
//   06  bodies         [id, [[[transaction ...], [ommer ...]] or with [withdrawal ...] ...]]
//   0f  get receipts   [id, [block's hash ...]]
//   10  receipts       [id, [[receipt ...] of a block ...]]
//   20  new head       [hash, number, total weight]
//   21  get finality   [id, number]
//   22  finality       [id, [] or [number, certificate]]
//
// The readers take one form of each message, and nothing beyond limits.hpp. They hash what they
// read, headers and the roots of bodies and receipts, so reading answers is for workers; the
// transactions of a body stay bytes until read_block(), and cost no more memory than that.
// Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/receipt.hpp>
#include <kith/ledger/sync/fork_id.hpp>
#include <kith/ledger/sync/limits.hpp>

namespace kith::ledger {

enum class EthMessageError {
  malformed = 1,  ///< not the RLP of such a message
  unknown_kind,   ///< a first byte that names no message
  too_large,      ///< more bytes than such a message, or a header in it, may have
  too_many,       ///< more hashes, headers, blocks or transactions than it may have
  empty,          ///< a request for nothing
  other_version,  ///< a status of another version of eth
};
const ErrorDomain& error_domain(EthMessageError) noexcept;

/// What a message begins with.
enum class EthKind : std::uint8_t {
  status = 0x00,
  get_headers = 0x03,
  headers = 0x04,
  get_bodies = 0x05,
  bodies = 0x06,
  get_receipts = 0x0f,
  receipts = 0x10,
  new_head = 0x20,
  get_finality = 0x21,
  finality = 0x22,
};

/// The first message each way: which chain it is, and how far the peer has it.
struct ChainStatus {
  static constexpr std::uint64_t version = 68;

  std::uint64_t network = 0;  ///< the chain's id
  U256 total_difficulty;      ///< of the head's branch: what consensus weighs it with
  Hash head;
  Hash genesis;
  ForkId fork;

  Bytes encode() const;
  friend bool operator==(const ChainStatus&, const ChainStatus&) = default;
};

struct GetHeaders {
  std::uint64_t id = 0;
  std::variant<std::uint64_t, Hash> start;
  std::uint64_t amount = 0;
  std::uint64_t skip = 0;  ///< blocks left out between two
  bool reverse = false;    ///< towards the genesis

  Bytes encode() const;
  friend bool operator==(const GetHeaders&, const GetHeaders&) = default;
};

struct ReceivedHeader {
  Header header;
  Hash hash;
};
struct Headers {
  std::uint64_t id = 0;
  std::vector<ReceivedHeader> headers;
};
Bytes encode_headers(std::uint64_t id, std::span<const Header> headers);

struct GetBodies {
  std::uint64_t id = 0;
  std::vector<Hash> hashes;

  /// There are at most hashes_per_request_max.
  Bytes encode() const;
  friend bool operator==(const GetBodies&, const GetBodies&) = default;
};

/// A block without its header as it came, and what a header must name.
struct ReceivedBody {
  Bytes encoded;  ///< RLP of [transactions, ommers] or [transactions, ommers, withdrawals]
  Hash transactions_root;
  Hash ommers_hash;
  std::optional<Hash> withdrawals_root;

  bool is_of(const Header& header) const noexcept {
    return transactions_root == header.transactions_root && ommers_hash == header.ommers &&
           withdrawals_root == header.withdrawals_root;
  }
};
struct Bodies {
  std::uint64_t id = 0;
  std::vector<ReceivedBody> bodies;
};
/// Of that block, for encode_bodies().
Bytes body_of(const Block& block);
Bytes encode_bodies(std::uint64_t id, std::span<const Bytes> bodies);
/// The body of a block in which nothing is; nothing if that header's block has something in it.
std::optional<Bytes> empty_body_of(const Header& header);
/// The block of a header and the body that is its. TransactionError if an item isn't what it must
/// be: then the header's maker has named something that no block may have.
std::expected<Block, TransactionError> read_block(const Header& header, ByteView body);

struct GetReceipts {
  std::uint64_t id = 0;
  std::vector<Hash> hashes;

  /// There are at most hashes_per_request_max.
  Bytes encode() const;
  friend bool operator==(const GetReceipts&, const GetReceipts&) = default;
};

struct ReceivedReceipts {
  Bytes encoded;  ///< RLP of a list of a block's receipts
  Hash root;      ///< what the header must name
};
struct BlockReceipts {
  std::uint64_t id = 0;
  std::vector<ReceivedReceipts> blocks;
};
/// A block's, for encode_receipt_answer().
Bytes receipts_of(std::span<const Receipt> receipts);
Bytes encode_receipt_answer(std::uint64_t id, std::span<const Bytes> blocks);
/// Of bytes whose root is right.
RlpResult<std::vector<Receipt>> read_receipts(ByteView encoded);

/// Sent when the sender's head changes, and after the status.
struct NewHead {
  Hash hash;
  std::uint64_t number = 0;
  U256 total_weight;

  Bytes encode() const;
  friend bool operator==(const NewHead&, const NewHead&) = default;
};

/// Asks for the newest certificate there is that makes the last block of an epoch final, of that
/// block's epoch or a later one.
struct GetFinality {
  std::uint64_t id = 0;
  std::uint64_t number = 0;

  Bytes encode() const;
  friend bool operator==(const GetFinality&, const GetFinality&) = default;
};

struct FinalityProof {
  std::uint64_t number = 0;  ///< of the block that is final
  Bytes certificate;         ///< consensus's own, at most certificate_bytes_max

  friend bool operator==(const FinalityProof&, const FinalityProof&) = default;
};
struct Finality {
  std::uint64_t id = 0;
  std::optional<FinalityProof> proof;

  Bytes encode() const;
  friend bool operator==(const Finality&, const Finality&) = default;
};

using EthMessage = std::variant<ChainStatus, GetHeaders, Headers, GetBodies, Bodies, GetReceipts,
                                BlockReceipts, NewHead, GetFinality, Finality>;

/// All of the input must be one message.
std::expected<EthMessage, EthMessageError> decode_eth_message(ByteView input);

}  // namespace kith::ledger
