// Strategy: an even first byte, and the input is datagrams, each with two bytes of length, that a
// stranger sends to a socket that listens. An odd one, and it is what happens to two peers'
// datagrams after a handshake, an operation a byte: what they say is encrypted, so a fuzzer reaches
// the inside of packets only by what peers really do. Invariants: an answer is shorter than what it
// answers, and half-open strangers have a bound.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/transports/quic/detail/quic_endpoint.hpp>
#include <kith/net/transports/quic/test_quic_line.hpp>

namespace kith::fuzz {

Kinds kinds_quic_datagram{"stranger", "version negotiation", "reset",        "bad token",
                          "stream",   "stream's end",        "stream reset", "closed"};

namespace {

using namespace net;
using net::detail::QuicEndpoint;
using net::testing::QuicLine;

/// Nothing comes, and what is sent is nobody's.
class NoSocket final : public port::UdpSocket {
 public:
  Task<Received> receive(MutableBytes, Instant) override {
    co_return std::unexpected(Errc::closed);
  }
  Task<void> send(port::Endpoint, ByteView) override { co_return Result<void>{}; }
  Task<std::size_t> receive_batch(std::span<port::IncomingDatagrams>, Instant) override {
    co_return std::unexpected(Errc::closed);
  }
  Task<void> send_batch(std::span<const port::OutgoingDatagrams>) override {
    co_return Result<void>{};
  }
  Result<void> join_multicast(const port::IpAddress&, std::uint32_t) override { return {}; }
  Result<void> set_multicast(std::uint32_t, int) override { return {}; }
  port::Endpoint local_endpoint() const noexcept override {
    return {port::IpAddress::any(port::IpFamily::v4), 4001};
  }
  void close() noexcept override {}
};

/// Made once: its certificate costs more than a run.
QuicLine& line() {
  static QuicLine made;
  return made;
}

void strangers(ByteView input) {
  QuicLine& world = line();
  auto endpoint =
      std::make_shared<QuicEndpoint>(world.env(), world.tls(), std::make_unique<NoSocket>());
  endpoint->listen();
  port::Endpoint from{port::IpAddress::v4({10, 0, 0, 1}), 1};
  while (input.size() >= 2) {
    const std::size_t size =
        std::min<std::size_t>(load_be<std::uint16_t>(input.data()), input.size() - 2);
    const ByteView datagram = input.subspan(2, size);
    input = input.subspan(2 + size);
    ++from.port;
    const std::size_t half_open = endpoint->half_open();
    const std::size_t replies = endpoint->replies().size();
    endpoint->on_datagram(from, datagram, port::Ecn::not_capable, world.now);
    endpoint->settle(world.now);
    kinds_quic_datagram.reached_if(endpoint->half_open() > half_open, "stranger");
    ASSERT(endpoint->half_open() <= quic_half_open_max);
    if (endpoint->replies().size() == replies) continue;
    const Bytes& answer = endpoint->replies().back().datagram;
    ASSERT(endpoint->replies().back().to == from && answer.size() < datagram.size());
    const bool is_long = (answer[0] & 0x80) != 0;
    const bool negotiates = is_long && load_be<std::uint32_t>(answer.data() + 1) == 0;
    kinds_quic_datagram.reached(!is_long ? "reset"
                                         : (negotiates ? "version negotiation" : "bad token"));
  }
  endpoint->close();
}

/// Two peers, and what the input does to them.
class Talk {
 public:
  explicit Talk(ByteView input) : input_(input) { line_.connect(); }
  ~Talk() { line_.on_the_way = nullptr; }

  void run() {
    line_.on_the_way = [this](net::detail::QuicSession& to, const port::Endpoint& from,
                              ByteView datagram) { carry(to, from, datagram); };
    while (!input_.empty() && !line_.near->outcome() && !line_.far->outcome())
      step(next() % 10);
    for (auto* session : {line_.near.get(), line_.far.get()}) {
      const auto& outcome = session->outcome();
      kinds_quic_datagram.reached_if(outcome && outcome->is(Errc::closed), "closed");
    }
    line_.near.reset();
    line_.far.reset();
  }

 private:
  std::uint8_t next() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_[0];
    input_ = input_.subspan(1);
    return byte;
  }

  void carry(net::detail::QuicSession& to, const port::Endpoint& from, ByteView datagram) {
    const std::uint8_t fate = std::exchange(fate_, 0);
    if (fate == 1) return;
    Bytes changed = to_bytes(datagram);
    if (fate == 2) changed[next() % changed.size()] ^= static_cast<std::uint8_t>(1 + next());
    if (fate == 3) changed.resize(1 + next() % changed.size());
    to.receive(from, changed, port::Ecn::not_capable, line_.now);
    if (fate == 4) to.receive(from, changed, port::Ecn::congested, line_.now);
  }

  void step(int what) {
    net::detail::QuicSession& near = *line_.near;
    net::detail::QuicSession& far = *line_.far;
    if (what < 5) {
      fate_ = static_cast<std::uint8_t>(what);
      line_.exchange();
      look();
      return;
    }
    if (what == 5 && near_stream_ < 0) {
      if (auto id = near.open(&owner_, line_.now)) near_stream_ = *id;
    } else if (what == 6 && near_stream_ >= 0 && !near.writing(near_stream_)) {
      pieces_[0] = ByteView(data_).first(1 + next() * std::size_t{16});
      const auto written = near.write(near_stream_, pieces_);
      static_cast<void>(written);
    } else if (what == 7 && near_stream_ >= 0) {
      if (next() % 2 == 0) {
        near.reset(near_stream_);
      } else {
        near.close_write(near_stream_);
      }
    } else if (what == 8) {
      line_.now += std::chrono::milliseconds(next());
    } else if (what == 9 && next() % 4 == 0) {
      line_.near->close(line_.now);
      if (!near.goodbye().empty()) {
        far.receive({port::IpAddress::v4({127, 0, 0, 1}), 1}, near.goodbye(),
                    port::Ecn::not_capable, line_.now);
      }
    }
  }

  /// The other side takes what has come.
  void look() {
    net::detail::QuicSession& far = *line_.far;
    if (far.can_accept()) far_stream_ = far.accept(&owner_).value_or(-1);
    if (far_stream_ < 0) return;
    kinds_quic_datagram.reached_if(far.buffered_bytes(far_stream_) != 0, "stream");
    while (!far.read_buffer(far_stream_, 1000, line_.now).empty()) {
    }
    const auto end = far.read_end(far_stream_);
    kinds_quic_datagram.reached_if(end && end->has_value(), "stream's end");
    kinds_quic_datagram.reached_if(end && !end->has_value(), "stream reset");
    while (far.next_touched() || line_.near->next_touched()) {
    }
  }

  QuicLine& line_ = line();
  ByteView input_;
  std::uint8_t fate_ = 0;  ///< of the next datagram
  Bytes data_ = Bytes(5000);
  ByteView pieces_[1];
  int owner_ = 0;
  net::detail::QuicStreamId near_stream_ = -1;
  net::detail::QuicStreamId far_stream_ = -1;
};

}  // namespace

void fuzz_quic_datagram(ByteView input) {
  if (input.empty()) return;
  if (input[0] % 2 == 0) {
    strangers(input.subspan(1));
  } else {
    Talk(input.subspan(1)).run();
  }
}

}  // namespace kith::fuzz
