#include <kith/ledger/chain/receipt.hpp>

namespace kith::ledger {
namespace {

/// The three bits that stand for an item: the low 11 bits of the first three pairs of its hash's
/// bytes.
template <class Each>
void for_each_bit(ByteView item, Each each) {
  const Hash hash = keccak256(item);
  for (std::size_t i = 0; i < 6; i += 2) {
    const unsigned bit = (static_cast<unsigned>(hash.bytes[i]) << 8 | hash.bytes[i + 1]) & 2047;
    each(255 - bit / 8, static_cast<std::uint8_t>(1U << (bit % 8)));
  }
}

/// The status, or before Byzantium the state's root.
void write_outcome(RlpWriter& writer, const Receipt& receipt) {
  if (receipt.root) {
    writer.hash(*receipt.root);
  } else {
    writer.number(receipt.succeeded ? 1 : 0);
  }
}

RlpResult<LogEntry> read_log(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  LogEntry entry;
  KITH_TRY(entry.address, list.address());
  KITH_TRY(RlpReader topics, list.list());
  while (!topics.at_end()) {
    KITH_TRY(entry.topics.emplace_back(), topics.hash());
  }
  KITH_TRY(const ByteView data, list.string());
  entry.data = to_bytes(data);
  KITH_CHECK(list.end());
  return entry;
}

RlpResult<Receipt> read_receipt(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  Receipt receipt;
  KITH_TRY(const std::uint64_t type, list.small_number());
  if (type > static_cast<std::uint64_t>(Transaction::Type::set_code))
    return std::unexpected(RlpError::number_too_large);
  receipt.type = static_cast<Transaction::Type>(type);
  KITH_TRY(const ByteView outcome, list.string());
  if (outcome.size() == Hash::size) {
    receipt.root = Hash::from_bytes(outcome);
  } else if (outcome.size() > 1 || (outcome.size() == 1 && outcome[0] != 1)) {
    return std::unexpected(RlpError::wrong_length);
  }
  receipt.succeeded = outcome.size() == 1;
  KITH_TRY(receipt.cumulative_gas, list.small_number());
  KITH_TRY(RlpReader logs, list.list());
  while (!logs.at_end()) {
    KITH_TRY(receipt.logs.emplace_back(), read_log(logs));
    receipt.bloom.add(receipt.logs.back());
  }
  KITH_CHECK(list.end());
  return receipt;
}

}  // namespace

void Bloom::add(ByteView item) noexcept {
  for_each_bit(item, [&](std::size_t at, std::uint8_t bit) { bits[at] |= bit; });
}

void Bloom::add(const LogEntry& entry) noexcept {
  add(entry.address.view());
  for (const Hash& topic : entry.topics)
    add(topic.view());
}

void Bloom::add(const Bloom& other) noexcept {
  for (std::size_t i = 0; i < bits.size(); ++i)
    bits[i] |= other.bits[i];
}

bool Bloom::may_contain(ByteView item) const noexcept {
  bool all = true;
  for_each_bit(item, [&](std::size_t at, std::uint8_t bit) { all &= (bits[at] & bit) != 0; });
  return all;
}

Bytes encode_receipts(std::span<const Receipt> receipts) {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  for (const Receipt& receipt : receipts) {
    const RlpWriter::List one = writer.begin_list();
    writer.number(static_cast<std::uint64_t>(receipt.type));
    write_outcome(writer, receipt);
    writer.number(receipt.cumulative_gas);
    write_logs(writer, receipt.logs);
    writer.end_list(one);
  }
  writer.end_list(list);
  return out;
}

RlpResult<std::vector<Receipt>> decode_receipts(ByteView input) {
  RlpReader whole(input);
  KITH_TRY(RlpReader list, whole.list());
  std::vector<Receipt> receipts;
  while (!list.at_end()) {
    KITH_TRY(receipts.emplace_back(), read_receipt(list));
  }
  KITH_CHECK(whole.end());
  return receipts;
}

void write_logs(RlpWriter& writer, const std::vector<LogEntry>& logs) {
  const RlpWriter::List list = writer.begin_list();
  for (const LogEntry& entry : logs) {
    const RlpWriter::List one = writer.begin_list();
    writer.address(entry.address);
    const RlpWriter::List topics = writer.begin_list();
    for (const Hash& topic : entry.topics)
      writer.hash(topic);
    writer.end_list(topics);
    writer.string(entry.data);
    writer.end_list(one);
  }
  writer.end_list(list);
}

Bytes Receipt::encode() const {
  Bytes out;
  RlpWriter writer(out);
  if (type != Transaction::Type::legacy) out.push_back(static_cast<std::uint8_t>(type));
  const RlpWriter::List list = writer.begin_list();
  write_outcome(writer, *this);
  writer.number(cumulative_gas);
  writer.string(bloom.bits);
  write_logs(writer, logs);
  writer.end_list(list);
  return out;
}

}  // namespace kith::ledger
