#include <gtest/gtest.h>

#include <kith/api/gateway_fixture.hpp>
#include <kith/api/public_gateway.hpp>
#include <kith/ipld/content.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/net/transports/websocket.hpp>

namespace kith::api::testing {
namespace {

using multiformats::Cid;
using multiformats::Codec;
using net::Resource;
using sim::World;

constexpr std::uint16_t swarm_port = 4001;

/// A node with the gateway behind its swarm, and a stranger.
struct Town {
  explicit Town(World& in)
      : world(in),
        far(in.add_node()),
        near(in.add_node()),
        blocks(far.env().clock),
        gateway(far.env(),
                [this](bool fetch) { return std::make_unique<TestSource>(blocks, fetch); }),
        swarm(far.env(), net::key_of(1), peers),
        stranger(near, 2),
        client(near.env(), {}) {
    auto options = std::make_shared<net::WebSocketOptions>();
    options->plain_http = [this](net::TcpGuest guest) { gateway.serve(std::move(guest)); };
    net::Transports transports;
    transports.websocket_options = std::move(options);
    swarm.set_transports(std::move(transports));
    for (const char* where : {"/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/tcp/4001/ws"})
      EXPECT_TRUE(swarm.listen(net::address(where)).has_value());
    gateway.serve_streams(swarm);
  }

  Cid add(std::string_view content) {
    auto block =
        ipld::make_block({1, Codec::raw, Codec::sha2_256, 32}, Buffer::copy_of(as_bytes(content)));
    EXPECT_TRUE(block.has_value());
    blocks.here.add(*block);
    return block->cid;
  }

  Task<Answer> get(std::string target, std::string method = "GET") {
    http::ClientRequest asked;
    asked.method = std::move(method);
    asked.host = far.address().to_string();
    asked.port = swarm_port;
    asked.target = std::move(target);
    KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(asked)));
    Answer answer;
    answer.status = response->status;
    answer.headers = response->headers;
    KITH_CO_TRY(const Bytes body, co_await http::read_all(*response, 1'000'000));
    answer.body = as_text(body);
    co_return answer;
  }

  Task<std::unique_ptr<port::TcpStream>> dialed() {
    port::TcpDialOptions options;
    co_return co_await near.env().net.dial_tcp(far.endpoint(swarm_port), options, soon());
  }

  Task<void> meet() {
    std::vector<multiformats::Multiaddr> at = swarm.reachable_addresses();
    KITH_CO_CHECK(co_await stranger.swarm.connect(swarm.local_peer(), std::move(at), soon()));
    co_return Result<void>{};
  }
  Task<std::unique_ptr<net::Stream>> opened() {
    std::vector<net::ProtocolId> protocols = {net::ProtocolId(net::http_protocol)};
    co_return co_await stranger.swarm.open_stream(swarm.local_peer(), std::move(protocols), soon());
  }
  /// What comes back on a stream of its own, head and body.
  Task<std::string> ask(std::string request) {
    KITH_CO_TRY(auto stream, co_await opened());
    KITH_CO_CHECK(co_await stream->write(as_bytes(request)));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes whole, co_await port::read_to_end(*stream, 1'000'000, soon()));
    co_return std::string(as_text(whole));
  }

  Instant soon() { return world.clock().now() + 20s; }
  std::uint64_t used(Resource what) const { return swarm.resources().system.used[what]; }

  Task<void> end() {
    KITH_CO_CHECK(co_await client.close());
    KITH_CO_CHECK(co_await gateway.stop(1s));
    KITH_CO_CHECK(co_await stranger.close());
    co_return co_await swarm.close_shielded();
  }

  World& world;
  sim::Node& far;
  sim::Node& near;
  TestBlocks blocks;
  PublicGateway gateway;
  net::PeerStore peers;
  net::Swarm swarm;
  net::TestPeer stranger;
  http::Client client;
};

std::string at(const Cid& cid, std::string_view behind = "?format=raw") {
  return "/ipfs/" + cid.to_string() + std::string(behind);
}

constexpr std::string_view wellknown = "/.well-known/libp2p/protocols";
constexpr std::string_view protocols = R"({"/ipfs/gateway":{"path":"/"}})";

TEST(PublicGateway, ServesBlocksAtTheSwarmsPort) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    const Cid cid = town.add("a block");
    KITH_CO_TRY(Answer raw, co_await town.get(at(cid)));
    EXPECT_EQ(raw.status, 200);
    EXPECT_EQ(raw.body, "a block");
    EXPECT_EQ(raw.header("Content-Type"), "application/vnd.ipld.raw");
    KITH_CO_TRY(Answer page, co_await town.get(at(cid, "")));
    EXPECT_EQ(page.status, 406);
    for (const char* method : {"GET", "POST"}) {
      for (const char* path : {"/", "/api/v0/id", "/webui", "/ipns/example.org", "/version"}) {
        KITH_CO_TRY(Answer nothing, co_await town.get(path, method));
        EXPECT_EQ(nothing.status, 404) << method << ' ' << path;
      }
    }
    KITH_CO_TRY(Answer post, co_await town.get(at(cid), "POST"));
    EXPECT_EQ(post.status, 405);
    KITH_CO_TRY(Answer known, co_await town.get(std::string(wellknown)));
    EXPECT_EQ(known.body, protocols);
    EXPECT_EQ(known.header("Content-Type"), "application/json");
    // All of it on a connection, which the swarm counts.
    EXPECT_EQ(town.used(Resource::connections), 1U);
    EXPECT_EQ(town.gateway.connections(), 1U);
    // Peers come by the same port.
    KITH_CO_CHECK(co_await town.meet());
    co_return co_await town.end();
  });
}

TEST(PublicGateway, FetchesNothing) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    auto absent = ipld::make_block({1, Codec::raw, Codec::sha2_256, 32},
                                   Buffer::copy_of(as_bytes("elsewhere")));
    for (const char* format : {"?format=raw", "?format=car"}) {
      KITH_CO_TRY(Answer answer, co_await town.get(at(absent->cid, format)));
      EXPECT_EQ(answer.status, 404) << format;
    }
    co_return co_await town.end();
  });
}

TEST(PublicGateway, ServesBlocksOnStreams) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    const Cid cid = town.add("a block");
    KITH_CO_CHECK(co_await town.meet());
    KITH_CO_TRY(const std::string raw,
                co_await town.ask("GET " + at(cid) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(raw.starts_with("HTTP/1.1 200 OK\r\n")) << raw;
    EXPECT_TRUE(raw.contains("\r\nConnection: close\r\n")) << raw;
    EXPECT_TRUE(raw.ends_with("\r\n\r\na block")) << raw;
    KITH_CO_TRY(const std::string page,
                co_await town.ask("GET " + at(cid, "") + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(page.starts_with("HTTP/1.1 406 ")) << page;
    KITH_CO_TRY(const std::string known,
                co_await town.ask("GET " + std::string(wellknown) +
                                  " HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n"));
    EXPECT_TRUE(known.ends_with("\r\n\r\n" + std::string(protocols))) << known;
    EXPECT_EQ(town.gateway.streams(), 0U);
    co_return co_await town.end();
  });
}

TEST(PublicGateway, CountsStreamsWhileTheyLast) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    KITH_CO_CHECK(co_await town.meet());
    std::vector<std::unique_ptr<net::Stream>> silent;
    const ByteView half = as_bytes("GET / HT");
    for (std::size_t i = 0; i < public_gateway_streams_per_peer_max; ++i) {
      KITH_CO_TRY(auto stream, co_await town.opened());
      KITH_CO_CHECK(co_await stream->write(half));
      silent.push_back(std::move(stream));
    }
    auto refused = co_await town.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(town.gateway.streams(), public_gateway_streams_per_peer_max);
    // Who says nothing has no place for ever.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1min));
    EXPECT_EQ(town.gateway.streams(), 0U);
    KITH_CO_TRY(const std::string served, co_await town.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(served.starts_with("HTTP/1.1 404 ")) << served;
    co_return co_await town.end();
  });
}

TEST(PublicGateway, EndsWithAStreamsConnection) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    KITH_CO_CHECK(co_await town.meet());
    KITH_CO_TRY(auto stream, co_await town.opened());
    KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HT")));
    while (town.gateway.streams() == 0)
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10ms));
    EXPECT_TRUE(town.swarm.disconnect(town.stranger.id()));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    EXPECT_EQ(town.gateway.streams(), 0U);
    EXPECT_EQ(town.used(Resource::connections), 0U);
    co_return co_await town.end();
  });
}

TEST(PublicGateway, GivesUpClientsThatDoNotRead) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Town town(world);
    const Cid cid = town.add(std::string(ipld::block_bytes_max, 'x'));
    const std::string request = "GET " + at(cid) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    KITH_CO_TRY(auto reader, co_await town.dialed());
    KITH_CO_CHECK(co_await reader->write(as_bytes(request)));
    KITH_CO_CHECK(co_await town.meet());
    KITH_CO_TRY(auto stream, co_await town.opened());
    KITH_CO_CHECK(co_await stream->write(as_bytes(request)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(town.gateway.connections(), 1U);
    EXPECT_EQ(town.gateway.streams(), 1U);
    EXPECT_EQ(town.used(Resource::connections), 2U);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), gateway_write_timeout + 5s));
    EXPECT_EQ(town.gateway.connections(), 0U);
    EXPECT_EQ(town.gateway.streams(), 0U);
    EXPECT_EQ(town.used(Resource::connections), 1U);
    co_return co_await town.end();
  });
}

}  // namespace
}  // namespace kith::api::testing
