// Strategy: datagrams as anyone on the network may send them. Invariant: what is read, written
// again, reads the same.
#include <kith/base/assert.hpp>
#include <kith/discovery/dns_message.hpp>

namespace kith::fuzz {

void fuzz_dns_message(ByteView input);
void fuzz_dns_message(ByteView input) {
  auto message = discovery::decode_dns(input);
  if (!message) return;
  for (const discovery::DnsQuestion& question : message->questions) {
    ASSERT(question.name.wire_bytes() <= discovery::dns_name_bytes_max);
    static_cast<void>(question.name.to_string());
  }
  Bytes encoded = discovery::encode_dns(*message);
  // A message that leaned on its pointers more than our compression does may grow beyond the limit.
  if (encoded.size() > discovery::dns_message_bytes_max) return;
  auto again = discovery::decode_dns(encoded);
  ASSERT(again.has_value());
  ASSERT(*again == *message);
}

}  // namespace kith::fuzz
