// Two QUIC sessions in one thread, each of whose datagrams is handed to the other: for the
// benchmark and the fuzz target.
#pragma once

#include <algorithm>
#include <functional>

#include <kith/net/transports/quic/detail/quic_session.hpp>
#include <kith/sim/world.hpp>

namespace kith::net::testing {

using detail::QuicHost;
using detail::QuicId;
using detail::QuicInitial;
using detail::QuicOutput;
using detail::QuicResetToken;
using detail::QuicSession;
using detail::QuicTls;

class QuicLineHost final : public QuicHost {
 public:
  explicit QuicLineHost(port::Env& env) : env_(env) {}
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
class QuicLine {
 public:
  QuicLine() : world_(1), env_(world_.add_node().env()), near_host_(env_), far_host_(env_) {
    std::array<std::uint8_t, 32> seed{1};
    tls_ = QuicTls::make(env_, crypto::PrivateKey::from_ed25519_seed(seed)).value();
  }
  ~QuicLine() {
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
  port::Env& env() noexcept { return env_; }
  const std::shared_ptr<QuicTls>& tls() const noexcept { return tls_; }

  /// What either has to say.
  void exchange() {
    now += 50us;
    turn(*near, *far, a_);
    turn(*far, *near, b_);
  }

  std::unique_ptr<QuicSession> near;
  std::unique_ptr<QuicSession> far;
  Instant now{1s};
  /// What becomes of each datagram, instead of being received.
  std::function<void(QuicSession& to, const port::Endpoint& from, ByteView datagram)> on_the_way;

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
      for (; !rest.empty(); rest = rest.subspan(std::min(each, rest.size()))) {
        const ByteView datagram = rest.first(std::min(each, rest.size()));
        if (on_the_way) {
          on_the_way(to, from, datagram);
        } else {
          to.receive(from, datagram, one.ecn, now);
        }
      }
    }
    to.settle(now);
  }

  sim::World world_;
  port::Env& env_;
  QuicLineHost near_host_;
  QuicLineHost far_host_;
  std::shared_ptr<QuicTls> tls_;
  const port::Endpoint a_{port::IpAddress::v4({127, 0, 0, 1}), 1};
  const port::Endpoint b_{port::IpAddress::v4({127, 0, 0, 1}), 2};
  QuicOutput output_;
};

}  // namespace kith::net::testing
