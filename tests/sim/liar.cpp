#include "liar.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/base/assert.hpp>
#include <kith/base/varint.hpp>
#include <kith/exchange/limits.hpp>
#include <kith/port/task_group.hpp>

namespace kith::scenario {
namespace {

constexpr std::string_view protocol = "/ipfs/bitswap/1.2.0";
constexpr std::size_t block_bytes = 64 * 1024;
constexpr Duration drip_interval = 5s;

}  // namespace

/// Also counts connections that end.
struct Liar::Program final : net::SwarmObserver {
  Program(Liar& its_liar, port::Env& its_env)
      : liar(its_liar),
        env(its_env),
        swarm(env, liar.key_, peers),
        identify(env, swarm, "liar/1", "ipfs/0.1.0"),
        tasks(env.executor, env.clock) {
    swarm.observe(*this);
  }
  ~Program() override { swarm.stop_observing(*this); }
  void on_disconnected(const net::ConnectionInfo& connection, bool last) override {
    if (last) ++liar.dealings_[connection.peer].disconnected;
  }

  Liar& liar;
  port::Env& env;
  net::PeerStore peers;
  net::Swarm swarm;
  net::Identify identify;
  port::TaskGroup tasks;
};

Liar::Liar(sim::World& world, Lie lie)
    : machine_(world.add_node()),
      lie_(lie),
      key_(key_of(world.seed(), machine_.id())),
      id_(PeerId::from_public_key(key_.public_key())) {}

Liar::~Liar() = default;

Task<void> Liar::live() {
  Program program(*this, machine_.env());
  auto address = Multiaddr::parse(fmt::format("/ip4/0.0.0.0/tcp/{}", peer_port));
  auto listening = program.swarm.listen(*address);
  ASSERT(listening.has_value());
  program.swarm.handle(std::string(protocol),
                       [this, &program](std::unique_ptr<net::Stream> stream) {
                         return serve(program, std::move(stream));
                       });
  for (const Multiaddr& known : known_)
    program.tasks.spawn(dial(program, known));
  Result<void> ended = co_await port::sleep_until(program.env.clock, never);
  program.tasks.cancel();
  co_await program.tasks.join_shielded();
  co_await program.swarm.close_shielded();
  co_await program.identify.close_shielded();
  co_return ended;
}

Task<void> Liar::dial(Program& program, Multiaddr address) {
  const PeerId peer = *address.peer_id();
  std::vector<Multiaddr> addresses{std::move(address)};
  const Instant deadline = program.env.clock.now() + 1min;
  auto outcome = co_await program.swarm.connect(peer, std::move(addresses), deadline);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>{};
}

Task<void> Liar::serve(Program& program, std::unique_ptr<net::Stream> stream) {
  port::BufferedReader reader(*stream);
  for (;;) {
    KITH_CO_TRY(Buffer bytes, co_await reader.read_message(exchange::message_bytes_max));
    auto message = exchange::decode_message(bytes);
    if (!message) co_return std::unexpected(Errc::corrupt);
    program.tasks.spawn(answer(program, stream->remote_peer(), *std::move(message)));
  }
}

Task<void> Liar::answer(Program& program, PeerId peer, exchange::BitswapMessage asked) {
  exchange::BitswapMessage promises;
  std::vector<Cid> blocks;
  for (const exchange::Want& want : asked.wants) {
    if (want.cancel) continue;
    promises.presences.push_back({want.cid, exchange::Presence::have});
    if (want.type == exchange::WantType::block) blocks.push_back(want.cid);
  }
  if (promises.empty()) co_return Result<void>{};
  dealings_[peer].wants += blocks.size();
  std::vector<net::ProtocolId> protocols{std::string(protocol)};
  const Instant deadline = program.env.clock.now() + 10s;
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream,
              co_await program.swarm.open_stream(peer, std::move(protocols), deadline));
  KITH_CO_CHECK(co_await send(*stream, std::move(promises)));
  if (lie_ == Lie::drip && !blocks.empty()) co_return co_await send_drips(program, *stream);
  if (lie_ == Lie::unasked && blocks.empty()) {
    // Whoever asks for nothing is sent something as well.
    blocks.push_back(asked.wants.front().cid);
  }
  if (lie_ == Lie::wrong_bytes || lie_ == Lie::unasked) {
    for (Cid& cid : blocks)
      KITH_CO_CHECK(co_await send_wrong(program, *stream, std::move(cid)));
  }
  co_return co_await stream->close_write(program.env.clock.now() + 10s);
}

Task<void> Liar::send_wrong(Program& program, net::Stream& stream, Cid cid) {
  Buffer data = Buffer::allocate(block_bytes);
  program.env.prng.fill(data.mutable_bytes());
  exchange::BitswapMessage message;
  message.blocks.push_back({multiformats::CidPrefix::of(cid), std::move(data)});
  KITH_CO_CHECK(co_await send(stream, std::move(message)));
  ++dealings_[stream.remote_peer()].blocks_sent;
  co_return Result<void>{};
}

/// The length of a large message, and then a byte at a time.
Task<void> Liar::send_drips(Program& program, net::Stream& stream) {
  Bytes length;
  append_varint(length, 1'000'000);
  KITH_CO_CHECK(co_await stream.write(length, program.env.clock.now() + 10s));
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(program.env.clock, drip_interval));
    const std::uint8_t drop[] = {0x1a};
    KITH_CO_CHECK(co_await stream.write(drop, program.env.clock.now() + 10s));
  }
}

Task<void> Liar::send(net::Stream& stream, exchange::BitswapMessage message) {
  const std::vector<Buffer> pieces =
      exchange::encode_message(message, exchange::BitswapVersion::v1_2_0);
  for (const Buffer& piece : pieces)
    KITH_CO_CHECK(co_await stream.write(piece, never));
  co_return Result<void>{};
}

}  // namespace kith::scenario
