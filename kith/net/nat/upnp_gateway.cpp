// MappingGateway of UPnP (igd.hpp): finds the router's description once, and asks for ports by HTTP
// from then on, each request on a connection of its own. Redirects aren't followed.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <kith/http/client.hpp>
#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/mapping_gateway.hpp>

namespace kith::net {
namespace {

constexpr int ssdp_hops = 2;
constexpr int status_ok = 200;
/// That of a SOAP fault.
constexpr int status_fault = 500;
constexpr std::string_view description_of_ours = "kith";
/// Ports that are anybody's.
constexpr std::uint16_t first_other_port = 1024;

Error fault_error(int code) {
  return {Errc::refused, fmt::format("the router's UPnP error {}", code)};
}

class UpnpGateway final : public MappingGateway {
 public:
  UpnpGateway(port::Env& env, port::IpAddress router) : env_(env), router_(router) {}

  std::string_view protocol() const noexcept override { return "UPnP"; }

  Task<Presence> look() override {
    if (!service_) KITH_CO_CHECK(co_await find_service());
    auto address = co_await outside_address(*service_);
    // It may have begun anew, with other URLs.
    if (!address) service_.reset();
    if (!address) co_return std::unexpected(address.error());
    outside_ = *address;
    co_return Presence{.outside = outside_};
  }

  Task<PortGrant> map(PortRequest wanted) override {
    if (!service_) co_return std::unexpected(Errc::not_found);
    const bool any = service_->any_port();
    for (int attempt = 0; attempt <= upnp_other_ports_max; ++attempt) {
      const std::string_view action = any ? "AddAnyPortMapping" : "AddPortMapping";
      KITH_CO_TRY(SoapArguments arguments, mapping_arguments(wanted));
      KITH_CO_TRY(const SoapAnswer answer, co_await act(action, std::move(arguments)));
      if (!answer.fault) co_return granted(wanted, answer);
      if (*answer.fault == upnp_only_permanent_leases && wanted.lifetime_s != 0) {
        wanted.lifetime_s = 0;
      } else if (*answer.fault == upnp_conflict) {
        wanted.outside = static_cast<std::uint16_t>(first_other_port +
                                                    env_.prng.below(65'536 - first_other_port));
      } else {
        co_return std::unexpected(fault_error(*answer.fault));
      }
    }
    co_return std::unexpected(fault_error(upnp_conflict));
  }

  Task<void> unmap(PortRequest mapped, Instant deadline) override {
    if (!service_) co_return std::unexpected(Errc::not_found);
    SoapArguments arguments = {
        {"NewRemoteHost", ""},
        {"NewExternalPort", std::to_string(mapped.outside)},
        {"NewProtocol", std::string(upnp_protocol_name(mapped.transport))},
    };
    KITH_CO_TRY(const SoapAnswer answer,
                co_await act_on(*service_, "DeletePortMapping", std::move(arguments), deadline));
    if (answer.fault) co_return std::unexpected(fault_error(*answer.fault));
    co_return Result<void>{};
  }

 private:
  Result<SoapArguments> mapping_arguments(const PortRequest& wanted) const {
    const std::optional<port::IpAddress> ours = address_towards(env_.net, router_);
    if (!ours) return std::unexpected(Errc::not_found);
    return SoapArguments{
        {"NewRemoteHost", ""},
        {"NewExternalPort", std::to_string(wanted.outside)},
        {"NewProtocol", std::string(upnp_protocol_name(wanted.transport))},
        {"NewInternalPort", std::to_string(wanted.inside)},
        {"NewInternalClient", ours->to_string()},
        {"NewEnabled", "1"},
        {"NewPortMappingDescription", std::string(description_of_ours)},
        {"NewLeaseDuration", std::to_string(wanted.lifetime_s)},
    };
  }

  /// A lease without end is asked for again as often as any other.
  PortGrant granted(const PortRequest& wanted, const SoapAnswer& answer) const {
    const std::string_view reserved = answer.value("NewReservedPort");
    const char* end = reserved.data() + reserved.size();
    std::uint16_t port = 0;
    const auto [stop, failure] = std::from_chars(reserved.data(), end, port);
    if (failure != std::errc{} || stop != end) port = wanted.outside;
    constexpr auto usual = std::chrono::floor<std::chrono::seconds>(port_mapping_lifetime).count();
    const std::uint32_t lifetime =
        wanted.lifetime_s == 0 ? static_cast<std::uint32_t>(usual) : wanted.lifetime_s;
    return {{outside_, port}, lifetime};
  }

  Task<void> find_service() {
    KITH_CO_TRY(const DevicePlace place, co_await search());
    KITH_CO_TRY(const std::string description, co_await fetch(place));
    KITH_CO_TRY(const std::vector<IgdService> services, igd_services(description, place));
    // Some routers have a connection for each kind of line, of which one has an address.
    Error why = Errc::not_found;
    for (const IgdService& service : services) {
      auto address = co_await outside_address(service);
      if (address && !address->is_unspecified()) {
        service_ = service;
        co_return Result<void>{};
      }
      if (!address) why = address.error();
      if (why.is(Errc::cancelled)) break;
    }
    co_return std::unexpected(why);
  }

  /// Asks the network, and the router by itself, and listens to the router alone.
  Task<DevicePlace> search() {
    KITH_CO_TRY(const std::unique_ptr<port::UdpSocket> socket, search_socket());
    const port::Endpoint group{port::IpAddress::v4(ssdp_group), ssdp_port};
    for (int attempt = 0; attempt < ssdp_tries; ++attempt) {
      for (const std::string& search : ssdp_searches()) {
        for (const port::Endpoint& to : {group, port::Endpoint{router_, ssdp_port}}) {
          auto sent = co_await socket->send(to, as_bytes(search));
          if (!sent && sent.error().is(Errc::cancelled)) co_return std::unexpected(sent.error());
        }
      }
      auto found = co_await await_answer(*socket);
      if (found || !found.error().is(Errc::timed_out)) co_return found;
    }
    co_return std::unexpected(Errc::timed_out);
  }

  Result<std::unique_ptr<port::UdpSocket>> search_socket() {
    const auto ours = address_towards(env_.net, router_);
    if (!ours) return std::unexpected(Errc::not_found);
    KITH_TRY(std::unique_ptr<port::UdpSocket> socket, env_.net.bind_udp({*ours, 0}, {}));
    KITH_TRY(const std::vector<port::InterfaceAddress> interfaces, env_.net.interfaces());
    const auto link = std::ranges::find(interfaces, *ours, &port::InterfaceAddress::address);
    if (link == interfaces.end()) return std::unexpected(Errc::not_found);
    KITH_CHECK(socket->set_multicast(link->interface_index, ssdp_hops));
    return socket;
  }

  Task<DevicePlace> await_answer(port::UdpSocket& socket) {
    const Instant deadline = env_.clock.now() + ssdp_patience;
    for (std::size_t i = 0; i < ssdp_answers_max; ++i) {
      Bytes buffer(ssdp_answer_bytes_max);
      MutableBytes into = buffer;
      KITH_CO_TRY(const port::UdpSocket::Received got, co_await socket.receive(into, deadline));
      if (got.from.address != router_) continue;
      auto place = decode_ssdp_answer(ByteView(buffer).first(got.size), router_);
      if (place) co_return *std::move(place);
    }
    co_return std::unexpected(Errc::timed_out);
  }

  Task<std::string> fetch(DevicePlace place) {
    http::ClientRequest request{.method = "GET",
                                .host = place.endpoint.address.to_string(),
                                .port = place.endpoint.port,
                                .target = place.target};
    const Instant deadline = env_.clock.now() + upnp_request_timeout;
    KITH_CO_TRY(Answer answer, co_await exchange(std::move(request), deadline));
    if (answer.status != status_ok) co_return std::unexpected(Errc::refused);
    co_return std::move(answer.body);
  }

  Task<SoapAnswer> act(std::string_view action, SoapArguments arguments) {
    const IgdService service = *service_;
    const Instant deadline = env_.clock.now() + upnp_request_timeout;
    co_return co_await act_on(service, action, std::move(arguments), deadline);
  }

  Task<port::IpAddress> outside_address(IgdService service) {
    const Instant deadline = env_.clock.now() + upnp_request_timeout;
    KITH_CO_TRY(const SoapAnswer answer,
                co_await act_on(service, "GetExternalIPAddress", {}, deadline));
    if (answer.fault) co_return std::unexpected(fault_error(*answer.fault));
    const auto address = port::IpAddress::parse(answer.value("NewExternalIPAddress"));
    if (!address || !address->is_v4()) co_return std::unexpected(Errc::corrupt);
    co_return *address;
  }

  Task<SoapAnswer> act_on(IgdService service, std::string_view action, SoapArguments arguments,
                          Instant deadline) {
    const std::string body = soap_request(service.type, action, arguments);
    http::ClientRequest request{
        .method = "POST",
        .host = service.control.endpoint.address.to_string(),
        .port = service.control.endpoint.port,
        .target = service.control.target,
        .headers = {{"Content-Type", "text/xml; charset=\"utf-8\""},
                    {"SOAPAction", soap_action(service.type, action)}},
        .body = std::make_unique<http::MemoryBody>(Buffer::copy_of(as_bytes(body))),
        .body_bytes = body.size()};
    KITH_CO_TRY(const Answer answer, co_await exchange(std::move(request), deadline));
    if (answer.status != status_ok && answer.status != status_fault) {
      co_return std::unexpected(Errc::refused);
    }
    co_return decode_soap(answer.body, action);
  }

  struct Answer {
    int status = 0;
    std::string body;
  };

  Task<Answer> exchange(http::ClientRequest request, Instant deadline) {
    http::Client client(env_, {.connect_timeout = upnp_request_timeout, .idle_connections_max = 0});
    auto answer = co_await answer_to(client, std::move(request), deadline);
    co_await client.close();
    co_return answer;
  }

  static Task<Answer> answer_to(http::Client& client, http::ClientRequest request,
                                Instant deadline) {
    KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(request), deadline));
    KITH_CO_TRY(const Bytes body,
                co_await http::read_all(*response, upnp_document_bytes_max, deadline));
    co_return Answer{response->status, std::string(as_text(body))};
  }

  port::Env& env_;
  port::IpAddress router_;
  std::optional<IgdService> service_;
  port::IpAddress outside_;
};

}  // namespace

std::unique_ptr<MappingGateway> make_upnp_gateway(port::Env& env, port::IpAddress router) {
  return std::make_unique<UpnpGateway>(env, router);
}

}  // namespace kith::net
