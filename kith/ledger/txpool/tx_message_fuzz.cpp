// Invariant: a message that was read is written as it was, and is no larger than one may be.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/txpool/tx_messages.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_tx_message{"announcement", "request", "reply", "legacy transaction",
                       "typed transaction"};

namespace {

Bytes written(const TxAnnouncement& message) {
  kinds_tx_message.reached("announcement");
  ASSERT(!message.transactions.empty());
  return message.encode();
}

Bytes written(const TxRequest& message) {
  kinds_tx_message.reached("request");
  ASSERT(!message.hashes.empty());
  return message.encode();
}

Bytes written(const TxReply& message) {
  kinds_tx_message.reached("reply");
  std::vector<PoolTransactionPointer> all;
  for (const ReceivedTransaction& one : message.transactions) {
    all.push_back(PoolTransaction::make(one.transaction, Address()));
    ASSERT(all.back()->hash == one.hash && all.back()->bytes == one.bytes);
    const bool is_legacy = one.transaction.type == Transaction::Type::legacy;
    kinds_tx_message.reached(is_legacy ? "legacy transaction" : "typed transaction");
  }
  return encode_reply(message.id, all);
}

}  // namespace

void fuzz_tx_message(ByteView input) {
  const auto read = decode_tx_message(input);
  if (!read) return;
  ASSERT(input.size() <= gossip_message_bytes_max);
  ASSERT(equal(std::visit([](const auto& message) { return written(message); }, *read), input));
}

}  // namespace kith::fuzz
