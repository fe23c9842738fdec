// UPnP's Internet gateway devices (UPnP Device Architecture 1.1; WANIPConnection 1 and 2,
// WANPPPConnection 1): what is said to find one and to open its ports. The messages.
//
//   search (SSDP, UDP 1900) ──> answer: LOCATION ──> description (XML over HTTP)
//     ──> the control URLs of its services ──> actions (SOAP: XML over HTTP POST)
//
// A device on the local network may be anybody's. URLs are taken only if they are http:// to the
// IPv4 address that answered; what isn't understood is no answer. Pure. Limits: limits.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/net/nat/ip_transport.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

inline constexpr std::uint16_t ssdp_port = 1900;
inline constexpr std::array<std::uint8_t, 4> ssdp_group = {239, 255, 255, 250};

/// Where something is asked for by HTTP.
struct DevicePlace {
  port::Endpoint endpoint;
  std::string target;  ///< path and query
  bool operator==(const DevicePlace&) const = default;
};

/// "http://192.168.1.1:5000/root.xml". Nothing for other schemes, names, IPv6, user names, or bytes
/// that a URL doesn't have.
std::optional<DevicePlace> parse_device_url(std::string_view url);

/// The searches, one for each version of gateways.
std::vector<std::string> ssdp_searches();
/// Where the description is, if this is an answer of `from` about a gateway or its connection.
std::optional<DevicePlace> decode_ssdp_answer(ByteView datagram, const port::IpAddress& from);

/// A connection to the Internet that ports can be opened of.
struct IgdService {
  std::string type;  ///< "urn:schemas-upnp-org:service:WANIPConnection:2"
  DevicePlace control;
  bool any_port() const { return type.ends_with("WANIPConnection:2"); }
  bool operator==(const IgdService&) const = default;
};
/// Those of a description that was fetched from there, in its order; at most igd_services_max.
/// Those whose control URL leads elsewhere are left out. Errc::corrupt, Errc::limit_exceeded.
Result<std::vector<IgdService>> igd_services(std::string_view description, const DevicePlace& from);

using SoapArguments = std::vector<std::pair<std::string_view, std::string>>;
std::string soap_request(std::string_view service_type, std::string_view action,
                         const SoapArguments& arguments);
/// The value of the SOAPAction field.
std::string soap_action(std::string_view service_type, std::string_view action);

/// UPnP's error codes that are acted on; others pass as numbers.
inline constexpr int upnp_conflict = 718;
inline constexpr int upnp_only_permanent_leases = 725;

struct SoapAnswer {
  /// UPnP's error code, if the action failed.
  std::optional<int> fault{};
  std::vector<std::pair<std::string, std::string>> values{};

  std::string_view value(std::string_view name) const;
};
/// Errc::corrupt if it is neither the action's answer nor a fault; Errc::limit_exceeded.
Result<SoapAnswer> decode_soap(std::string_view body, std::string_view action);

std::string_view upnp_protocol_name(IpTransport transport);

}  // namespace kith::net
