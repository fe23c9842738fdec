#include <algorithm>
#include <array>

#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/mapping_gateway.hpp>
#include <kith/net/nat/nat_pmp.hpp>
#include <kith/net/nat/pcp.hpp>

namespace kith::net {
namespace {

Result<std::unique_ptr<port::UdpSocket>> any_socket(port::Env& env) {
  return env.net.bind_udp({port::IpAddress::any(port::IpFamily::v4), 0}, {});
}

bool same_network(const port::InterfaceAddress& ours, const port::IpAddress& other) {
  if (!ours.up || ours.loopback || !ours.address.is_v4() || ours.prefix_bits <= 0) return false;
  const int host_bits = std::max(0, 32 - ours.prefix_bits);
  const auto mask = static_cast<std::uint32_t>(~std::uint64_t{0} << host_bits);
  const auto difference = load_be<std::uint32_t>(ours.address.bytes().data()) ^
                          load_be<std::uint32_t>(other.bytes().data());
  return (difference & mask) == 0;
}

class NatPmpGateway final : public MappingGateway {
 public:
  NatPmpGateway(port::Env& env, port::IpAddress router) : env_(env), router_(router) {}

  std::string_view protocol() const noexcept override { return "NAT-PMP"; }

  Task<Presence> look() override {
    KITH_CO_TRY(const NatPmpAnswer answer, co_await ask(nat_pmp_ask_address(), gateway_look_tries));
    const auto& told = std::get<NatPmpAddress>(answer);
    outside_ = told.outside;
    co_return Presence{epoch_.restarted(told.epoch_s, env_.clock.now()), told.outside};
  }

  Task<PortGrant> map(PortRequest wanted) override {
    KITH_CO_TRY(const NatPmpAnswer answer, co_await ask(message(wanted), nat_pmp_tries));
    const auto& made = std::get<NatPmpMapping>(answer);
    co_return PortGrant{{outside_, made.outside}, made.lifetime_s};
  }

  Task<void> unmap(PortRequest mapped, Instant) override {
    mapped.outside = 0;
    mapped.lifetime_s = 0;
    co_return co_await tell_gateway(env_, router_, message(mapped));
  }

 private:
  static Bytes message(const PortRequest& request) {
    return nat_pmp_ask_mapping(
        {request.transport, request.inside, request.outside, request.lifetime_s});
  }

  /// Whether this answers that; a router may still be answering an earlier question.
  static bool answers(ByteView datagram, ByteView request) {
    const auto answer = decode_nat_pmp(datagram);
    if (!answer) return !answer.error().is(Errc::corrupt);
    const auto* mapping = std::get_if<NatPmpMapping>(&*answer);
    if (mapping == nullptr) return request.size() == nat_pmp_ask_address().size();
    return request.size() > 5 && request[1] == static_cast<std::uint8_t>(mapping->transport) &&
           load_be<std::uint16_t>(&request[4]) == mapping->inside;
  }

  Task<NatPmpAnswer> ask(Bytes request, int tries) {
    auto fits = [request](ByteView datagram) { return answers(datagram, request); };
    KITH_CO_TRY(const Bytes datagram, co_await ask_gateway(env_, router_, request, tries, fits));
    co_return decode_nat_pmp(datagram);
  }

  port::Env& env_;
  port::IpAddress router_;
  port::IpAddress outside_;
  GatewayEpoch epoch_;
};

class PcpGateway final : public MappingGateway {
 public:
  PcpGateway(port::Env& env, port::IpAddress router, ByteView nonce) : env_(env), router_(router) {
    std::ranges::copy(nonce.first(pcp_nonce_bytes), nonce_.begin());
  }

  std::string_view protocol() const noexcept override { return "PCP"; }

  /// Any answer in PCP says that it speaks it, also one that it won't do this.
  Task<Presence> look() override {
    KITH_CO_TRY(const port::IpAddress client, client_address());
    auto fits = [](ByteView datagram) {
      const auto answer = decode_pcp(datagram);
      if (!answer) return answer.error().is(PcpError::unsupported_version);
      return answer->opcode == PcpOpcode::announce;
    };
    const Bytes request = pcp_ask_announce(client);
    KITH_CO_TRY(const Bytes datagram,
                co_await ask_gateway(env_, router_, request, gateway_look_tries, fits));
    KITH_CO_TRY(const PcpAnswer answer, decode_pcp(datagram));
    co_return Presence{.restarted = epoch_.restarted(answer.epoch_s, env_.clock.now())};
  }

  Task<PortGrant> map(PortRequest wanted) override {
    KITH_CO_TRY(const Bytes request, message(wanted));
    const PcpMapping asked = mapping_of(wanted);
    auto fits = [asked](ByteView datagram) {
      const auto answer = decode_pcp(datagram);
      return answer && answer->mapping && answer->mapping->nonce == asked.nonce &&
             answer->mapping->transport == asked.transport &&
             answer->mapping->inside == asked.inside;
    };
    KITH_CO_TRY(const Bytes datagram,
                co_await ask_gateway(env_, router_, request, nat_pmp_tries, fits));
    KITH_CO_TRY(const PcpAnswer answer, decode_pcp(datagram));
    if (answer.refusal) co_return std::unexpected(*answer.refusal);
    co_return PortGrant{answer.mapping->outside, answer.lifetime_s};
  }

  Task<void> unmap(PortRequest mapped, Instant) override {
    mapped.outside = 0;
    mapped.lifetime_s = 0;
    KITH_CO_TRY(Bytes request, message(mapped));
    co_return co_await tell_gateway(env_, router_, std::move(request));
  }

 private:
  Result<port::IpAddress> client_address() const {
    const auto ours = address_towards(env_.net, router_);
    if (!ours) return std::unexpected(Errc::not_found);
    return *ours;
  }

  PcpMapping mapping_of(const PortRequest& request) const {
    return {.nonce = nonce_,
            .transport = request.transport,
            .inside = request.inside,
            .outside = {port::IpAddress(), request.outside}};
  }

  Result<Bytes> message(const PortRequest& request) const {
    KITH_TRY(const port::IpAddress client, client_address());
    return pcp_ask_mapping(mapping_of(request), client, request.lifetime_s);
  }

  port::Env& env_;
  port::IpAddress router_;
  PcpNonce nonce_{};
  GatewayEpoch epoch_;
};

}  // namespace

bool GatewayEpoch::restarted(std::uint32_t seconds, Instant now) noexcept {
  const std::optional<Seen> before = std::exchange(last_, Seen{seconds, now});
  if (!before) return false;
  if (std::int64_t{seconds} + 1 < before->seconds) return true;
  // The two clocks may differ by a sixteenth and two seconds.
  const std::int64_t ours = std::chrono::floor<std::chrono::seconds>(now - before->at).count();
  const std::int64_t theirs = std::int64_t{seconds} - before->seconds;
  return ours + 2 < theirs - theirs / 16 || theirs + 2 < ours - ours / 16;
}

Task<Bytes> ask_gateway(port::Env& env, port::IpAddress router, Bytes request, int tries,
                        std::function<bool(ByteView)> answers) {
  KITH_CO_TRY(const std::unique_ptr<port::UdpSocket> socket, any_socket(env));
  const port::Endpoint to{router, nat_pmp_port};
  Duration patience = nat_pmp_first_timeout;
  for (int attempt = 0; attempt < tries; ++attempt, patience *= 2) {
    KITH_CO_CHECK(co_await socket->send(to, request));
    const Instant deadline = env.clock.now() + patience;
    for (;;) {
      Bytes buffer(gateway_datagram_bytes_max);
      MutableBytes into = buffer;
      auto got = co_await socket->receive(into, deadline);
      if (!got && got.error().is(Errc::timed_out)) break;
      if (!got) co_return std::unexpected(got.error());
      buffer.resize(got->size);
      if (got->from == to && answers(buffer)) co_return buffer;
    }
  }
  co_return std::unexpected(Errc::timed_out);
}

Task<void> tell_gateway(port::Env& env, port::IpAddress router, Bytes request) {
  KITH_CO_TRY(const std::unique_ptr<port::UdpSocket> socket, any_socket(env));
  const port::Endpoint to{router, nat_pmp_port};
  co_return co_await socket->send(to, request);
}

std::optional<port::IpAddress> address_towards(port::Net& net, const port::IpAddress& router) {
  if (!router.is_v4()) return std::nullopt;
  auto interfaces = net.interfaces();
  if (!interfaces) return std::nullopt;
  for (const port::InterfaceAddress& one : *interfaces) {
    if (same_network(one, router)) return one.address;
  }
  return std::nullopt;
}

std::unique_ptr<MappingGateway> make_nat_pmp_gateway(port::Env& env, port::IpAddress router) {
  return std::make_unique<NatPmpGateway>(env, router);
}

std::unique_ptr<MappingGateway> make_pcp_gateway(port::Env& env, port::IpAddress router,
                                                 ByteView nonce) {
  return std::make_unique<PcpGateway>(env, router, nonce);
}

}  // namespace kith::net
