// Strategy: the input is a message without its length. Invariants: what decodes is within the
// limits, and says the same after it was written and read again.
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

void fuzz_bitswap_message(ByteView input) {
  using namespace exchange;
  auto message = decode_message(Buffer::copy_of(input));
  if (!message) return;
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
