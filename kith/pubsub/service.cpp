#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/pubsub/service.hpp>

namespace kith::pubsub {
namespace {

constexpr std::string_view useful_tag = "pubsub";
/// Tasks beside those of peers and validators.
constexpr std::size_t other_tasks = 16 + exchange_dials_at_once;

constexpr Protocol protocols[] = {Protocol::gossipsub_1_2, Protocol::gossipsub_1_1,
                                  Protocol::gossipsub_1_0, Protocol::floodsub};

std::vector<net::ProtocolId> protocol_ids(bool flood_only) {
  std::vector<net::ProtocolId> ids;
  for (Protocol protocol : protocols) {
    if (!flood_only || protocol == Protocol::floodsub) ids.emplace_back(protocol_id(protocol));
  }
  return ids;
}

IdHash hash_with_secret(port::CryptoRandom& random) {
  std::uint8_t key[16];
  random.fill(key);
  return {load_le<std::uint64_t>(key), load_le<std::uint64_t>(key + 8)};
}

}  // namespace

Subscription::~Subscription() {
  if (service_ != nullptr) service_->leave(*this);
}

PubSub::PubSub(port::Env& env, net::Swarm& swarm, PubSubOptions options)
    : env_(env),
      log_(env.log, "pubsub"),
      swarm_(swarm),
      options_(std::move(options)),
      router_(swarm.local_peer(), options_.router, env.prng.split(0x70756273),
              hash_with_secret(env.random), env.clock.now()),
      authors_(options_.router.seen_ttl),
      next_number_(static_cast<std::uint64_t>(env.wall.now().time_since_epoch().count())),
      verify_wanted_(env.clock),
      sessions_changed_(env.clock),
      judged_(env.clock),
      dials_(env.clock, exchange_dials_waiting_max),
      reading_(env.clock),
      tasks_(env.executor, env.clock, peers_max + validations_max + other_tasks) {}

PubSub::~PubSub() {
  ASSERT(!started_ && sessions_.empty());
  for (auto& [topic, subscriptions] : subscriptions_) {
    for (Subscription* subscription : subscriptions)
      subscription->service_ = nullptr;
  }
}

void PubSub::start() {
  ASSERT(!started_);
  started_ = true;
  net::HandlerOptions options;
  options.streams_per_peer_max = streams_per_peer_max;
  for (const net::ProtocolId& id : protocol_ids(options_.router.flood_only)) {
    swarm_.handle(
        id, [this](std::unique_ptr<net::Stream> stream) { return read_stream(std::move(stream)); },
        options);
  }
  swarm_.observe(*this);
  tasks_.spawn(tick_loop());
  tasks_.spawn(verify_loop());
  for (std::size_t i = 0; i < exchange_dials_at_once; ++i)
    tasks_.spawn(dial_loop());
  for (const PeerId& peer : swarm_.connected_peers())
    begin_session(peer);
}

Task<void> PubSub::close_shielded() {
  if (!started_) co_return Result<void>{};
  started_ = false;
  swarm_.stop_observing(*this);
  for (const net::ProtocolId& id : protocol_ids(options_.router.flood_only))
    swarm_.stop_handling(id);
  for (auto& [topic, subscriptions] : subscriptions_) {
    for (Subscription* subscription : subscriptions)
      subscription->queue_.close();
  }
  tasks_.cancel();
  auto joined = co_await tasks_.join_shielded();
  // Of those whose tasks hadn't begun, and never did.
  sessions_.clear();
  co_return joined;
}

// Peers.

void PubSub::on_connected(const net::ConnectionInfo& connection) {
  auto found = sessions_.find(connection.peer);
  if (found == sessions_.end()) return begin_session(connection.peer);
  if (found->second == nullptr) return;
  Session& session = *found->second;
  // Another one of its race, or a detour: nothing moves.
  if (session.connection == swarm_.connection_to(connection.peer)) return;
  if (dialed_anew(session, connection)) lose(connection.peer, session);
  // Of two that crossed one goes once nothing is open on it.
  session.move = true;
  session.wake.notify_all();
}

void PubSub::on_disconnected(const net::ConnectionInfo& connection, bool last) {
  auto found = sessions_.find(connection.peer);
  if (found == sessions_.end() || found->second == nullptr) return;
  if (last) lose(connection.peer, *found->second);
  if (found->second->connection == connection.id) found->second->move = true;
  found->second->wake.notify_all();
}

/// Who dials though there is a connection has lost it, and perhaps all that it knew of us, unless
/// we dialed at the same time, or it has found a way around a relay.
bool PubSub::dialed_anew(const Session& session, const net::ConnectionInfo& connection) const {
  if (connection.direction != net::Direction::inbound || !session.connection) return false;
  if (swarm_.connection_to(connection.peer) != connection.id) return false;
  const std::optional<net::ConnectionInfo> before = swarm_.info(*session.connection);
  if (!before || before->remote_address.is_relayed()) return false;
  return !swarm_.crossed(before->id, connection.id);
}

/// What the peer says next must not be taken for a part of what it said before, nor must it hear
/// what was meant for its former life.
void PubSub::lose(const PeerId& peer, Session& session) {
  router_.remove_peer(peer, now());
  session.queue.clear();
  ++session.lives;
  session.move = true;
}

void PubSub::begin_session(const PeerId& peer) {
  if (!started_ || sessions_.contains(peer) || sessions_.size() >= peers_max) return;
  // Until it runs, so that there is one of each peer.
  sessions_[peer] = nullptr;
  if (!tasks_.spawn(serve_peer(peer))) sessions_.erase(peer);
}

Task<void> PubSub::serve_peer(PeerId peer) {
  Session session(env_.clock);
  sessions_[peer] = &session;
  auto outcome = co_await serve_streams(peer, session);
  session.ended = true;
  sessions_.erase(peer);
  router_.remove_peer(peer, now());
  drain();
  sessions_changed_.notify_all();
  co_return outcome;
}

Task<void> PubSub::serve_streams(PeerId peer, Session& session) {
  int failures = 0;
  while (swarm_.connected(peer) && failures < open_failures_max) {
    std::vector<net::ProtocolId> ids = protocol_ids(options_.router.flood_only);
    std::optional<net::ConnectionId> connection = swarm_.connection_to(peer);
    session.move = false;
    session.connection = connection;
    // What little a relay carries is for finding a better way, which is waited for.
    if (limited(connection)) {
      KITH_CO_CHECK(co_await session.wake.wait());
      continue;
    }
    Result<std::unique_ptr<net::Stream>> stream = std::unexpected(Errc::closed);
    if (connection) {
      const Instant deadline = now() + stream_open_timeout;
      stream = co_await swarm_.open_stream_on(*connection, std::move(ids), deadline);
    }
    if (!stream && stream.error().is(Errc::cancelled)) co_return std::unexpected(stream.error());
    // It may speak pubsub later, and then opens a stream to us.
    if (!stream && stream.error().is(net::SwarmError::protocol_refused)) break;
    if (stream && !session.move) {
      KITH_LOG_DEBUG(log_, "{} speaks {}", peer.to_short_string(), (*stream)->protocol());
      auto written = co_await write_stream(peer, session, **stream);
      if (!written && written.error().is(Errc::cancelled)) co_return written;
      if (written) failures = 0;
    }
    if (session.move) continue;
    ++failures;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, reopen_delay));
  }
  co_return Result<void>{};
}

Task<void> PubSub::write_stream(const PeerId& peer, Session& session, net::Stream& stream) {
  const std::optional<Protocol> protocol = protocol_from(stream.protocol());
  ASSERT(protocol.has_value());
  PeerInfo info{*protocol, false, {}};
  for (const net::ConnectionInfo& connection : swarm_.connections_of(peer)) {
    info.outbound = info.outbound || connection.direction == net::Direction::outbound;
    if (!connection.remote_address.is_relayed())
      info.addresses.push_back(connection.remote_address);
  }
  if (!router_.add_peer(peer, std::move(info))) co_return std::unexpected(Errc::limit_exceeded);
  drain();
  sessions_changed_.notify_all();
  port::TaskGroup watching(env_.executor, env_.clock, 1);
  session.ended = false;
  watching.spawn(watch(session, stream));
  auto written = co_await write_loop(peer, session, stream);
  watching.cancel();
  co_await watching.join_shielded();
  co_return written;
}

Task<void> PubSub::write_loop(const PeerId& peer, Session& session, net::Stream& stream) {
  bool wrote = false;
  for (;;) {
    while (session.queue.empty() && !session.move && !session.ended)
      KITH_CO_CHECK(co_await session.wake.wait());
    if (session.move) co_return co_await stream.close_write(now() + send_timeout);
    if (session.ended) co_return wrote ? Result<void>{} : std::unexpected(Errc::closed);
    Rpc rpc = session.queue.next();
    const std::size_t life = session.lives;
    const Bytes encoded = encode_rpc(rpc);
    auto written = co_await port::write_message(stream, encoded, now() + send_timeout);
    if (!written) {
      if (!written.error().is(Errc::cancelled)) stream.reset();
      if (life == session.lives) session.queue.put_back(std::move(rpc));
      co_return written;
    }
    router_.asked(peer, rpc.iwant, now());
    wrote = true;
  }
}

/// Nothing is said on this stream but that it has failed. Some close their side of it at once.
Task<void> PubSub::watch(Session& session, net::Stream& stream) {
  for (;;) {
    auto said = co_await stream.read_buffer(1024);
    if (!said && said.error().is(Errc::cancelled)) co_return std::unexpected(said.error());
    if (said && said->empty()) co_return Result<void>{};
    if (said) continue;
    session.ended = true;
    session.wake.notify_all();
    co_return Result<void>{};
  }
}

bool PubSub::limited(std::optional<net::ConnectionId> connection) const {
  const auto info = connection ? swarm_.info(*connection) : std::nullopt;
  return info && info->limited;
}

Task<void> PubSub::read_stream(std::unique_ptr<net::Stream> stream) {
  const PeerId peer = stream->remote_peer();
  if (limited(stream->connection()) || readers_[peer] >= readers_per_peer_max) {
    stream->reset();
    co_return std::unexpected(Errc::refused);
  }
  ++readers_[peer];
  begin_session(peer);
  auto outcome = co_await read_rpcs(*stream);
  if (--readers_[peer] == 0) readers_.erase(peer);
  if (!outcome && outcome.error().is(Errc::closed)) co_return co_await stream->close_write();
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    KITH_LOG_DEBUG(log_, "from {}: {}", stream->remote_peer().to_short_string(),
                   outcome.error().message());
    stream->reset();
  }
  co_return outcome;
}

Task<void> PubSub::read_rpcs(net::Stream& stream) {
  const PeerId peer = stream.remote_peer();
  RpcReader reader(stream, reading_, peer);
  for (;;) {
    while (router_.congested(peer))
      KITH_CO_CHECK(co_await judged_.wait());
    KITH_CO_TRY(const Buffer bytes, co_await reader.next());
    KITH_CO_TRY(Rpc rpc, decode_rpc(bytes));
    KITH_CO_CHECK(co_await wait_for_peer(peer));
    router_.on_rpc(peer, std::move(rpc), now());
    drain();
    KITH_CO_CHECK(co_await port::yield());
  }
}

/// What it says is about what we send it: until our stream is open there is nobody to hear it.
Task<void> PubSub::wait_for_peer(PeerId peer) {
  const Instant deadline = now() + stream_open_timeout;
  while (!router_.has_peer(peer)) {
    if (!sessions_.contains(peer)) co_return std::unexpected(Errc::refused);
    KITH_CO_CHECK(co_await sessions_changed_.wait(deadline));
  }
  co_return Result<void>{};
}

// What the router wants.

Task<void> PubSub::tick_loop() {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, router_.deadline() - now()));
    router_.tick(now());
    drain();
  }
}

void PubSub::drain(bool own) {
  // What is done about an event calls the router, and what it says then is said by the same loop.
  if (std::exchange(draining_, true)) return;
  for (bool more = true; more;) {
    more = false;
    while (auto out = router_.next_rpc()) {
      send(*std::move(out), own);
      more = true;
    }
    while (auto event = router_.next_event()) {
      std::visit([this](auto&& its) { act_on(std::forward<decltype(its)>(its)); },
                 *std::move(event));
      more = true;
    }
  }
  draining_ = false;
  judged_.notify_all();
}

void PubSub::send(Outgoing out, bool own) {
  auto found = sessions_.find(out.peer);
  if (found == sessions_.end() || found->second == nullptr) return;
  for (Prune& prune : out.rpc.prune) {
    for (ExchangedPeer& peer : prune.peers)
      peer.record = swarm_.peer_store().signed_record(peer.peer).value_or(Bytes());
  }
  found->second->queue.push(std::move(out.rpc), own);
  found->second->wake.notify_all();
}

void PubSub::act_on(CheckSignature event) {
  to_verify_.push(std::move(event));
  verify_wanted_.notify_all();
}

/// All that wait, at most a batch, divided among the workers. What a peer sends in order is judged
/// in order.
Task<void> PubSub::verify_loop() {
  for (;;) {
    while (to_verify_.empty())
      KITH_CO_CHECK(co_await verify_wanted_.wait());
    const std::size_t count = std::min(to_verify_.size(), verify_batch_max);
    std::vector<Ticket> tickets;
    std::vector<MessagePtr> messages;
    for (std::size_t i = 0; i < count; ++i) {
      CheckSignature next = to_verify_.pop();
      tickets.push_back(next.ticket);
      messages.push_back(std::move(next.message));
    }
    std::vector<char> right(count, 0);
    const std::size_t workers = std::clamp<std::size_t>(env_.pool.parallelism(), 1, count);
    port::TaskGroup group(env_.executor, env_.clock, workers);
    for (std::size_t i = 0; i < workers; ++i)
      group.spawn(verify(messages, i * count / workers, (i + 1) * count / workers, right));
    auto joined = co_await group.join();
    group.cancel();
    co_await group.join_shielded();
    KITH_CO_CHECK(std::move(joined));
    for (std::size_t i = 0; i < count; ++i) {
      router_.signature_checked(tickets[i], right[i] != 0, now());
      drain();
    }
  }
}

Task<void> PubSub::verify(std::vector<MessagePtr>& messages, std::size_t begin, std::size_t end,
                          std::vector<char>& right) {
  auto work = [&messages, begin, end, &right]() -> Result<void> {
    for (std::size_t i = begin; i < end; ++i)
      right[i] = verify_signature(*messages[i]) ? 1 : 0;
    return {};
  };
  co_return co_await port::run_on(env_.pool, work);
}

Verdict PubSub::inline_verdict(const Message& message, const PeerId& from, bool note_number) {
  // Of unsigned ones anybody could say that an author is far ahead.
  const bool proven = options_.router.signing == Signing::strict;
  if (note_number && options_.check_numbers && proven) {
    const std::uint64_t number = load_be<std::uint64_t>(message.sequence()->data());
    if (!authors_.accept(*message.author(), number, now())) return Verdict::ignore;
  }
  return options_.default_validator ? options_.default_validator(message, from) : Verdict::accept;
}

void PubSub::act_on(Validate event) {
  const Verdict first = inline_verdict(*event.message, event.from, true);
  auto found = validators_.find(event.message->topic());
  if (first != Verdict::accept || found == validators_.end())
    return router_.validated(event.ticket, first, now());
  std::shared_ptr<TopicValidator> validator = found->second;
  const Ticket ticket = event.ticket;
  if (validator->running >= validator->at_once_max || validations_ >= validations_max ||
      !tasks_.spawn(run_validator(validator, std::move(event))))
    return router_.throttled(ticket);
  ++validator->running;
  ++validations_;
}

Task<void> PubSub::run_validator(std::shared_ptr<TopicValidator> validator, Validate event) {
  Received received{event.message, event.from};
  auto verdict = co_await validator->validate(std::move(received));
  --validator->running;
  --validations_;
  router_.validated(event.ticket, verdict.value_or(Verdict::ignore), now());
  drain();
  co_return Result<void>{};
}

void PubSub::act_on(Deliver event) {
  if (event.from != swarm_.local_peer())
    swarm_.tag_peer(event.from, useful_tag, useful_peer_value, useful_peer_half_life);
  auto found = subscriptions_.find(event.message->topic());
  if (found == subscriptions_.end()) return;
  for (Subscription* subscription : found->second) {
    if (!subscription->queue_.try_push({event.message, event.from})) ++subscription->dropped_;
  }
}

void PubSub::act_on(MeshChange event) {
  KITH_LOG_DEBUG(log_, "{} {} our mesh", event.peer.to_string(), event.joined ? "joins" : "leaves");
  std::string tag = "pubsub:" + event.topic;
  if (event.joined) {
    swarm_.protect(event.peer, std::move(tag));
  } else {
    swarm_.unprotect(event.peer, tag);
  }
}

void PubSub::act_on(Connect event) {
  static_cast<void>(dials_.try_push(std::move(event)));
}

Task<void> PubSub::dial_loop() {
  for (;;) {
    KITH_CO_TRY(Connect wanted, co_await dials_.pop());
    auto dialed = co_await dial(std::move(wanted));
    if (!dialed && dialed.error().is(Errc::cancelled)) co_return dialed;
  }
}

Task<void> PubSub::dial(Connect wanted) {
  if (swarm_.connected(wanted.peer)) co_return Result<void>{};
  if (!wanted.record.empty()) {
    // Told by somebody, but said by the peer itself, or it isn't believed; and wherever it says
    // that it is, it sends us to no neighbour of ours.
    KITH_CO_TRY(net::PeerRecord record, net::open_peer_record(wanted.record));
    if (record.peer != wanted.peer) co_return std::unexpected(Errc::refused);
    swarm_.peer_store().add_addresses(
        record.peer, net::addresses_for(scope_of(wanted.told_by), record.addresses),
        net::AddressSource::heard, env_.wall.now());
  }
  const Instant deadline = now() + exchange_dial_timeout;
  KITH_CO_CHECK(co_await swarm_.connect(wanted.peer, {}, deadline));
  co_return Result<void>{};
}

/// How near a peer is; as far as can be if it isn't connected any more.
net::AddressScope PubSub::scope_of(const std::optional<PeerId>& peer) const {
  const auto connection = peer ? swarm_.connection_to(*peer) : std::nullopt;
  const auto info = connection ? swarm_.info(*connection) : std::nullopt;
  return info ? net::scope_of(info->remote_address) : net::AddressScope::global;
}

// What the application wants.

Result<std::unique_ptr<Subscription>> PubSub::subscribe(std::string topic, std::size_t capacity) {
  KITH_CHECK(router_.subscribe(topic, now()));
  std::unique_ptr<Subscription> made(
      new Subscription(*this, std::move(topic), env_.clock, std::max<std::size_t>(capacity, 1)));
  subscriptions_[made->topic()].push_back(made.get());
  drain();
  return made;
}

void PubSub::leave(Subscription& subscription) {
  auto found = subscriptions_.find(subscription.topic());
  ASSERT(found != subscriptions_.end());
  std::erase(found->second, &subscription);
  if (!found->second.empty()) return;
  subscriptions_.erase(found);
  router_.unsubscribe(subscription.topic(), now());
  drain();
}

void PubSub::set_validator(const std::string& topic, Validator validator, std::size_t at_once_max) {
  validators_.erase(topic);
  if (!validator) return;
  auto made = std::make_shared<TopicValidator>();
  made->validate = std::move(validator);
  made->at_once_max = at_once_max;
  validators_.emplace(topic, std::move(made));
}

Result<MessagePtr> PubSub::make_message(std::string_view topic, ByteView data) {
  MessageFields fields;
  fields.data = data;
  fields.topic = topic;
  if (options_.router.signing == Signing::anonymous) return Message::make(fields);
  fields.from = swarm_.local_peer().bytes();
  std::uint8_t number[8];
  store_be(number, next_number_++);
  fields.sequence = number;
  if (options_.router.signing == Signing::author) return Message::make(fields);
  return sign_message(fields, swarm_.identity());
}

Task<MessageId> PubSub::publish(std::string topic, Bytes data) {
  if (topic.empty() || topic.size() > topic_bytes_max)
    co_return std::unexpected(Error(Errc::invalid_argument, "a topic has 1 to 1024 bytes"));
  if (data.size() > message_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
  KITH_CO_TRY(const MessagePtr message, make_message(topic, data));
  const PeerId self = swarm_.local_peer();
  if (inline_verdict(*message, self, false) != Verdict::accept)
    co_return std::unexpected(Errc::refused);
  if (auto found = validators_.find(topic); found != validators_.end()) {
    std::shared_ptr<TopicValidator> validator = found->second;
    Received own{message, self};
    KITH_CO_TRY(const Verdict verdict, co_await validator->validate(std::move(own)));
    if (verdict != Verdict::accept) co_return std::unexpected(Errc::refused);
  }
  auto published = router_.publish(message, now());
  drain(true);
  co_return published;
}

std::optional<QueueReport> PubSub::queue(const PeerId& peer) const {
  auto found = sessions_.find(peer);
  if (found == sessions_.end() || found->second == nullptr) return std::nullopt;
  const SendQueue& queue = found->second->queue;
  return QueueReport{queue.messages(), queue.bytes(), queue.dropped_messages(),
                     queue.dropped_gossip()};
}

}  // namespace kith::pubsub
