#include <kith/ledger/state/account_record.hpp>

namespace kith::ledger {

Bytes AccountRecord::encode() const {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  writer.number(nonce);
  writer.number(balance);
  writer.hash(storage_root);
  writer.hash(code_hash);
  writer.end_list(list);
  return out;
}

RlpResult<AccountRecord> AccountRecord::decode(ByteView input) {
  RlpReader whole(input);
  KITH_TRY(RlpReader list, whole.list());
  KITH_CHECK(whole.end());
  AccountRecord record;
  KITH_TRY(record.nonce, list.small_number());
  KITH_TRY(record.balance, list.number());
  KITH_TRY(record.storage_root, list.hash());
  KITH_TRY(record.code_hash, list.hash());
  KITH_CHECK(list.end());
  return record;
}

}  // namespace kith::ledger
