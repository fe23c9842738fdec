// How fast bytes go from one QUIC session to another in one thread, handed over in memory: each is
// copied in, sealed, opened, and copied out once. And how long a handshake of both sides takes.
#include <benchmark/benchmark.h>

#include <kith/net/transports/quic/detail/quic_session.hpp>
#include <kith/sim/world.hpp>

namespace kith::net::detail {
namespace {

class Host final : public QuicHost {
 public:
  explicit Host(port::Env& env) : env_(env) {}
  void fill_random(MutableBytes out) override { env_.random.fill(out); }
  QuicId issue_id(QuicResetToken& token) override {
    QuicId id;
    id.size = quic_id_bytes;
    fill_random(MutableBytes(id.bytes).first(quic_id_bytes));
    fill_random(token);
    last = id;
    return id;
  }
  void retire_id(const QuicId&) override {}
  void learn_reset_token(const QuicResetToken&) override {}
  void forget_reset_token(const QuicResetToken&) override {}

  QuicId last;

 private:
  port::Env& env_;
};

/// Two sessions, 50 us from each other.
class Line {
 public:
  Line() : world_(1), env_(world_.add_node().env()), near_host_(env_), far_host_(env_) {
    std::array<std::uint8_t, 32> seed{1};
    tls_ = QuicTls::make(env_, crypto::PrivateKey::from_ed25519_seed(seed)).value();
  }
  ~Line() {
    near.reset();
    far.reset();
    world_.finish();
  }

  void connect() {
    near = QuicSession::make(tls_, near_host_,
                             {.direction = Direction::outbound, .local = a_, .remote = b_}, now)
               .value();
    const bool more = near->produce(output_, now);
    static_cast<void>(more);
    const ByteView first = output_.datagrams.front().bytes;
    // The ids of an Initial packet stand behind its version, each with its length before it.
    const std::size_t size = first[5];
    const QuicId destination = QuicId::of(first.subspan(6, size));
    const QuicId source = QuicId::of(first.subspan(7 + size, first[6 + size]));
    QuicInitial initial{.version = 1,
                        .destination = destination,
                        .source = source,
                        .original_destination = destination};
    far = QuicSession::make(tls_, far_host_, {.local = b_, .remote = a_, .initial = initial}, now)
              .value();
    deliver(*far, a_);
    while (!near->established() || !far->established())
      exchange();
  }

  /// What either has to say.
  void exchange() {
    now += 50us;
    turn(*near, *far, a_);
    turn(*far, *near, b_);
  }

  std::unique_ptr<QuicSession> near;
  std::unique_ptr<QuicSession> far;
  Instant now{1s};

 private:
  void turn(QuicSession& from, QuicSession& to, const port::Endpoint& of) {
    if (from.deadline() <= now) from.on_deadline(now);
    from.produce(output_, now);
    deliver(to, of);
  }
  void deliver(QuicSession& to, const port::Endpoint& from) {
    for (const port::OutgoingDatagrams& one : output_.datagrams) {
      ByteView rest = one.bytes;
      const std::size_t each = one.segment_bytes == 0 ? rest.size() : one.segment_bytes;
      for (; !rest.empty(); rest = rest.subspan(std::min(each, rest.size())))
        to.receive(from, rest.first(std::min(each, rest.size())), one.ecn, now);
    }
    to.settle(now);
  }

  sim::World world_;
  port::Env& env_;
  Host near_host_;
  Host far_host_;
  std::shared_ptr<QuicTls> tls_;
  const port::Endpoint a_{port::IpAddress::v4({127, 0, 0, 1}), 1};
  const port::Endpoint b_{port::IpAddress::v4({127, 0, 0, 1}), 2};
  QuicOutput output_;
};

void quic_handshake(benchmark::State& state) {
  Line line;
  for (auto _ : state)
    line.connect();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(quic_handshake);

void quic_stream(benchmark::State& state) {
  Line line;
  line.connect();
  int owner = 0;
  const QuicStreamId id = line.near->open(&owner, line.now).value();
  const Bytes payload(static_cast<std::size_t>(state.range(0)), 1);
  const ByteView pieces[] = {payload};
  bool accepted = false;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    if (!line.near->write(id, pieces)) state.SkipWithError("write");
    std::size_t got = 0;
    while (got < payload.size()) {
      line.exchange();
      if (!accepted) accepted = line.far->accept(&owner).has_value();
      while (accepted) {
        const Buffer part = line.far->read_buffer(id, SIZE_MAX, line.now);
        if (part.empty()) break;
        got += part.size();
      }
      while (line.far->next_touched() || line.near->next_touched()) {
      }
    }
    bytes += static_cast<std::int64_t>(got);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(quic_stream)->Arg(100)->Arg(64 << 10)->Arg(4 << 20);

}  // namespace
}  // namespace kith::net::detail
