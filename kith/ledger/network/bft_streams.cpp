#include <algorithm>

#include <kith/crypto/keys.hpp>
#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/network/bft_streams.hpp>
#include <kith/ledger/network/chain_peers.hpp>

namespace kith::ledger {

/// A stream of a validator's while it is served.
class BftStreams::Serving {
 public:
  Serving(BftStreams& streams, net::Stream& stream) : streams_(streams), stream_(&stream) {
    streams_.inbound_.insert(stream_);
  }
  ~Serving() {
    streams_.inbound_.erase(stream_);
    streams_.inbound_ended_.notify_all();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

 private:
  BftStreams& streams_;
  net::Stream* stream_;
};

std::optional<bft::ValidatorKey> validator_key_of(const multiformats::PeerId& peer) {
  const auto encoded = peer.inline_public_key();
  if (!encoded) return std::nullopt;
  const auto key = crypto::PublicKey::decode(*encoded);
  if (!key || key->type() != crypto::KeyType::ed25519) return std::nullopt;
  bft::ValidatorKey raw{};
  if (key->data().size() != raw.size()) return std::nullopt;
  std::ranges::copy(key->data(), raw.begin());
  return raw;
}

multiformats::PeerId peer_of(const bft::ValidatorKey& key) {
  // The protobuf of libp2p's keys: type 1, 32 bytes (specs, peer-ids).
  Bytes encoded{0x08, 0x01, 0x12, 0x20};
  append(encoded, key);
  return multiformats::PeerId::from_public_key(ByteView(encoded));
}

BftStreams::BftStreams(port::Env& env, net::Swarm& swarm, const Hash& genesis, Handler handler,
                       FindPeer find_peer)
    : env_(env),
      log_(env.log, "chain"),
      swarm_(swarm),
      protocol_(chain_protocol(genesis, "bft/1")),
      handler_(std::move(handler)),
      find_peer_(std::move(find_peer)),
      inbound_ended_(env.clock),
      tasks_(env.executor, env.clock) {}

BftStreams::~BftStreams() {
  ASSERT(!started_ || tasks_.cancelled());
}

void BftStreams::start() {
  started_ = true;
  net::HandlerOptions options;
  // An old one may not have heard of its end yet.
  options.streams_per_peer_max = 2;
  options.streams_max = bft::validators_max * 2;
  swarm_.handle(
      protocol_, [this](std::unique_ptr<net::Stream> stream) { return take(std::move(stream)); },
      options);
}

Task<void> BftStreams::close_shielded() {
  if (started_) swarm_.stop_handling(protocol_);
  tasks_.cancel();
  for (net::Stream* stream : inbound_)
    stream->reset();
  co_await tasks_.join_shielded();
  while (!inbound_.empty())
    co_await inbound_ended_.wait_shielded();
  co_return Result<void>{};
}

void BftStreams::send(const bft::ValidatorKey& to, const Buffer& message) {
  push(to, Kind::message, message);
}

void BftStreams::send_block(const bft::ValidatorKey& to, const Buffer& block) {
  push(to, Kind::block, block);
}

void BftStreams::push(const bft::ValidatorKey& to, Kind kind, const Buffer& content) {
  const multiformats::PeerId id = peer_of(to);
  if (id == swarm_.local_peer()) return;
  auto found = peers_.find(id);
  if (found == peers_.end()) {
    if (peers_.size() >= bft::validators_max * 2) return;
    auto peer = std::make_shared<Peer>(env_.clock);
    if (!tasks_.spawn(serve(id, peer))) return;
    found = peers_.emplace(id, std::move(peer)).first;
  }
  Peer& peer = *found->second;
  while (!peer.waiting.empty() && (peer.waiting.size() >= bft_waiting_messages_max ||
                                   peer.waiting_bytes + content.size() > bft_waiting_bytes_max)) {
    auto oldest = std::ranges::find(peer.waiting, Kind::message, &Outgoing::kind);
    if (oldest == peer.waiting.end()) oldest = peer.waiting.begin();
    peer.waiting_bytes -= oldest->content.size();
    peer.waiting.erase(oldest);
  }
  peer.waiting_bytes += content.size();
  peer.waiting.push_back({kind, content});
  peer.wake.notify_all();
}

Task<void> BftStreams::serve(multiformats::PeerId id, std::shared_ptr<Peer> peer) {
  for (bool goes_on = true; goes_on;) {
    auto written = co_await write(id, *peer);
    if (!written && written.error().is(Errc::cancelled)) break;
    if (!written) {
      KITH_LOG_DEBUG(log_, "validator {}: {}", id.to_short_string(), written.error().message());
      auto slept = co_await port::sleep_for(env_.clock, bft_retry_delay);
      if (!slept) break;
    }
    // Idle, or failed with nothing left to say.
    goes_on = !peer->waiting.empty();
  }
  peers_.erase(id);
  co_return Result<void>{};
}

/// Until nothing was said for a while.
Task<void> BftStreams::write(multiformats::PeerId id, Peer& peer) {
  if (!swarm_.connected(id)) KITH_CO_CHECK(co_await reach(id));
  const Instant opened_by = env_.clock.now() + bft_open_timeout;
  KITH_CO_TRY(const std::unique_ptr<net::Stream> stream,
              co_await swarm_.open_stream(id, {protocol_}, opened_by));
  for (;;) {
    while (peer.waiting.empty()) {
      auto waited = co_await peer.wake.wait(env_.clock.now() + bft_idle_time);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
      if (!waited) co_return co_await stream->close_write(env_.clock.now() + bft_open_timeout);
    }
    const Outgoing next = std::move(peer.waiting.front());
    peer.waiting.pop_front();
    peer.waiting_bytes -= next.content.size();
    Bytes head;
    append_varint(head, next.content.size() + 1);
    head.push_back(static_cast<std::uint8_t>(next.kind));
    const std::array<ByteView, 2> pieces{head, next.content.view()};
    KITH_CO_CHECK(co_await stream->write_all(pieces, env_.clock.now() + bft_send_timeout));
  }
}

Task<void> BftStreams::reach(multiformats::PeerId id) {
  std::vector<multiformats::Multiaddr> places;
  if (find_peer_ && swarm_.peer_store().addresses(id, env_.wall.now()).empty()) {
    auto found = co_await find_peer_(id);
    if (!found && found.error().is(Errc::cancelled)) co_return std::unexpected(found.error());
    if (found) places = *std::move(found);
  }
  auto connected =
      co_await swarm_.connect(id, std::move(places), env_.clock.now() + bft_open_timeout);
  if (!connected) co_return std::unexpected(connected.error());
  co_return Result<void>{};
}

Task<void> BftStreams::take(std::unique_ptr<net::Stream> stream) {
  const Serving serving(*this, *stream);
  const auto from = validator_key_of(stream->remote_peer());
  if (!from) {
    stream->reset();
    co_return std::unexpected(Errc::refused);
  }
  port::BufferedReader reader(*stream, 64 << 10);
  for (;;) {
    KITH_CO_TRY(Buffer message, co_await reader.read_message(block_bytes_max + 1));
    if (message.empty()) co_return std::unexpected(Errc::corrupt);
    const std::uint8_t kind = message.data()[0];
    const std::size_t content_bytes = message.size() - 1;
    Buffer content = std::move(message).slice(1, content_bytes);
    if (kind == static_cast<std::uint8_t>(Kind::message) &&
        content.size() <= bft::message_bytes_max) {
      handler_.on_message(*from, std::move(content));
    } else if (kind == static_cast<std::uint8_t>(Kind::block)) {
      KITH_CO_CHECK(co_await handler_.on_block(*from, std::move(content)));
    } else {
      stream->reset();
      co_return std::unexpected(Errc::corrupt);
    }
  }
}

}  // namespace kith::ledger
