// Strategy: parts as a peer sends them. Invariant: what was merged encodes to parts that merge to
// the same, as long as it fits.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/net/limits.hpp>

namespace kith::fuzz {

Kinds kinds_identify{"public key", "listen address",   "protocol",      "observed address",
                     "agent",      "protocol version", "signed record", "several parts"};

namespace {

void tell(const net::IdentifyMessage& message, std::size_t parts) {
  kinds_identify.reached_if(message.public_key.has_value(), "public key");
  kinds_identify.reached_if(!message.listen_addresses.empty(), "listen address");
  kinds_identify.reached_if(!message.protocols.empty(), "protocol");
  kinds_identify.reached_if(message.observed_address.has_value(), "observed address");
  kinds_identify.reached_if(!message.agent.empty(), "agent");
  kinds_identify.reached_if(!message.protocol_version.empty(), "protocol version");
  kinds_identify.reached_if(!message.signed_record.empty(), "signed record");
  kinds_identify.reached_if(parts > 1, "several parts");
}

}  // namespace

void fuzz_identify(ByteView input);
void fuzz_identify(ByteView input) {
  net::IdentifyMessage message;
  if (!net::merge_identify_part(input, message)) return;
  ASSERT(message.protocols.size() <= net::identify_protocols_max);
  net::IdentifyMessage again;
  std::vector<Bytes> parts = net::encode_identify(message);
  tell(message, parts.size());
  for (const Bytes& part : parts)
    ASSERT(net::merge_identify_part(part, again).has_value());
  if (parts.size() < net::identify_parts_max) {
    ASSERT(again.listen_addresses == message.listen_addresses);
    ASSERT(again.protocols == message.protocols);
  }
}

Kinds kinds_peer_record{"no addresses", "one address",    "many addresses",
                        "opened",       "another peer's", "bad signature"};

void fuzz_peer_record(ByteView input);
void fuzz_peer_record(ByteView input) {
  auto record = net::open_peer_record(input);
  if (!record) {
    kinds_peer_record.reached_if(record.error().is(Errc::refused), "another peer's");
    kinds_peer_record.reached_if(record.error().is(crypto::CryptoError::bad_signature),
                                 "bad signature");
    return;
  }
  const std::size_t addresses = record->addresses.size();
  kinds_peer_record.reached(addresses == 0   ? "no addresses"
                            : addresses == 1 ? "one address"
                                             : "many addresses");
  kinds_peer_record.reached("opened");
}

}  // namespace kith::fuzz
