// Invariants: a message that was read is written as it was, and is no larger than one may be; the
// roots of a body and of receipts are those of the blocks and receipts read from them.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/state/trie_root.hpp>
#include <kith/ledger/sync/eth_messages.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_eth_message{"status",   "get headers",   "headers",     "get bodies",
                        "bodies",   "block",         "withdrawals", "get receipts",
                        "receipts", "read receipts", "new head",    "finality"};

namespace {

Bytes written(const ChainStatus& message) {
  kinds_eth_message.reached("status");
  return message.encode();
}

Bytes written(const GetHeaders& message) {
  kinds_eth_message.reached("get headers");
  return message.encode();
}

Bytes written(const Headers& message) {
  kinds_eth_message.reached("headers");
  std::vector<Header> all;
  for (const ReceivedHeader& one : message.headers) {
    ASSERT(one.header.hash() == one.hash);
    all.push_back(one.header);
  }
  return encode_headers(message.id, all);
}

Bytes written(const GetBodies& message) {
  kinds_eth_message.reached("get bodies");
  return message.encode();
}

Bytes written(const Bodies& message) {
  kinds_eth_message.reached("bodies");
  std::vector<Bytes> all;
  for (const ReceivedBody& one : message.bodies) {
    all.push_back(one.encoded);
    const auto block = read_block(Header(), one.encoded);
    if (!block) continue;
    kinds_eth_message.reached("block");
    kinds_eth_message.reached_if(block->withdrawals.has_value(), "withdrawals");
    ASSERT(body_of(*block) == one.encoded);
    ASSERT(block->transactions_root() == one.transactions_root);
    ASSERT(block->ommers_hash() == one.ommers_hash);
    ASSERT(block->withdrawals.has_value() == one.withdrawals_root.has_value());
    ASSERT(!block->withdrawals || block->withdrawals_root() == *one.withdrawals_root);
  }
  return encode_bodies(message.id, all);
}

Bytes written(const GetReceipts& message) {
  kinds_eth_message.reached("get receipts");
  return message.encode();
}

Bytes written(const BlockReceipts& message) {
  kinds_eth_message.reached("receipts");
  std::vector<Bytes> all;
  for (const ReceivedReceipts& one : message.blocks) {
    all.push_back(one.encoded);
    const auto receipts = read_receipts(one.encoded);
    if (!receipts) continue;
    kinds_eth_message.reached("read receipts");
    ASSERT(receipts_of(*receipts) == one.encoded);
  }
  return encode_receipt_answer(message.id, all);
}

Bytes written(const NewHead& message) {
  kinds_eth_message.reached("new head");
  return message.encode();
}

Bytes written(const GetFinality& message) {
  return message.encode();
}

Bytes written(const Finality& message) {
  kinds_eth_message.reached_if(message.proof.has_value(), "finality");
  return message.encode();
}

}  // namespace

void fuzz_eth_message(ByteView input) {
  const auto read = decode_eth_message(input);
  if (!read) return;
  ASSERT(input.size() <= eth_message_bytes_max);
  ASSERT(equal(std::visit([](const auto& message) { return written(message); }, *read), input));
}

}  // namespace kith::fuzz
