// What tests of connections begin with: two nodes of a simulated world and a connection between
// them, upgraded for real.
#pragma once

#include <kith/net/multistream_session.hpp>
#include <kith/net/muxers/yamux.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/net/upgrade.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/world.hpp>

namespace kith::net::testing {

inline crypto::PrivateKey key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return crypto::PrivateKey::from_ed25519_seed(bytes);
}

inline multiformats::PeerId peer_of(const crypto::PrivateKey& key) {
  return multiformats::PeerId::from_public_key(key.public_key());
}

inline UpgradeOptions options_of(Direction direction, const crypto::PrivateKey& key,
                                 Instant deadline = never) {
  UpgradeOptions options{.direction = direction, .identity = key};
  options.deadline = deadline;
  return options;
}

/// The same, speaking what `order` says.
inline UpgradeOptions options_of(Direction direction, const crypto::PrivateKey& key,
                                 std::vector<SecureProtocol> order) {
  UpgradeOptions options = options_of(direction, key);
  options.channels = std::make_shared<SecureChannels>(key, std::move(order));
  return options;
}

inline Task<void> upgrade_into(port::Env& env, port::StreamPtr stream, UpgradeOptions options,
                               Result<std::unique_ptr<Connection>>& into) {
  into = co_await upgrade(env, std::move(stream), std::move(options));
  co_return Result<void>{};
}

inline Task<void> run_into(Connection& connection, std::optional<Error>& into) {
  auto ended = co_await connection.run();
  into = ended.error();
  co_return Result<void>{};
}

/// Two upgrades against each other, what each side got, and how its run() ended.
struct Pair {
  explicit Pair(sim::World& world)
      : dialer(world.add_node()),
        listener(world.add_node()),
        tasks(world.executor(), world.clock()) {}

  /// Upgrades these two ends of some stream.
  Task<void> upgrade_both(port::StreamPtr near_stream, port::StreamPtr far_stream,
                          UpgradeOptions near_options, UpgradeOptions far_options) {
    tasks.spawn(upgrade_into(dialer.env(), std::move(near_stream), std::move(near_options), near));
    tasks.spawn(upgrade_into(listener.env(), std::move(far_stream), std::move(far_options), far));
    co_return co_await tasks.join_shielded();
  }

  /// The usual: a simulated TCP connection, upgraded and running.
  Task<void> start(sim::World& world, YamuxLimits limits = {}) {
    auto [near_stream, far_stream] = world.connect(dialer, listener);
    UpgradeOptions near_options = options_of(Direction::outbound, key_of(1));
    UpgradeOptions far_options = options_of(Direction::inbound, key_of(2));
    near_options.limits = limits;
    far_options.limits = limits;
    KITH_CO_CHECK(co_await upgrade_both(std::move(near_stream), std::move(far_stream),
                                        std::move(near_options), std::move(far_options)));
    if (!near) co_return std::unexpected(near.error());
    if (!far) co_return std::unexpected(far.error());
    run();
    co_return Result<void>{};
  }

  void run() {
    tasks.spawn(run_into(**near, near_end));
    tasks.spawn(run_into(**far, far_end));
  }

  /// Closes from the dialer's side and waits for both ends.
  Task<void> finish() {
    (*near)->close();
    co_return co_await tasks.join_shielded();
  }

  sim::Node& dialer;
  sim::Node& listener;
  Result<std::unique_ptr<Connection>> near = std::unexpected(Errc::busy);
  Result<std::unique_ptr<Connection>> far = std::unexpected(Errc::busy);
  std::optional<Error> near_end;
  std::optional<Error> far_end;
  port::TaskGroup tasks;
};

/// The listening side of an upgrade up to the secure stream, for peers that speak yamux by hand.
inline Task<std::unique_ptr<SecureStream>> secure_by_hand(port::Env& env, port::StreamPtr stream,
                                                          crypto::PrivateKey key) {
  const Instant deadline = env.clock.now() + 10s;
  std::function<bool(std::string_view)> any = [](std::string_view) { return true; };
  KITH_CO_TRY(Negotiated agreed, co_await multistream_respond(*stream, std::move(any), deadline));
  NoiseConfig config{
      .initiator = false, .identity = std::move(key), .muxers = {std::string(yamux_protocol)}};
  env.random.fill(config.static_key.mutable_bytes());
  env.random.fill(config.ephemeral_key.mutable_bytes());
  co_return co_await noise_handshake(std::move(stream), std::move(config), std::move(agreed.rest),
                                     deadline);
}

inline Bytes yamux_frame(std::uint8_t type, std::uint16_t flags, YamuxStreamId stream,
                         std::uint32_t length) {
  Bytes out(yamux_header_bytes);
  out[1] = type;
  store_be(out.data() + 2, flags);
  store_be(out.data() + 4, stream);
  store_be(out.data() + 8, length);
  return out;
}

/// Passes everything on; what a test derives its faults from.
class StreamDecorator : public port::Stream {
 public:
  explicit StreamDecorator(port::StreamPtr inner) : inner_(std::move(inner)) {}
  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    return inner_->read_some(into, deadline);
  }
  Task<void> write(ByteView bytes, Instant deadline) override {
    return inner_->write(bytes, deadline);
  }
  Task<void> close_write(Instant deadline) override { return inner_->close_write(deadline); }
  void reset() noexcept override { inner_->reset(); }

 protected:
  port::StreamPtr inner_;
};

}  // namespace kith::net::testing
