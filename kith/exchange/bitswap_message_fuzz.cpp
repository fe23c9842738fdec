// Strategy: the input is a message without its length. Invariants: what decodes is within the
// limits, and says the same after it was written and read again.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/base/varint.hpp>
#include <kith/exchange/bitswap_message.hpp>

namespace kith::fuzz {
namespace {

Buffer joined(const std::vector<Buffer>& pieces) {
  Bytes all;
  for (const Buffer& piece : pieces)
    append(all, piece);
  ByteView view = all;
  auto size = take_varint(view);
  ASSERT(size.has_value() && *size == view.size());
  return Buffer::copy_of(view);
}

}  // namespace

Kinds kinds_bitswap_message{
    "empty",     "want a block", "want to know", "cancel",  "full",           "dont have is wanted",
    "have",      "dont have",    "pending",      "payload", "block of 1.0.0", "urgent want",
    "all in one"};

namespace {

void tell(const exchange::BitswapMessage& message) {
  Kinds& kinds = kinds_bitswap_message;
  kinds.reached_if(message.empty(), "empty");
  kinds.reached_if(message.full, "full");
  kinds.reached_if(message.pending_bytes > 0, "pending");
  for (const exchange::Want& want : message.wants) {
    kinds.reached(want.cancel                              ? "cancel"
                  : want.type == exchange::WantType::block ? "want a block"
                                                           : "want to know");
    kinds.reached_if(want.send_dont_have, "dont have is wanted");
    kinds.reached_if(want.priority > 1, "urgent want");
  }
  for (const exchange::BlockPresence& one : message.presences)
    kinds.reached(one.presence == exchange::Presence::have ? "have" : "dont have");
  for (const exchange::BlockPayload& block : message.blocks)
    kinds.reached(block.prefix.version == 0 ? "block of 1.0.0" : "payload");
  kinds.reached_if(!message.wants.empty() && !message.blocks.empty() && !message.presences.empty(),
                   "all in one");
}

}  // namespace

void fuzz_bitswap_message(ByteView input) {
  using namespace exchange;
  auto message = decode_message(Buffer::copy_of(input));
  if (!message) return;
  tell(*message);
  for (const BlockPayload& block : message->blocks)
    ASSERT(block.data.size() <= ipld::block_bytes_max);
  for (Want& want : message->wants)
    want.priority = std::max(want.priority, 0);
  auto again = decode_message(joined(encode_message(*message, BitswapVersion::v1_2_0)));
  if (!again) {
    // What another wrote shortest can grow by our tags and pass the limit; nothing else may happen.
    ASSERT(again.error() == BitswapError::message_too_large);
    return;
  }
  ASSERT(again->wants == message->wants && again->full == message->full);
  ASSERT(again->presences == message->presences);
  ASSERT(again->pending_bytes == message->pending_bytes);
  ASSERT(again->blocks.size() == message->blocks.size());
  for (std::size_t i = 0; i < again->blocks.size(); ++i) {
    ASSERT(again->blocks[i].prefix == message->blocks[i].prefix);
    ASSERT(equal(again->blocks[i].data, message->blocks[i].data));
  }
}

}  // namespace kith::fuzz
