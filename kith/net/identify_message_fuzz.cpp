// Strategy: parts as a peer sends them. Invariant: what was merged encodes to parts that merge to
// the same, as long as it fits.
#include <kith/base/assert.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/net/limits.hpp>

namespace kith::fuzz {

void fuzz_identify(ByteView input);
void fuzz_identify(ByteView input) {
  net::IdentifyMessage message;
  if (!net::merge_identify_part(input, message)) return;
  ASSERT(message.protocols.size() <= net::identify_protocols_max);
  net::IdentifyMessage again;
  std::vector<Bytes> parts = net::encode_identify(message);
  for (const Bytes& part : parts)
    ASSERT(net::merge_identify_part(part, again).has_value());
  if (parts.size() < net::identify_parts_max) {
    ASSERT(again.listen_addresses == message.listen_addresses);
    ASSERT(again.protocols == message.protocols);
  }
}

void fuzz_peer_record(ByteView input);
void fuzz_peer_record(ByteView input) {
  static_cast<void>(net::open_peer_record(input));
}

}  // namespace kith::fuzz
