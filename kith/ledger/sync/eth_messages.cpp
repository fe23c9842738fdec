#include <algorithm>
#include <array>

#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie_root.hpp>
#include <kith/ledger/sync/eth_messages.hpp>

namespace kith::ledger {
namespace {

class MessageDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "chain sync"; }
  std::string message(int code) const override {
    switch (static_cast<EthMessageError>(code)) {
      case EthMessageError::malformed:
        return "these bytes are no message about blocks";
      case EthMessageError::unknown_kind:
        return "a message about blocks of a kind that isn't known";
      case EthMessageError::too_large:
        return "a message about blocks, or a header in it, has more bytes than it may";
      case EthMessageError::too_many:
        return "a message has more blocks or transactions than it may";
      case EthMessageError::empty:
        return "a request for nothing";
      case EthMessageError::other_version:
        return "the peer speaks another version of eth";
    }
    return "unknown message error";
  }
};

template <class T>
using Read = std::expected<T, EthMessageError>;

std::unexpected<EthMessageError> malformed() noexcept {
  return std::unexpected(EthMessageError::malformed);
}

// Writing.

/// Writes the items of the one list that a message is.
template <class Items>
Bytes message_of(EthKind kind, Items items) {
  Bytes out{static_cast<std::uint8_t>(kind)};
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  items(writer);
  writer.end_list(list);
  return out;
}

template <class Items>
void write_list(RlpWriter& writer, Items items) {
  const RlpWriter::List list = writer.begin_list();
  items();
  writer.end_list(list);
}

Bytes hashes_message(EthKind kind, std::uint64_t id, const std::vector<Hash>& hashes) {
  ASSERT(hashes.size() <= hashes_per_request_max);
  return message_of(kind, [&](RlpWriter& writer) {
    writer.number(id);
    write_list(writer, [&] {
      for (const Hash& hash : hashes)
        writer.hash(hash);
    });
  });
}

Bytes raw_message(EthKind kind, std::uint64_t id, std::span<const Bytes> items) {
  return message_of(kind, [&](RlpWriter& writer) {
    writer.number(id);
    write_list(writer, [&] {
      for (const Bytes& one : items)
        writer.raw(one);
    });
  });
}

// Reading.

/// The items of the one list that the input must be.
Read<RlpReader> fields_of(ByteView input) {
  RlpReader reader(input);
  const auto fields = reader.list();
  if (!fields || !reader.at_end()) return malformed();
  return *fields;
}

/// The id of a request or an answer, and the items of the list after it, which is the last field.
struct Enveloped {
  std::uint64_t id = 0;
  RlpReader items;
};
Read<Enveloped> open_envelope(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto id = fields.small_number();
  if (!id) return malformed();
  const auto items = fields.list();
  if (!items || !fields.at_end()) return malformed();
  return Enveloped{*id, *items};
}

Read<EthMessage> read_status(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto version = fields.small_number();
  if (!version) return malformed();
  if (*version != ChainStatus::version) return std::unexpected(EthMessageError::other_version);
  const auto network = fields.small_number();
  const auto total = fields.number();
  const auto head = fields.hash();
  const auto genesis = fields.hash();
  auto fork = fields.list();
  if (!network || !total || !head || !genesis || !fork || !fields.at_end()) return malformed();
  const auto hash = fork->string(4);
  const auto next = fork->small_number();
  if (!hash || !next || !fork->at_end()) return malformed();
  return ChainStatus{.network = *network,
                     .total_difficulty = *total,
                     .head = *head,
                     .genesis = *genesis,
                     .fork = {load_be<std::uint32_t>(hash->data()), *next}};
}

Read<EthMessage> read_get_headers(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  GetHeaders read{.id = message.id, .start = {}, .amount = 0, .skip = 0, .reverse = false};
  RlpReader& items = message.items;
  RlpReader start_again = items;
  if (const auto start = items.string(); !start) {
    return malformed();
  } else if (start->size() == Hash::size) {
    read.start = *Hash::from_bytes(*start);
  } else {
    const auto number = start_again.small_number();
    if (!number) return malformed();
    read.start = *number;
  }
  const auto amount = items.small_number();
  const auto skip = items.small_number();
  const auto reverse = items.small_number();
  if (!amount || !skip || !reverse || *reverse > 1 || !items.at_end()) return malformed();
  read.amount = *amount;
  read.skip = *skip;
  read.reverse = *reverse == 1;
  return read;
}

Read<EthMessage> read_headers(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  Headers read{.id = message.id, .headers = {}};
  while (!message.items.at_end()) {
    if (read.headers.size() == headers_per_answer_max)
      return std::unexpected(EthMessageError::too_many);
    const auto item = message.items.item();
    if (!item) return malformed();
    if (item->whole.size() > header_bytes_max) return std::unexpected(EthMessageError::too_large);
    auto header = Header::decode(item->whole);
    if (!header) return malformed();
    read.headers.push_back({*std::move(header), keccak256(item->whole)});
  }
  return read;
}

template <class Request>
Read<EthMessage> read_hashes(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  Request read{.id = message.id, .hashes = {}};
  while (!message.items.at_end()) {
    if (read.hashes.size() == hashes_per_request_max)
      return std::unexpected(EthMessageError::too_many);
    const auto hash = message.items.hash();
    if (!hash) return malformed();
    read.hashes.push_back(*hash);
  }
  if (read.hashes.empty()) return std::unexpected(EthMessageError::empty);
  return read;
}

/// Transactions, or receipts: a list is of the first type, and a string begins with the type. Each
/// counts one of `allowed`.
Read<std::vector<Bytes>> read_typed_items(RlpReader items, std::size_t& allowed) {
  std::vector<Bytes> all;
  while (!items.at_end()) {
    if (allowed == 0) return std::unexpected(EthMessageError::too_many);
    --allowed;
    const auto item = items.item();
    if (!item || item->payload.empty()) return malformed();
    all.push_back(to_bytes(item->is_list ? item->whole : item->payload));
  }
  return all;
}

Read<Hash> read_withdrawals_root(RlpReader items) {
  std::vector<Bytes> all;
  while (!items.at_end()) {
    if (all.size() == body_withdrawals_max) return std::unexpected(EthMessageError::too_many);
    const auto item = items.item();
    if (!item || !item->is_list) return malformed();
    all.push_back(to_bytes(item->whole));
  }
  return list_root(all);
}

Read<Hash> read_ommers_hash(RlpReader::Item list) {
  RlpReader items(list.payload);
  for (std::size_t count = 0; !items.at_end(); ++count) {
    if (count == body_ommers_max) return std::unexpected(EthMessageError::too_many);
    const auto item = items.item();
    if (!item || !item->is_list) return malformed();
    if (item->whole.size() > header_bytes_max) return std::unexpected(EthMessageError::too_large);
  }
  return keccak256(list.whole);
}

Read<ReceivedBody> read_body(RlpReader& from, std::size_t& allowed) {
  const auto whole = from.item();
  if (!whole || !whole->is_list) return malformed();
  RlpReader parts(whole->payload);
  const auto transactions = parts.list();
  const auto ommers = parts.item();
  if (!transactions || !ommers || !ommers->is_list) return malformed();
  ReceivedBody body;
  KITH_TRY(const std::vector<Bytes> items, read_typed_items(*transactions, allowed));
  body.transactions_root = list_root(items);
  KITH_TRY(body.ommers_hash, read_ommers_hash(*ommers));
  if (!parts.at_end()) {
    const auto withdrawals = parts.list();
    if (!withdrawals || !parts.at_end()) return malformed();
    KITH_TRY(body.withdrawals_root, read_withdrawals_root(*withdrawals));
  }
  body.encoded = to_bytes(whole->whole);
  return body;
}

Read<EthMessage> read_bodies(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  Bodies read{.id = message.id, .bodies = {}};
  std::size_t allowed = answer_transactions_max;
  while (!message.items.at_end()) {
    if (read.bodies.size() == hashes_per_request_max)
      return std::unexpected(EthMessageError::too_many);
    KITH_TRY(read.bodies.emplace_back(), read_body(message.items, allowed));
  }
  return read;
}

Read<EthMessage> read_receipt_answer(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  BlockReceipts read{.id = message.id, .blocks = {}};
  std::size_t allowed = answer_transactions_max;
  while (!message.items.at_end()) {
    if (read.blocks.size() == hashes_per_request_max)
      return std::unexpected(EthMessageError::too_many);
    const auto block = message.items.item();
    if (!block || !block->is_list) return malformed();
    KITH_TRY(const std::vector<Bytes> items, read_typed_items(RlpReader(block->payload), allowed));
    read.blocks.push_back({to_bytes(block->whole), list_root(items)});
  }
  return read;
}

Read<EthMessage> read_new_head(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto hash = fields.hash();
  const auto number = fields.small_number();
  const auto weight = fields.number();
  if (!hash || !number || !weight || !fields.at_end()) return malformed();
  return NewHead{.hash = *hash, .number = *number, .total_weight = *weight};
}

Read<EthMessage> read_get_finality(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto id = fields.small_number();
  const auto number = fields.small_number();
  if (!id || !number || !fields.at_end()) return malformed();
  return GetFinality{.id = *id, .number = *number};
}

Read<EthMessage> read_finality(ByteView input) {
  KITH_TRY(Enveloped message, open_envelope(input));
  Finality read{.id = message.id, .proof = std::nullopt};
  if (message.items.at_end()) return read;
  const auto number = message.items.small_number();
  const auto certificate = message.items.string();
  if (!number || !certificate || !message.items.at_end()) return malformed();
  if (certificate->size() > certificate_bytes_max)
    return std::unexpected(EthMessageError::too_large);
  read.proof = FinalityProof{.number = *number, .certificate = to_bytes(*certificate)};
  return read;
}

RlpResult<Receipt> read_receipt(ByteView encoded) {
  Receipt receipt;
  if (encoded.empty()) return std::unexpected(RlpError::truncated);
  if (encoded[0] < 0xc0) {
    if (encoded[0] == 0 || encoded[0] > static_cast<std::uint8_t>(Transaction::Type::set_code))
      return std::unexpected(RlpError::number_too_large);
    receipt.type = static_cast<Transaction::Type>(encoded[0]);
    encoded = encoded.subspan(1);
  }
  RlpReader whole(encoded);
  KITH_TRY(RlpReader fields, whole.list());
  KITH_CHECK(whole.end());
  KITH_TRY(const ByteView outcome, fields.string());
  if (outcome.size() == Hash::size) {
    receipt.root = Hash::from_bytes(outcome);
  } else if (outcome.size() > 1 || (outcome.size() == 1 && outcome[0] != 1)) {
    return std::unexpected(RlpError::wrong_length);
  }
  receipt.succeeded = outcome.size() == 1;
  KITH_TRY(receipt.cumulative_gas, fields.small_number());
  KITH_TRY(const ByteView bloom, fields.string(receipt.bloom.bits.size()));
  std::ranges::copy(bloom, receipt.bloom.bits.begin());
  KITH_TRY(RlpReader logs, fields.list());
  KITH_CHECK(fields.end());
  while (!logs.at_end()) {
    KITH_TRY(RlpReader log, logs.list());
    LogEntry& entry = receipt.logs.emplace_back();
    KITH_TRY(entry.address, log.address());
    KITH_TRY(RlpReader topics, log.list());
    while (!topics.at_end()) {
      KITH_TRY(entry.topics.emplace_back(), topics.hash());
    }
    KITH_TRY(const ByteView data, log.string());
    entry.data = to_bytes(data);
    KITH_CHECK(log.end());
  }
  return receipt;
}

}  // namespace

const ErrorDomain& error_domain(EthMessageError) noexcept {
  static constexpr MessageDomain domain;
  return domain;
}

Bytes ChainStatus::encode() const {
  return message_of(EthKind::status, [this](RlpWriter& writer) {
    writer.number(version);
    writer.number(network);
    writer.number(total_difficulty);
    writer.hash(head);
    writer.hash(genesis);
    write_list(writer, [&] {
      std::array<std::uint8_t, 4> checksum;
      store_be(checksum.data(), fork.hash);
      writer.string(checksum);
      writer.number(fork.next);
    });
  });
}

Bytes GetHeaders::encode() const {
  return message_of(EthKind::get_headers, [this](RlpWriter& writer) {
    writer.number(id);
    write_list(writer, [&] {
      if (const Hash* hash = std::get_if<Hash>(&start)) {
        writer.hash(*hash);
      } else {
        writer.number(std::get<std::uint64_t>(start));
      }
      writer.number(amount);
      writer.number(skip);
      writer.number(reverse ? 1 : 0);
    });
  });
}

Bytes encode_headers(std::uint64_t id, std::span<const Header> headers) {
  return message_of(EthKind::headers, [&](RlpWriter& writer) {
    writer.number(id);
    write_list(writer, [&] {
      for (const Header& one : headers)
        one.write(writer);
    });
  });
}

Bytes GetBodies::encode() const {
  return hashes_message(EthKind::get_bodies, id, hashes);
}

Bytes GetReceipts::encode() const {
  return hashes_message(EthKind::get_receipts, id, hashes);
}

Bytes body_of(const Block& block) {
  const Bytes whole = block.encode();
  RlpReader reader(whole);
  auto parts = reader.list();
  ASSERT(parts && parts->item());
  Bytes out;
  RlpWriter writer(out);
  write_list(writer, [&] { writer.raw(parts->rest()); });
  return out;
}

Bytes encode_bodies(std::uint64_t id, std::span<const Bytes> bodies) {
  return raw_message(EthKind::bodies, id, bodies);
}

std::optional<Bytes> empty_body_of(const Header& header) {
  static const Hash no_ommers = keccak256(Bytes{0xc0});
  if (header.transactions_root != empty_trie_root || header.ommers != no_ommers)
    return std::nullopt;
  if (!header.withdrawals_root) return Bytes{0xc2, 0xc0, 0xc0};
  if (*header.withdrawals_root != empty_trie_root) return std::nullopt;
  return Bytes{0xc3, 0xc0, 0xc0, 0xc0};
}

std::expected<Block, TransactionError> read_block(const Header& header, ByteView body) {
  RlpReader reader(body);
  const auto parts = reader.list();
  if (!parts || !reader.at_end()) return std::unexpected(TransactionError::malformed);
  Bytes whole;
  RlpWriter writer(whole);
  write_list(writer, [&] {
    header.write(writer);
    writer.raw(parts->rest());
  });
  return Block::decode(whole);
}

Bytes receipts_of(std::span<const Receipt> receipts) {
  Bytes out;
  RlpWriter writer(out);
  write_list(writer, [&] {
    for (const Receipt& one : receipts) {
      const Bytes encoded = one.encode();
      if (one.type == Transaction::Type::legacy) {
        writer.raw(encoded);
      } else {
        writer.string(encoded);
      }
    }
  });
  return out;
}

Bytes encode_receipt_answer(std::uint64_t id, std::span<const Bytes> blocks) {
  return raw_message(EthKind::receipts, id, blocks);
}

RlpResult<std::vector<Receipt>> read_receipts(ByteView encoded) {
  RlpReader whole(encoded);
  KITH_TRY(RlpReader items, whole.list());
  KITH_CHECK(whole.end());
  std::vector<Receipt> receipts;
  while (!items.at_end()) {
    KITH_TRY(const RlpReader::Item item, items.item());
    KITH_TRY(receipts.emplace_back(), read_receipt(item.is_list ? item.whole : item.payload));
    // A legacy one is a list here, every other one a string.
    if ((receipts.back().type == Transaction::Type::legacy) != item.is_list)
      return std::unexpected(RlpError::list_expected);
  }
  return receipts;
}

Bytes NewHead::encode() const {
  return message_of(EthKind::new_head, [this](RlpWriter& writer) {
    writer.hash(hash);
    writer.number(number);
    writer.number(total_weight);
  });
}

Bytes GetFinality::encode() const {
  return message_of(EthKind::get_finality, [this](RlpWriter& writer) {
    writer.number(id);
    writer.number(number);
  });
}

Bytes Finality::encode() const {
  return message_of(EthKind::finality, [this](RlpWriter& writer) {
    writer.number(id);
    write_list(writer, [&] {
      if (!proof) return;
      writer.number(proof->number);
      writer.string(proof->certificate);
    });
  });
}

std::expected<EthMessage, EthMessageError> decode_eth_message(ByteView input) {
  if (input.empty()) return malformed();
  const ByteView body = input.subspan(1);
  const auto limited = [&](std::size_t bytes_max, auto read) -> Read<EthMessage> {
    if (body.size() > bytes_max) return std::unexpected(EthMessageError::too_large);
    return read(body);
  };
  switch (static_cast<EthKind>(input[0])) {
    case EthKind::status:
      return limited(status_bytes_max, read_status);
    case EthKind::get_headers:
      return limited(headers_request_bytes_max, read_get_headers);
    case EthKind::headers:
      return limited(headers_answer_bytes_max, read_headers);
    case EthKind::get_bodies:
      return limited(hashes_request_bytes_max, read_hashes<GetBodies>);
    case EthKind::bodies:
      return limited(blocks_answer_bytes_max, read_bodies);
    case EthKind::get_receipts:
      return limited(hashes_request_bytes_max, read_hashes<GetReceipts>);
    case EthKind::receipts:
      return limited(blocks_answer_bytes_max, read_receipt_answer);
    case EthKind::new_head:
      return limited(new_head_bytes_max, read_new_head);
    case EthKind::get_finality:
      return limited(finality_request_bytes_max, read_get_finality);
    case EthKind::finality:
      return limited(finality_bytes_max, read_finality);
  }
  return std::unexpected(EthMessageError::unknown_kind);
}

}  // namespace kith::ledger
