// Strategy: what a device answers to an action.
// Invariant: it is a fault with its number, or values of limited length.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>

namespace kith::fuzz {

Kinds kinds_soap{"fault", "values", "no values"};

void fuzz_soap(ByteView input);
void fuzz_soap(ByteView input) {
  const auto answer = net::decode_soap(as_text(input), "GetExternalIPAddress");
  if (!answer) return;
  ASSERT(!answer->fault || answer->values.empty());
  for (const auto& [name, value] : answer->values)
    ASSERT(name.size() <= net::xml_name_bytes_max && value.size() <= net::xml_text_bytes_max);
  kinds_soap.reached_if(answer->fault.has_value(), "fault");
  kinds_soap.reached_if(!answer->values.empty(), "values");
  kinds_soap.reached_if(!answer->fault && answer->values.empty(), "no values");
}

}  // namespace kith::fuzz
