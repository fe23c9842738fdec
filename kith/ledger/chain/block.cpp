#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

constexpr auto malformed = std::unexpected(TransactionError::malformed);

void write_withdrawal(RlpWriter& writer, const Withdrawal& one) {
  const RlpWriter::List list = writer.begin_list();
  writer.number(one.index);
  writer.number(one.validator);
  writer.address(one.address);
  writer.number(one.amount);
  writer.end_list(list);
}

RlpResult<std::vector<Withdrawal>> read_withdrawals(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  std::vector<Withdrawal> all;
  while (!list.at_end()) {
    KITH_TRY(RlpReader fields, list.list());
    Withdrawal& one = all.emplace_back();
    KITH_TRY(one.index, fields.small_number());
    KITH_TRY(one.validator, fields.small_number());
    KITH_TRY(one.address, fields.address());
    KITH_TRY(one.amount, fields.small_number());
    KITH_CHECK(fields.end());
  }
  return all;
}

RlpResult<std::vector<Header>> read_ommers(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  std::vector<Header> all;
  while (!list.at_end()) {
    KITH_TRY(all.emplace_back(), Header::read(list));
  }
  return all;
}

void write_ommers(RlpWriter& writer, const std::vector<Header>& ommers) {
  const RlpWriter::List list = writer.begin_list();
  for (const Header& one : ommers)
    one.write(writer);
  writer.end_list(list);
}

}  // namespace

Bytes Block::encode() const {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  header.write(writer);
  const RlpWriter::List bodies = writer.begin_list();
  for (const Transaction& one : transactions)
    one.write(writer);
  writer.end_list(bodies);
  write_ommers(writer, ommers);
  if (withdrawals) {
    const RlpWriter::List all = writer.begin_list();
    for (const Withdrawal& one : *withdrawals)
      write_withdrawal(writer, one);
    writer.end_list(all);
  }
  writer.end_list(list);
  return out;
}

std::expected<Block, TransactionError> Block::decode(ByteView input) {
  RlpReader whole(input);
  auto list = whole.list();
  if (!list || !whole.at_end()) return malformed;
  Block block;
  auto header = Header::read(*list);
  if (!header) return malformed;
  block.header = *std::move(header);
  auto bodies = list->list();
  if (!bodies) return malformed;
  while (!bodies->at_end()) {
    KITH_TRY(block.transactions.emplace_back(), Transaction::read(*bodies));
  }
  auto ommers = read_ommers(*list);
  if (!ommers) return malformed;
  block.ommers = *std::move(ommers);
  if (!list->at_end()) {
    auto withdrawals = read_withdrawals(*list);
    if (!withdrawals || !list->at_end()) return malformed;
    block.withdrawals = *std::move(withdrawals);
  }
  return block;
}

Hash Block::transactions_root() const {
  std::vector<Bytes> encoded;
  encoded.reserve(transactions.size());
  for (const Transaction& one : transactions)
    encoded.push_back(one.encode());
  return list_root(encoded);
}

Hash Block::ommers_hash() const {
  Bytes encoded;
  RlpWriter writer(encoded);
  write_ommers(writer, ommers);
  return keccak256(encoded);
}

Hash Block::withdrawals_root() const {
  std::vector<Bytes> encoded;
  if (withdrawals) {
    for (const Withdrawal& one : *withdrawals) {
      RlpWriter writer(encoded.emplace_back());
      write_withdrawal(writer, one);
    }
  }
  return list_root(encoded);
}

}  // namespace kith::ledger
