#include <algorithm>

#include <kith/ledger/chain/header.hpp>

namespace kith::ledger {
namespace {

RlpResult<void> read_later_fields(RlpReader& list, Header& into) {
  if (list.at_end()) return {};
  KITH_TRY(into.base_fee, list.number());
  if (list.at_end()) return {};
  KITH_TRY(into.withdrawals_root, list.hash());
  if (list.at_end()) return {};
  KITH_TRY(into.blob_gas_used, list.small_number());
  KITH_TRY(into.excess_blob_gas, list.small_number());
  KITH_TRY(into.parent_beacon_root, list.hash());
  if (list.at_end()) return {};
  KITH_TRY(into.requests_hash, list.hash());
  return list.end();
}

}  // namespace

void Header::write(RlpWriter& into) const {
  const RlpWriter::List list = into.begin_list();
  into.hash(parent);
  into.hash(ommers);
  into.address(coinbase);
  into.hash(state_root);
  into.hash(transactions_root);
  into.hash(receipts_root);
  into.string(bloom.bits);
  into.number(difficulty);
  into.number(number);
  into.number(gas_limit);
  into.number(gas_used);
  into.number(timestamp);
  into.string(extra_data);
  into.hash(mix_hash);
  into.string(nonce);
  if (base_fee) into.number(*base_fee);
  if (withdrawals_root) into.hash(*withdrawals_root);
  if (blob_gas_used) into.number(*blob_gas_used);
  if (excess_blob_gas) into.number(*excess_blob_gas);
  if (parent_beacon_root) into.hash(*parent_beacon_root);
  if (requests_hash) into.hash(*requests_hash);
  into.end_list(list);
}

Bytes Header::encode() const {
  Bytes out;
  RlpWriter writer(out);
  write(writer);
  return out;
}

RlpResult<Header> Header::read(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  Header read;
  KITH_TRY(read.parent, list.hash());
  KITH_TRY(read.ommers, list.hash());
  KITH_TRY(read.coinbase, list.address());
  KITH_TRY(read.state_root, list.hash());
  KITH_TRY(read.transactions_root, list.hash());
  KITH_TRY(read.receipts_root, list.hash());
  KITH_TRY(const ByteView bloom, list.string(read.bloom.bits.size()));
  std::ranges::copy(bloom, read.bloom.bits.begin());
  KITH_TRY(read.difficulty, list.number());
  KITH_TRY(read.number, list.small_number());
  KITH_TRY(read.gas_limit, list.small_number());
  KITH_TRY(read.gas_used, list.small_number());
  KITH_TRY(read.timestamp, list.small_number());
  KITH_TRY(const ByteView extra, list.string());
  read.extra_data = to_bytes(extra);
  KITH_TRY(read.mix_hash, list.hash());
  KITH_TRY(const ByteView nonce, list.string(read.nonce.size()));
  std::ranges::copy(nonce, read.nonce.begin());
  KITH_CHECK(read_later_fields(list, read));
  return read;
}

RlpResult<Header> Header::decode(ByteView input) {
  RlpReader reader(input);
  KITH_TRY(Header read, read(reader));
  KITH_CHECK(reader.end());
  return read;
}

Hash Header::hash() const {
  return keccak256(encode());
}

}  // namespace kith::ledger
