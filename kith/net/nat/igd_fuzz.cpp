// Strategy: a device's description.
// Invariant: there are few services, all of them at the device; text that is escaped is read as it
// was.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/xml.hpp>

namespace kith::fuzz {

Kinds kinds_igd{"no service", "a service", "services to the limit"};

void fuzz_igd(ByteView input);
void fuzz_igd(ByteView input) {
  const net::DevicePlace from{{*port::IpAddress::parse("192.168.1.1"), 80}, "/root.xml"};
  const auto document = net::XmlDocument::parse(as_text(input));
  const auto services = net::igd_services(as_text(input), from);
  ASSERT(document.has_value() == services.has_value());
  if (!services) return;
  ASSERT(document->elements().size() <= net::xml_elements_max);
  ASSERT(services->size() <= net::igd_services_max);
  for (const net::IgdService& one : *services)
    ASSERT(one.control.endpoint.address == from.endpoint.address);
  const std::string& text = document->elements().front().text;
  const auto again = net::XmlDocument::parse("<a>" + net::xml_escaped(text) + "</a>");
  ASSERT(again && again->elements().front().text == text);
  kinds_igd.reached_if(services->empty(), "no service");
  kinds_igd.reached_if(!services->empty(), "a service");
  kinds_igd.reached_if(services->size() == net::igd_services_max, "services to the limit");
}

}  // namespace kith::fuzz
