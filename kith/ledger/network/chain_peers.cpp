#include <algorithm>

#include <kith/ledger/network/chain_peers.hpp>

namespace kith::ledger {
namespace {

/// A session that failed is tried again after this.
constexpr Duration greet_again_delay = 5s;
constexpr Duration greeting_timeout = 20s;

}  // namespace

/// A stream of a peer's while it is served.
class ChainPeers::Serving {
 public:
  Serving(ChainPeers& peers, net::Stream& stream) : peers_(peers), stream_(&stream) {
    peers_.inbound_.insert(stream_);
  }
  ~Serving() {
    peers_.inbound_.erase(stream_);
    peers_.answered_.notify_all();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

 private:
  ChainPeers& peers_;
  net::Stream* stream_;
};

std::string chain_protocol(const Hash& genesis, std::string_view name) {
  return "/kith/chain/" + genesis.to_hex().substr(2) + "/" + std::string(name);
}

ChainPeers::ChainPeers(port::Env& env, net::Swarm& swarm, net::Identify& identify,
                       const Hash& genesis, ChainTalk& talk, ChainPeerOptions options)
    : env_(env),
      log_(env.log, "chain"),
      swarm_(swarm),
      identify_(identify),
      talk_(talk),
      options_(options),
      peer_protocol_(chain_protocol(genesis, "peer/1")),
      sync_protocol_(chain_protocol(genesis, "sync/1")),
      answered_(env.clock),
      tasks_(env.executor, env.clock) {}

ChainPeers::~ChainPeers() {
  ASSERT(!started_ || tasks_.cancelled());
}

void ChainPeers::start() {
  started_ = true;
  net::HandlerOptions one;
  // An old one may not have heard of its end yet.
  one.streams_per_peer_max = 2;
  swarm_.handle(
      peer_protocol_,
      [this](std::unique_ptr<net::Stream> stream) { return take_stream(std::move(stream)); }, one);
  net::HandlerOptions some;
  some.streams_max = asking_streams_max;
  some.streams_per_peer_max = asking_streams_per_peer_max;
  swarm_.handle(
      sync_protocol_,
      [this](std::unique_ptr<net::Stream> stream) { return take_request(std::move(stream)); },
      some);
  swarm_.observe(*this);
  identify_.observe(*this);
  for (const multiformats::PeerId& peer : swarm_.connected_peers())
    on_identified(peer);
}

Task<void> ChainPeers::close_shielded() {
  if (started_) {
    identify_.stop_observing(*this);
    swarm_.stop_observing(*this);
    swarm_.stop_handling(peer_protocol_);
    swarm_.stop_handling(sync_protocol_);
  }
  tasks_.cancel();
  // Handlers are the connections' own tasks: those that serve here end by their reset streams.
  for (net::Stream* stream : inbound_)
    stream->reset();
  co_await tasks_.join_shielded();
  while (!inbound_.empty())
    co_await answered_.wait_shielded();
  co_return Result<void>{};
}

void ChainPeers::on_connected(const net::ConnectionInfo& connection) {
  const auto found = sessions_.find(connection.peer);
  if (found == sessions_.end()) return;
  found->second->is_outbound |= connection.direction == net::Direction::outbound;
}

void ChainPeers::on_disconnected(const net::ConnectionInfo& connection, bool last) {
  const auto found = sessions_.find(connection.peer);
  if (last && found != sessions_.end()) end(*found->second);
}

void ChainPeers::on_identified(const multiformats::PeerId& peer) {
  if (sessions_.contains(peer) || tasks_.cancelled()) return;
  const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
  if (std::ranges::find(spoken, peer_protocol_) == spoken.end()) return;
  if (may_talk_to(peer)) begin(peer);
}

bool ChainPeers::may_talk_to(const multiformats::PeerId& peer) {
  const Instant now = env_.clock.now();
  std::erase_if(banned_until_, [now](const auto& one) { return one.second <= now; });
  return sessions_.size() < chain_peers_max && !banned_until_.contains(peer);
}

ChainPeers::SessionPtr ChainPeers::begin(const multiformats::PeerId& peer) {
  auto session = std::make_shared<Session>(env_.clock, ++last_number_, peer);
  for (const net::ConnectionInfo& connection : swarm_.connections_of(peer))
    session->is_outbound |= connection.direction == net::Direction::outbound;
  if (!tasks_.spawn(serve(session))) return nullptr;
  sessions_[peer] = session;
  by_number_[session->number] = session;
  return session;
}

void ChainPeers::end(Session& session) {
  session.ended = true;
  if (session.inbound != nullptr) session.inbound->reset();
  session.wake.notify_all();
}

/// Our side: greets the peer and tells it news until the session ends.
Task<void> ChainPeers::serve(SessionPtr session) {
  auto written = co_await write_news(*session);
  end(*session);
  // Theirs has to have ended, too: only then nobody refers to the session any more.
  while (session->inbound != nullptr)
    co_await session->wake.wait_shielded();
  const bool was_greeted = std::exchange(session->greeted, false);
  sessions_.erase(session->id);
  by_number_.erase(session->number);
  if (was_greeted) talk_.on_gone(session->number);
  answered_.notify_all();
  if (!written && written.error().is(Errc::cancelled)) co_return written;
  if (!written) {
    KITH_LOG_DEBUG(log_, "{}: {}", session->id.to_short_string(), written.error().message());
  }
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, greet_again_delay));
  if (swarm_.connected(session->id)) on_identified(session->id);
  co_return Result<void>{};
}

Task<void> ChainPeers::write_news(Session& session) {
  const Instant opened_by = env_.clock.now() + greeting_timeout;
  KITH_CO_TRY(const std::unique_ptr<net::Stream> stream,
              co_await swarm_.open_stream(session.id, {peer_protocol_}, opened_by));
  KITH_CO_TRY(const Bytes greeting, co_await talk_.greeting());
  KITH_CO_CHECK(co_await port::write_message(*stream, greeting, opened_by));
  for (;;) {
    while (session.waiting.empty() && !session.ended)
      KITH_CO_CHECK(co_await session.wake.wait());
    if (session.ended) co_return co_await stream->close_write();
    session.is_writing = true;
    const Bytes message = std::move(session.waiting.front());
    session.waiting.pop_front();
    const Instant deadline = env_.clock.now() + news_send_timeout;
    auto written = co_await port::write_message(*stream, message, deadline);
    session.is_writing = false;
    KITH_CO_CHECK(std::move(written));
    if (session.waiting.empty()) talk_.on_idle(session.number);
  }
}

/// The peer's side: its greeting and its news.
Task<void> ChainPeers::take_stream(std::unique_ptr<net::Stream> stream) {
  const Serving serving(*this, *stream);
  const multiformats::PeerId peer = stream->remote_peer();
  const auto found = sessions_.find(peer);
  SessionPtr session;
  if (found != sessions_.end()) {
    session = found->second;
  } else if (may_talk_to(peer)) {
    session = begin(peer);
  }
  // One that came before is of a connection that is ending: the peer greets again soon.
  if (session == nullptr || session->ended || session->inbound != nullptr) {
    stream->reset();
    if (session != nullptr) end(*session);
    co_return std::unexpected(Errc::refused);
  }
  session->inbound = stream.get();
  auto outcome = co_await read_news(*session, *stream);
  session->inbound = nullptr;
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    KITH_LOG_DEBUG(log_, "from {}: {}", peer.to_short_string(), outcome.error().message());
    stream->reset();
  }
  end(*session);
  co_return outcome;
}

Task<void> ChainPeers::read_news(Session& session, net::Stream& stream) {
  port::BufferedReader reader(stream);
  const Instant greeted_by = env_.clock.now() + greeting_timeout;
  KITH_CO_TRY(Buffer greeting, co_await reader.read_message(options_.news_bytes_max, greeted_by));
  session.greeted = true;
  KITH_CO_CHECK(co_await talk_.on_greeting(session.number, std::move(greeting)));
  while (!session.ended) {
    KITH_CO_TRY(Buffer message, co_await reader.read_message(options_.news_bytes_max));
    KITH_CO_CHECK(co_await talk_.on_news(session.number, std::move(message)));
  }
  co_return Result<void>{};
}

Task<void> ChainPeers::take_request(std::unique_ptr<net::Stream> stream) {
  const Serving serving(*this, *stream);
  port::BufferedReader reader(*stream);
  const Instant asked_by = env_.clock.now() + request_wait;
  KITH_CO_TRY(Buffer request, co_await reader.read_message(options_.request_bytes_max, asked_by));
  while (answering_ >= answers_at_once)
    KITH_CO_CHECK(co_await answered_.wait(asked_by));
  ++answering_;
  auto answer = co_await talk_.on_request(std::move(request));
  --answering_;
  answered_.notify_all();
  if (!answer) {
    stream->reset();
    co_return std::unexpected(answer.error());
  }
  const Instant answered_by = env_.clock.now() + answer_timeout;
  KITH_CO_CHECK(co_await port::write_message(*stream, *answer, answered_by));
  co_return co_await stream->close_write(answered_by);
}

std::vector<ChainPeers::Peer> ChainPeers::peers() const {
  std::vector<Peer> all;
  for (const auto& [number, session] : by_number_) {
    if (session->greeted) all.push_back({number, session->id, session->is_outbound, {}});
  }
  return all;
}

std::optional<ChainPeers::Peer> ChainPeers::find(GossipPeer peer) const {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end()) return std::nullopt;
  return Peer{peer, found->second->id, found->second->is_outbound, {}};
}

std::size_t ChainPeers::size() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(by_number_, [](const auto& one) { return one.second->greeted; }));
}

bool ChainPeers::tell(GossipPeer peer, Bytes message) {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end() || found->second->ended) return false;
  Session& session = *found->second;
  if (session.waiting.size() >= news_waiting_max) return false;
  session.waiting.push_back(std::move(message));
  session.wake.notify_all();
  return true;
}

bool ChainPeers::is_idle(GossipPeer peer) const {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end()) return false;
  const Session& session = *found->second;
  return session.greeted && !session.ended && session.waiting.empty() && !session.is_writing;
}

std::vector<GossipPeer> ChainPeers::idle() const {
  std::vector<GossipPeer> all;
  for (const auto& [number, session] : by_number_) {
    if (is_idle(number)) all.push_back(number);
  }
  return all;
}

Task<Buffer> ChainPeers::ask(GossipPeer peer, Bytes request, std::size_t answer_bytes_max,
                             Instant deadline) {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end()) co_return std::unexpected(Errc::closed);
  const multiformats::PeerId id = found->second->id;
  KITH_CO_TRY(const std::unique_ptr<net::Stream> stream,
              co_await swarm_.open_stream(id, {sync_protocol_}, deadline));
  KITH_CO_CHECK(co_await port::write_message(*stream, request, deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  port::BufferedReader reader(*stream, 64 << 10);
  co_return co_await reader.read_message(answer_bytes_max, deadline);
}

void ChainPeers::drop(GossipPeer peer, std::string_view why) {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end()) return;
  KITH_LOG_DEBUG(log_, "{} is left alone: {}", found->second->id.to_short_string(), why);
  end(*found->second);
}

void ChainPeers::ban(GossipPeer peer, std::string_view why) {
  const auto found = by_number_.find(peer);
  if (found == by_number_.end()) return;
  const SessionPtr session = found->second;
  KITH_LOG_WARN(log_, "{} is let go: {}", session->id.to_string(), why);
  if (banned_until_.size() >= bans_max) banned_until_.erase(banned_until_.begin());
  banned_until_[session->id] = env_.clock.now() + ban_time;
  end(*session);
  swarm_.disconnect(session->id);
}

}  // namespace kith::ledger
