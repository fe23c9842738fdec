// kith-peer: a libp2p peer around kith::host that a test drives over stdin and stdout. Its
// commands, events and test protocols are described in ../README.md.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include <kith/base/bytes.hpp>
#include <kith/host/program.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/port/task_group.hpp>

#include "control.hpp"
#include "protocols.hpp"

namespace kith_peer {
namespace {

using kith::Duration;
using kith::Errc;
using kith::Error;
using kith::host::Host;
using kith::multiformats::Multiaddr;
using kith::multiformats::PeerId;
namespace json = boost::json;

constexpr const char* agent = "kith-peer/0.1.0";
constexpr std::uint64_t default_timeout_ms = 60'000;
constexpr std::uint64_t timeout_ms_max = 3'600'000;

json::array texts(const std::vector<Multiaddr>& addresses) {
  json::array array;
  for (const Multiaddr& address : addresses)
    array.emplace_back(address.to_string());
  return array;
}

json::object info_of(Host& host) {
  return {{"peer", host.peer().to_string()}, {"addrs", texts(host.addresses())}, {"agent", agent}};
}

json::object list_connections(Host& host) {
  json::array list;
  for (const kith::net::ConnectionInfo& one : host.connections()) {
    bool inbound = one.direction == kith::net::Direction::inbound;
    list.push_back({{"peer", one.peer.to_string()},
                    {"addr", one.remote_address.to_string()},
                    {"direction", inbound ? "inbound" : "outbound"},
                    {"transport", kith::net::transport_name(one.remote_address)},
                    {"security", one.security},
                    {"muxer", one.muxer}});
  }
  return {{"connections", std::move(list)}};
}

class Events final : public kith::net::SwarmObserver {
 public:
  void on_connected(const kith::net::ConnectionInfo& connection) override {
    emit({{"event", "connected"}, {"peer", connection.peer.to_string()}});
  }
  void on_disconnected(const kith::net::ConnectionInfo& connection, bool) override {
    emit({{"event", "disconnected"}, {"peer", connection.peer.to_string()}});
  }
};

Task<Reply> connect(Host& host, const Request& request, Instant deadline) {
  KITH_CO_TRY(std::string text, request.text("addr"));
  KITH_CO_TRY(Multiaddr address, Multiaddr::parse(text));
  KITH_CO_TRY(PeerId peer, co_await host.connect(std::move(address), deadline));
  co_return Reply{{"peer", peer.to_string()}};
}

Task<Reply> ping(Target target, std::uint64_t count) {
  KITH_CO_TRY(std::vector<Duration> round_trips,
              co_await target.host.ping(target.peer, count, target.deadline));
  json::array microseconds;
  for (Duration one : round_trips)
    microseconds.emplace_back(one / std::chrono::microseconds(1));
  co_return Reply{{"rtt_us", std::move(microseconds)}};
}

Task<Reply> identify(Target target) {
  KITH_CO_TRY(kith::host::PeerInfo info,
              co_await target.host.identify(target.peer, target.deadline));
  Reply reply;
  reply["protocols"] = json::array(info.protocols.begin(), info.protocols.end());
  reply["agent"] = info.agent;
  reply["protocol_version"] = info.protocol_version;
  reply["listen_addrs"] = texts(info.addresses);
  reply["observed_addr"] = info.observed_address ? info.observed_address->to_string() : "";
  co_return reply;
}

/// Commands about a connected peer.
Task<Reply> run_with_peer(Target target, const std::string& command, const Request& request) {
  if (command == "disconnect") {
    target.host.disconnect(target.peer);
    co_return Reply{};
  }
  if (command == "identify") co_return co_await identify(target);
  if (command == "ping") {
    KITH_CO_TRY(std::uint64_t count, request.number("count"));
    co_return co_await ping(target, count);
  }
  if (command == "reset") {
    KITH_CO_TRY(std::string by, request.text("by"));
    co_return co_await reset(target, std::move(by));
  }
  if (command == "perf") {
    KITH_CO_TRY(std::uint64_t upload, request.number("upload"));
    KITH_CO_TRY(std::uint64_t download, request.number("download"));
    co_return co_await perf(target, upload, download);
  }
  KITH_CO_TRY(std::uint64_t bytes, request.number("bytes"));
  if (command == "send") co_return co_await send(target, bytes);
  if (command == "half-close") co_return co_await half_close(target, bytes);
  if (command == "open-streams") {
    KITH_CO_TRY(std::uint64_t count, request.number("count"));
    co_return co_await open_streams(target, count, bytes);
  }
  if (command == "stall") {
    KITH_CO_TRY(std::uint64_t stall_ms, request.number("stall_ms"));
    co_return co_await stall(target, bytes, stall_ms);
  }
  co_return std::unexpected(Error(Errc::unsupported, "command " + command));
}

/// What the program takes part in besides connections; ends before the host.
struct Session {
  Host& host;
  kith::port::TaskGroup topics;
};

/// Tells each message of a topic.
Task<void> tell(std::unique_ptr<kith::pubsub::Subscription> subscription) {
  for (;;) {
    KITH_CO_TRY(kith::pubsub::Received one, co_await subscription->next());
    const std::optional<PeerId> author = one.message->author();
    emit({{"event", "message"},
          {"topic", one.message->topic()},
          {"from", author ? author->to_string() : ""},
          {"data", kith::to_hex(one.message->data())},
          {"signed", one.message->signature().has_value()}});
  }
}

/// Commands about a topic of gossipsub.
Task<Reply> run_with_topic(Session& session, const std::string& command, const Request& request) {
  KITH_CO_TRY(std::string topic, request.text("topic"));
  kith::pubsub::PubSub& pubsub = session.host.pubsub();
  if (command == "subscribe") {
    KITH_CO_TRY(std::unique_ptr<kith::pubsub::Subscription> subscription, pubsub.subscribe(topic));
    session.topics.spawn(tell(std::move(subscription)));
    co_return Reply{};
  }
  if (command == "topic-peers") {
    json::array peers;
    for (const PeerId& peer : pubsub.peers(topic))
      peers.emplace_back(peer.to_string());
    co_return Reply{{"peers", std::move(peers)}};
  }
  KITH_CO_TRY(std::string hex, request.text("data"));
  std::optional<kith::Bytes> data = kith::from_hex(hex);
  if (!data) co_return std::unexpected(Error(Errc::invalid_argument, "data must be hexadecimal"));
  KITH_CO_CHECK(co_await pubsub.publish(std::move(topic), *std::move(data)));
  co_return Reply{};
}

bool is_about_topic(std::string_view command) {
  return command == "subscribe" || command == "publish" || command == "topic-peers";
}

Task<Reply> run_command(Session& session, const Request& request) {
  Host& host = session.host;
  KITH_CO_TRY(std::string command, request.text("cmd"));
  if (command == "info") co_return info_of(host);
  if (command == "listen-addrs") co_return Reply{{"addrs", texts(host.addresses())}};
  if (command == "connections") co_return list_connections(host);
  if (is_about_topic(command)) co_return co_await run_with_topic(session, command, request);
  std::uint64_t timeout_ms = request.number_or("timeout_ms", default_timeout_ms);
  Instant deadline = host.after(std::chrono::milliseconds(std::min(timeout_ms, timeout_ms_max)));
  if (command == "connect") co_return co_await connect(host, request, deadline);
  KITH_CO_TRY(std::string text, request.text("peer"));
  KITH_CO_TRY(PeerId peer, PeerId::parse(text));
  Target target{host, peer, deadline};
  co_return co_await run_with_peer(target, command, request);
}

Task<void> answer(Session& session, Request request, std::uint64_t id) {
  auto reply = co_await run_command(session, request);
  if (reply) {
    (*reply)["id"] = id;
    (*reply)["ok"] = true;
    emit(*reply);
  } else {
    emit({{"id", id}, {"ok", false}, {"error", reply.error().message()}});
  }
  co_return Result<void>{};
}

Task<void> serve_stdin(Session& session, kith::port::TaskGroup& commands) {
  LineReader reader(session.host.env().pool);
  for (;;) {
    KITH_CO_TRY(std::optional<std::string> line, co_await reader.next());
    if (!line) co_return Result<void>{};
    KITH_CO_TRY(Request request, Request::parse(*line));
    KITH_CO_TRY(std::uint64_t id, request.number("id"));
    commands.spawn(answer(session, std::move(request), id));
  }
}

/// Takes part in a topic, and throws away what comes.
Task<void> drain(std::unique_ptr<kith::pubsub::Subscription> subscription) {
  for (;;) {
    KITH_CO_TRY(kith::pubsub::Received one, co_await subscription->next());
  }
}

Task<void> run(Host& host, const std::string& topic) {
  Events events;
  serve_protocols(host);
  Session session{host, kith::port::TaskGroup(host.env().executor, host.env().clock)};
  if (!topic.empty()) {
    KITH_CO_TRY(std::unique_ptr<kith::pubsub::Subscription> subscription,
                host.pubsub().subscribe(topic));
    session.topics.spawn(drain(std::move(subscription)));
  }
  json::object ready = info_of(host);
  ready["event"] = "ready";
  emit(ready);
  host.swarm().observe(events);
  kith::port::TaskGroup commands(host.env().executor, host.env().clock);
  auto served = co_await serve_stdin(session, commands);
  commands.cancel();
  co_await commands.join_shielded();
  session.topics.cancel();
  co_await session.topics.join_shielded();
  co_await host.close_shielded();
  host.swarm().stop_observing(events);
  co_return served;
}

int usage(const std::string& fault) {
  std::fprintf(stderr,
               "kith-peer: %s\nusage: kith-peer [--listen MULTIADDR]... [--security noise|tls] "
               "[--limits none] [--topic TOPIC] [--pubsub strict|anonymous]\n",
               fault.c_str());
  return 2;
}

/// Nobody is turned away or closed for being one too many: all come from one address here.
kith::net::SwarmLimits no_limits() {
  kith::net::SwarmLimits limits;
  kith::net::ResourceLimits none;
  none.connection = limits.resources.connection;
  limits.resources = std::move(none);
  limits.low_water = limits.high_water = 0;
  return limits;
}

}  // namespace
}  // namespace kith_peer

int main(int argc, char** argv) {
  using namespace kith_peer;
  kith::io::raise_descriptor_limit();
  kith::host::ProgramOptions options;
  options.host.agent = agent;
  options.host.serve_perf = true;
  std::vector<std::string> listen;
  std::string topic;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (i + 1 == argc) return usage("bad arguments");
    const std::string value = argv[++i];
    if (flag == "--listen") {
      listen.push_back(value);
    } else if (flag == "--security" && value == "tls") {
      options.host.transports.security = {kith::net::SecureProtocol::tls};
    } else if (flag == "--security" && value == "noise") {
      options.host.transports.security = {kith::net::SecureProtocol::noise};
    } else if (flag == "--topic") {
      topic = value;
      if (!options.host.pubsub) options.host.pubsub.emplace();
    } else if (flag == "--pubsub" && (value == "strict" || value == "anonymous")) {
      options.host.pubsub.emplace();
      if (value == "anonymous")
        options.host.pubsub->router.signing = kith::pubsub::Signing::anonymous;
    } else if (flag == "--limits" && value == "none") {
      options.host.limits = no_limits();
    } else {
      return usage("bad arguments");
    }
  }
  if (listen.empty()) listen.push_back("/ip4/127.0.0.1/tcp/0");
  for (const std::string& text : listen) {
    auto address = Multiaddr::parse(text);
    if (!address) return usage("no address to listen on: " + text);
    options.host.listen.push_back(*std::move(address));
  }
  return kith::host::run_program(std::move(options), [&](Host& host) { return run(host, topic); });
}
