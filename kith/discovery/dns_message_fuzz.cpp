// Strategy: datagrams as anyone on the network may send them. Invariant: what is read, written
// again, reads the same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/discovery/dns_message.hpp>

namespace kith::fuzz {

Kinds kinds_dns_message{"query",     "response",   "question",    "unicast response", "answer",
                        "authority", "additional", "cache flush", "address 4",        "address 6",
                        "pointer",   "text",       "other",       "service"};

namespace {

void tell(const discovery::DnsMessage& message) {
  using namespace discovery;
  Kinds& kinds = kinds_dns_message;
  kinds.reached(message.response ? "response" : "query");
  for (const DnsQuestion& question : message.questions)
    kinds.reached(question.unicast_response ? "unicast response" : "question");
  kinds.reached_if(!message.answers.empty(), "answer");
  kinds.reached_if(!message.authorities.empty(), "authority");
  kinds.reached_if(!message.additionals.empty(), "additional");
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const DnsRecord& record : *section) {
      constexpr std::string_view data[] = {"address 4", "address 6", "pointer",
                                           "text",      "service",   "other"};
      kinds.reached(data[record.data.index()]);
      kinds.reached_if(record.cache_flush, "cache flush");
    }
  }
}

}  // namespace

void fuzz_dns_message(ByteView input);
void fuzz_dns_message(ByteView input) {
  auto message = discovery::decode_dns(input);
  if (!message) return;
  tell(*message);
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
