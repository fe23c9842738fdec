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
  if (root) {
    writer.hash(*root);
  } else {
    writer.number(succeeded ? 1 : 0);
  }
  writer.number(cumulative_gas);
  writer.string(bloom.bits);
  write_logs(writer, logs);
  writer.end_list(list);
  return out;
}

}  // namespace kith::ledger
