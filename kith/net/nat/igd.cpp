#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <kith/http/message.hpp>
#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/xml.hpp>

namespace kith::net {
namespace {

constexpr std::string_view scheme = "http://";
constexpr std::string_view gateway_1 = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
constexpr std::string_view gateway_2 = "urn:schemas-upnp-org:device:InternetGatewayDevice:2";
constexpr std::string_view connections[] = {
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
};
constexpr std::uint16_t http_port = 80;

bool is_connection(std::string_view type) {
  return std::ranges::find(connections, type) != std::ranges::end(connections);
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// Where a URL of the description leads, seen from `base`.
std::optional<DevicePlace> resolved(std::string_view url, const DevicePlace& base) {
  if (url.find("://") != std::string_view::npos) return parse_device_url(url);
  std::string target;
  if (url.starts_with('/')) {
    target = url;
  } else {
    const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
    target = fmt::format("{}{}", path.substr(0, path.rfind('/') + 1), url);
  }
  return parse_device_url(fmt::format("http://{}{}", base.endpoint.to_string(), target));
}

}  // namespace

std::optional<DevicePlace> parse_device_url(std::string_view url) {
  const bool printable = std::ranges::all_of(url, [](unsigned char c) {
    return c > ' ' && c < 127 && c != '"' && c != '<' && c != '>' && c != '\\' && c != '#';
  });
  if (!printable || url.size() > device_url_bytes_max) return std::nullopt;
  if (!http::equal_ignoring_case(url.substr(0, scheme.size()), scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  const std::string_view authority = url.substr(0, end);
  const std::size_t colon = std::min(authority.find(':'), authority.size());
  const auto address = port::IpAddress::parse(authority.substr(0, colon));
  if (!address || !address->is_v4()) return std::nullopt;
  DevicePlace place{{*address, http_port}, std::string(url.substr(end))};
  if (colon < authority.size()) {
    const auto port = number<std::uint16_t>(authority.substr(colon + 1));
    if (!port || *port == 0) return std::nullopt;
    place.endpoint.port = *port;
  }
  if (!place.target.starts_with('/')) place.target.insert(0, "/");
  return place;
}

std::vector<std::string> ssdp_searches() {
  std::vector<std::string> all;
  for (const std::string_view target : {gateway_1, gateway_2}) {
    all.push_back(
        fmt::format("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
                    "MAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {}\r\n\r\n",
                    target));
  }
  return all;
}

std::optional<DevicePlace> decode_ssdp_answer(ByteView datagram, const port::IpAddress& from) {
  http::HeadScanner scanner(http::HeadScanner::Kind::head, ssdp_answer_bytes_max);
  const auto fed = scanner.feed(datagram);
  if (!fed || !scanner.done()) return std::nullopt;
  const auto head = http::parse_response_head(scanner.text(), ssdp_answer_fields_max);
  if (!head || head->status != 200) return std::nullopt;
  const std::string_view target = head->headers.get("ST").value_or("");
  if (target != gateway_1 && target != gateway_2 && !is_connection(target)) return std::nullopt;
  std::optional<DevicePlace> place = parse_device_url(head->headers.get("LOCATION").value_or(""));
  if (!place || place->endpoint.address != from) return std::nullopt;
  return place;
}

Result<std::vector<IgdService>> igd_services(std::string_view description,
                                             const DevicePlace& from) {
  KITH_TRY(const XmlDocument document, XmlDocument::parse(description));
  DevicePlace base = from;
  const std::string_view given_base = document.text_of_child(0, "URLBase");
  if (!given_base.empty()) base = parse_device_url(given_base).value_or(from);
  std::vector<IgdService> services;
  for (std::size_t i = 0; i < document.elements().size(); ++i) {
    if (document.elements()[i].name != "service") continue;
    const std::string_view type = document.text_of_child(i, "serviceType");
    if (!is_connection(type) || services.size() >= igd_services_max) continue;
    auto control = resolved(document.text_of_child(i, "controlURL"), base);
    if (!control || control->endpoint.address != from.endpoint.address) continue;
    services.push_back({std::string(type), *std::move(control)});
  }
  return services;
}

std::string soap_request(std::string_view service_type, std::string_view action,
                         const SoapArguments& arguments) {
  std::string inner;
  for (const auto& [name, value] : arguments)
    inner += fmt::format("<{0}>{1}</{0}>", name, xml_escaped(value));
  return fmt::format(
      "<?xml version=\"1.0\"?>\r\n"
      "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
      "<u:{0} xmlns:u=\"{1}\">{2}</u:{0}></s:Body></s:Envelope>\r\n",
      action, service_type, inner);
}

std::string soap_action(std::string_view service_type, std::string_view action) {
  return fmt::format("\"{}#{}\"", service_type, action);
}

std::string_view SoapAnswer::value(std::string_view name) const {
  for (const auto& [one, text] : values) {
    if (one == name) return text;
  }
  return {};
}

Result<SoapAnswer> decode_soap(std::string_view body, std::string_view action) {
  KITH_TRY(const XmlDocument document, XmlDocument::parse(body));
  if (document.elements().front().name != "Envelope") return std::unexpected(Errc::corrupt);
  const std::optional<std::size_t> inner = document.child(0, "Body");
  if (!inner) return std::unexpected(Errc::corrupt);
  SoapAnswer answer;
  if (document.child(*inner, "Fault")) {
    const std::optional<std::size_t> code = document.find("errorCode");
    if (code) answer.fault = number<int>(document.elements()[*code].text);
    if (!answer.fault) return std::unexpected(Errc::corrupt);
    return answer;
  }
  const auto response = document.child(*inner, fmt::format("{}Response", action));
  if (!response) return std::unexpected(Errc::corrupt);
  for (const XmlElement& one : document.elements()) {
    if (one.parent == *response) answer.values.emplace_back(one.name, one.text);
  }
  return answer;
}

std::string_view upnp_protocol_name(IpTransport transport) {
  return transport == IpTransport::tcp ? "TCP" : "UDP";
}

}  // namespace kith::net
