#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/txpool/tx_messages.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint8_t announce_kind = 0x08;
constexpr std::uint8_t get_kind = 0x09;
constexpr std::uint8_t transactions_kind = 0x0a;

class MessageDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "transaction gossip"; }
  std::string message(int code) const override {
    switch (static_cast<TxMessageError>(code)) {
      case TxMessageError::malformed:
        return "these bytes are no message about transactions";
      case TxMessageError::unknown_kind:
        return "a message about transactions of a kind that isn't known";
      case TxMessageError::too_large:
        return "a message about transactions has more bytes than it may";
      case TxMessageError::too_many:
        return "a message names more transactions than it may";
      case TxMessageError::empty:
        return "a message about no transactions";
      case TxMessageError::bad_transaction:
        return "a message has a transaction that is none";
    }
    return "unknown message error";
  }
};

template <class T>
using Read = std::expected<T, TxMessageError>;

std::unexpected<TxMessageError> malformed() noexcept {
  return std::unexpected(TxMessageError::malformed);
}

/// The items of the one list that the input must be.
Read<RlpReader> fields_of(ByteView input) {
  RlpReader reader(input);
  const auto fields = reader.list();
  if (!fields || !reader.at_end()) return malformed();
  return *fields;
}

Read<std::vector<Hash>> read_hashes(RlpReader& from, std::size_t count_max) {
  auto list = from.list();
  if (!list) return malformed();
  std::vector<Hash> hashes;
  while (!list->at_end()) {
    if (hashes.size() == count_max) return std::unexpected(TxMessageError::too_many);
    const auto hash = list->hash();
    if (!hash) return malformed();
    hashes.push_back(*hash);
  }
  return hashes;
}

Read<TxMessage> read_announcement(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto types = fields.string();
  auto sizes = fields.list();
  if (!types || !sizes) return malformed();
  KITH_TRY(const std::vector<Hash> hashes, read_hashes(fields, announcement_hashes_max));
  if (!fields.at_end() || types->size() != hashes.size()) return malformed();
  if (hashes.empty()) return std::unexpected(TxMessageError::empty);
  TxAnnouncement read;
  read.transactions.reserve(hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const auto bytes = sizes->small_number();
    if (!bytes || *bytes == 0 || *bytes > ~std::uint32_t{0}) return malformed();
    read.transactions.push_back({hashes[i], (*types)[i], static_cast<std::uint32_t>(*bytes)});
  }
  if (!sizes->at_end()) return malformed();
  return read;
}

Read<TxMessage> read_request(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto id = fields.small_number();
  if (!id) return malformed();
  TxRequest read{.id = *id, .hashes = {}};
  KITH_TRY(read.hashes, read_hashes(fields, request_hashes_max));
  if (!fields.at_end()) return malformed();
  if (read.hashes.empty()) return std::unexpected(TxMessageError::empty);
  return read;
}

Read<ReceivedTransaction> read_transaction(RlpReader& from) {
  const auto item = from.item();
  if (!item) return malformed();
  const ByteView encoded = item->is_list ? item->whole : item->payload;
  if (encoded.size() > pool_transaction_bytes_max)
    return std::unexpected(TxMessageError::bad_transaction);
  auto transaction = Transaction::decode(encoded);
  // A legacy transaction is a list here, every other one a string.
  if (!transaction || (transaction->type == Transaction::Type::legacy) != item->is_list)
    return std::unexpected(TxMessageError::bad_transaction);
  return ReceivedTransaction{.transaction = *std::move(transaction),
                             .hash = keccak256(encoded),
                             .bytes = static_cast<std::uint32_t>(encoded.size())};
}

Read<TxMessage> read_reply(ByteView input) {
  KITH_TRY(RlpReader fields, fields_of(input));
  const auto id = fields.small_number();
  if (!id) return malformed();
  auto list = fields.list();
  if (!list || !fields.at_end()) return malformed();
  TxReply read{.id = *id, .transactions = {}};
  while (!list->at_end()) {
    if (read.transactions.size() == request_hashes_max)
      return std::unexpected(TxMessageError::too_many);
    KITH_TRY(ReceivedTransaction one, read_transaction(*list));
    read.transactions.push_back(std::move(one));
  }
  return read;
}

void write_hashes(RlpWriter& writer, const std::vector<Hash>& hashes) {
  const RlpWriter::List list = writer.begin_list();
  for (const Hash& hash : hashes)
    writer.hash(hash);
  writer.end_list(list);
}

}  // namespace

const ErrorDomain& error_domain(TxMessageError) noexcept {
  static constexpr MessageDomain domain;
  return domain;
}

AnnouncedTransaction announced(const PoolTransaction& one) noexcept {
  return {.hash = one.hash,
          .type = static_cast<std::uint8_t>(one.transaction.type),
          .bytes = static_cast<std::uint32_t>(one.bytes)};
}

Bytes TxAnnouncement::encode() const {
  ASSERT(transactions.size() <= announcement_hashes_max);
  Bytes out{announce_kind};
  RlpWriter writer(out);
  const RlpWriter::List message = writer.begin_list();
  Bytes types;
  for (const AnnouncedTransaction& one : transactions)
    types.push_back(one.type);
  writer.string(types);
  const RlpWriter::List sizes = writer.begin_list();
  for (const AnnouncedTransaction& one : transactions)
    writer.number(one.bytes);
  writer.end_list(sizes);
  const RlpWriter::List hashes = writer.begin_list();
  for (const AnnouncedTransaction& one : transactions)
    writer.hash(one.hash);
  writer.end_list(hashes);
  writer.end_list(message);
  return out;
}

Bytes TxRequest::encode() const {
  ASSERT(hashes.size() <= request_hashes_max);
  Bytes out{get_kind};
  RlpWriter writer(out);
  const RlpWriter::List message = writer.begin_list();
  writer.number(id);
  write_hashes(writer, hashes);
  writer.end_list(message);
  return out;
}

Bytes encode_reply(std::uint64_t id, std::span<const PoolTransactionPointer> transactions) {
  Bytes out{transactions_kind};
  RlpWriter writer(out);
  const RlpWriter::List message = writer.begin_list();
  writer.number(id);
  const RlpWriter::List list = writer.begin_list();
  for (const PoolTransactionPointer& one : transactions)
    one->transaction.write(writer);
  writer.end_list(list);
  writer.end_list(message);
  return out;
}

std::expected<TxMessage, TxMessageError> decode_tx_message(ByteView input) {
  if (input.empty()) return malformed();
  const ByteView body = input.subspan(1);
  const auto limited = [&](std::size_t bytes_max, auto read) -> Read<TxMessage> {
    if (body.size() > bytes_max) return std::unexpected(TxMessageError::too_large);
    return read(body);
  };
  switch (input[0]) {
    case announce_kind:
      return limited(announcement_bytes_max, read_announcement);
    case get_kind:
      return limited(request_bytes_max, read_request);
    case transactions_kind:
      return limited(reply_bytes_max, read_reply);
    default:
      return std::unexpected(TxMessageError::unknown_kind);
  }
}

std::vector<PoolTransactionPointer> answer_to(const TxRequest& request, const TxPool& pool) {
  std::vector<PoolTransactionPointer> answer;
  std::size_t bytes = 0;
  for (const Hash& hash : request.hashes) {
    if (bytes >= reply_bytes_soft_max) break;
    PoolTransactionPointer one = pool.find(hash);
    if (one == nullptr) continue;
    bytes += one->bytes + rlp_prefix_bytes(one->bytes);
    answer.push_back(std::move(one));
  }
  return answer;
}

}  // namespace kith::ledger
