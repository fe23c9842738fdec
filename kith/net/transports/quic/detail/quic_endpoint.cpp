#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic/detail/quic_endpoint.hpp>
#include <kith/net/transports/quic/detail/quic_session_parts.hpp>

namespace kith::net::detail {
namespace {

/// After a fault of the socket, so that it isn't asked without end.
constexpr Duration pause_after_fault = 100ms;
/// Of a datagram that a stateless reset may answer, and of the reset (RFC 9000, 10.3).
constexpr std::size_t resettable_bytes_min = 43;
constexpr std::size_t reset_bytes_min = 21;
/// Batches that are sent before others have a turn.
constexpr std::size_t batches_between_yields = 16;

constexpr std::uint8_t long_header = 0x80;

}  // namespace

/// What can be read without knowing a connection (RFC 8999).
struct QuicEndpoint::Header {
  bool is_long = false;
  bool known_version = true;
  ByteView destination;
  ByteView source;
};

QuicIncoming::QuicIncoming(std::shared_ptr<QuicEndpoint> endpoint, QuicStranger stranger)
    : endpoint_(std::move(endpoint)),
      half_open_(endpoint_->enter_half_open()),
      stranger_(std::move(stranger)),
      remote_(quic_address(stranger_.from)) {
  endpoint_->enter(*this, stranger_.initial.destination);
}

QuicIncoming::~QuicIncoming() {
  if (half_open_ == nullptr) return;
  half_open_.reset();
  endpoint_->refuse(stranger_);
  endpoint_->leave(*this, stranger_.initial.destination);
}

void QuicIncoming::keep(ByteView datagram, port::Ecn ecn) {
  if (stranger_.datagrams.size() >= quic_early_datagrams_max) return;
  stranger_.datagrams.push_back({to_bytes(datagram), ecn});
}

Task<std::unique_ptr<Connection>> QuicIncoming::upgrade(ConnectionTerms terms) {
  ASSERT(half_open_ != nullptr);
  const Instant deadline = terms.deadline;
  QuicSessionOptions options{.direction = Direction::inbound,
                             .local = endpoint_->local(),
                             .remote = stranger_.from,
                             .terms = terms,
                             .initial = std::move(stranger_.initial)};
  std::unique_ptr<QuicHalfOpen> half_open = std::move(half_open_);
  endpoint_->leave(*this, options.initial.destination);
  KITH_CO_TRY(std::unique_ptr<QuicConnection> connection,
              QuicConnection::make(endpoint_, std::move(options), std::move(half_open)));
  const Instant now = endpoint_->env().clock.now();
  for (const QuicStranger::Early& early : std::exchange(stranger_.datagrams, {}))
    connection->receive(stranger_.from, early.bytes, early.ecn, now);
  connection->settle(now);
  KITH_CO_CHECK(co_await connection->handshake(deadline));
  std::unique_ptr<Connection> upgraded = std::move(connection);
  co_return upgraded;
}

QuicEndpoint::QuicEndpoint(port::Env& env, std::shared_ptr<const QuicTls> tls,
                           std::unique_ptr<port::UdpSocket> socket)
    : env_(env),
      tls_(std::move(tls)),
      socket_(std::move(socket)),
      local_(socket_->local_endpoint()),
      log_(env.log, "net"),
      reset_secret_(tls_->reset_secret(local_)),
      output_(env.clock),
      acceptable_(env.clock),
      tasks_(env.executor, env.clock, 2) {
  env.random.fill(retry_secret_);
}

QuicEndpoint::~QuicEndpoint() = default;

void QuicEndpoint::start(bool keep) {
  keep_ = keep;
  tasks_.spawn(receive_loop());
  tasks_.spawn(send_loop());
}

void QuicEndpoint::listen() noexcept {
  listening_ = true;
  ++listened_;
}

void QuicEndpoint::stop_listening() noexcept {
  listening_ = false;
  acceptable_.notify_all();
  std::exchange(strangers_, {}).clear();
  close_if_unused();
}

/// Once what is left to be said has been said, the sending loop closes the socket.
void QuicEndpoint::close_if_unused() noexcept {
  if (!keep_ && !listening_ && users_ == 0) output_.notify_all();
}

void QuicEndpoint::close() noexcept {
  if (std::exchange(closed_, true)) return;
  listening_ = false;
  std::exchange(strangers_, {}).clear();
  acceptable_.notify_all();
  output_.notify_all();
}

bool QuicEndpoint::reaches(const port::Endpoint& remote) const noexcept {
  if (closed_ || local_.address.family() != remote.address.family()) return false;
  if (local_.address.is_unspecified()) return true;
  return local_.address.is_loopback() == remote.address.is_loopback() &&
         local_.address.is_link_local() == remote.address.is_link_local();
}

// Loops.

Task<void> QuicEndpoint::receive_loop() {
  std::vector<Buffer> memory;
  std::vector<port::IncomingDatagrams> batch(quic_receive_batches);
  for (port::IncomingDatagrams& one : batch) {
    memory.push_back(Buffer::allocate(port::udp_coalesced_bytes_max));
    one.into = memory.back().mutable_bytes();
  }
  while (!closed_) {
    auto came = co_await socket_->receive_batch(batch);
    if (!came && (came.error().is(Errc::closed) || came.error().is(Errc::cancelled))) break;
    if (!came) {
      KITH_LOG_DEBUG(log_, "quic at {}: {}", local_.to_string(), came.error().message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, pause_after_fault));
      continue;
    }
    const Instant now = env_.clock.now();
    for (const port::IncomingDatagrams& one : std::span(batch).first(*came)) {
      ByteView rest = ByteView(one.into).first(one.size);
      const std::size_t each = one.segment_bytes == 0 ? one.size : one.segment_bytes;
      while (!rest.empty()) {
        const ByteView datagram = rest.first(std::min(each, rest.size()));
        on_datagram(one.from, datagram, one.ecn, now);
        rest = rest.subspan(datagram.size());
      }
    }
    settle(now);
  }
  co_return Result<void>{};
}

Task<void> QuicEndpoint::send_loop() {
  QuicOutput output;
  std::size_t batches = 0;
  bool answered = false;
  for (;;) {
    // By turns: strangers who ask without end hold up no connection.
    answered = !replies_.empty() && (!answered || senders_.empty() || closed_);
    if (answered) {
      const QuicReply one = std::move(replies_.front());
      replies_.pop_front();
      output.datagrams.assign(1, {.to = one.to, .bytes = one.datagram});
      auto sent = co_await socket_->send_batch(output.datagrams);
      if (!sent && sent.error().is(Errc::closed)) break;
      continue;
    }
    if (closed_ || (!keep_ && !listening_ && users_ == 0)) break;
    if (senders_.empty()) {
      KITH_CO_CHECK(co_await output_.wait());
      continue;
    }
    QuicConnection* connection = senders_.front();
    senders_.pop_front();
    connection->queued = false;
    sending_ = connection;
    const bool more = connection->produce(output, env_.clock.now());
    if (more && sending_ != nullptr) want_output(*sending_);
    if (output.datagrams.empty()) continue;
    auto sent = co_await socket_->send_batch(output.datagrams);
    if (!sent && sent.error().is(Errc::closed)) break;
    if (!sent && sending_ != nullptr) sending_->on_send_error(sent.error());
    sending_ = nullptr;
    if (++batches % batches_between_yields == 0) KITH_CO_CHECK(co_await port::yield());
  }
  closed_ = true;
  socket_->close();
  co_return Result<void>{};
}

// Datagrams.

void QuicEndpoint::on_datagram(const port::Endpoint& from, ByteView datagram, port::Ecn ecn,
                               Instant now) {
  if (datagram.empty()) return;
  ngtcp2_version_cid read;
  const int result =
      ngtcp2_pkt_decode_version_cid(&read, datagram.data(), datagram.size(), quic_id_bytes);
  if (result != 0 && result != NGTCP2_ERR_VERSION_NEGOTIATION) return;
  Header header;
  header.is_long = (datagram[0] & long_header) != 0;
  header.destination = {read.dcid, read.dcidlen};
  header.source = {read.scid, read.scidlen};
  // Version 0 is a version negotiation packet, for a connection of ours if for anybody.
  header.known_version =
      !header.is_long || read.version == NGTCP2_PROTO_VER_V1 || read.version == 0;
  if (header.known_version && header.destination.size() <= quic_id_bytes_max) {
    const auto found = routes_.find(QuicId::of(header.destination));
    if (found != routes_.end()) {
      if (found->second.stranger != nullptr) {
        found->second.stranger->keep(datagram, ecn);
        return;
      }
      QuicConnection& connection = *found->second.connection;
      connection.receive(from, datagram, ecn, now);
      if (!std::exchange(connection.touched, true)) receivers_.push_back(&connection);
      return;
    }
  }
  on_unknown(from, datagram, header, ecn, now);
}

void QuicEndpoint::settle(Instant now) {
  while (!receivers_.empty()) {
    QuicConnection* connection = receivers_.back();
    receivers_.pop_back();
    connection->touched = false;
    connection->settle(now);
  }
}

void QuicEndpoint::on_unknown(const port::Endpoint& from, ByteView datagram, const Header& header,
                              port::Ecn ecn, Instant now) {
  if (!header.known_version) {
    if (listening_ && datagram.size() >= quic_initial_bytes_min) negotiate_version(from, header);
    return;
  }
  if (header.destination.size() > quic_id_bytes_max) return;
  const QuicId id = QuicId::of(header.destination);
  forget_goodbyes(now);
  if (const auto found = goodbyes_.find(id); found != goodbyes_.end()) {
    if (datagram.size() >= found->second->packet.size()) reply(from, found->second->packet);
    return;
  }
  if (!header.is_long) {
    on_short(from, datagram, id, now);
  } else if (listening_) {
    on_stranger(from, datagram, ecn, now);
  }
}

void QuicEndpoint::on_stranger(const port::Endpoint& from, ByteView datagram, port::Ecn ecn,
                               Instant now) {
  ngtcp2_pkt_hd read;
  if (ngtcp2_accept(&read, datagram.data(), datagram.size()) != 0) return;
  if (half_open_ >= quic_half_open_max || strangers_.size() >= quic_accept_backlog_max) return;
  QuicStranger stranger;
  stranger.from = from;
  stranger.initial = {.version = read.version,
                      .destination = quic_id_of(read.dcid),
                      .source = quic_id_of(read.scid),
                      .original_destination = quic_id_of(read.dcid)};
  const ByteView token(read.token.base, read.token.len);
  const bool of_retry = !token.empty() && token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY;
  if (of_retry) {
    QuicSocketAddress remote(from);
    ngtcp2_cid original;
    const int judged = ngtcp2_crypto_verify_retry_token(
        &original, token.data(), token.size(), retry_secret_.data(), retry_secret_.size(),
        read.version, &remote.storage.sa, remote.size, &read.dcid,
        static_cast<ngtcp2_duration>(quic_retry_token_time.count()), quic_time(now));
    if (judged != 0) {
      send_close(from, stranger.initial, NGTCP2_INVALID_TOKEN);
      return;
    }
    stranger.initial.original_destination = quic_id_of(original);
    stranger.initial.token = to_bytes(token);
  } else if (half_open_ >= quic_retry_from) {
    send_retry(from, stranger.initial, now);
    return;
  }
  stranger.datagrams.push_back({to_bytes(datagram), ecn});
  strangers_.push_back(std::make_unique<QuicIncoming>(shared_from_this(), std::move(stranger)));
  acceptable_.notify_one();
}

void QuicEndpoint::on_short(const port::Endpoint& from, ByteView datagram, const QuicId& id,
                            Instant now) {
  QuicResetToken token;
  if (datagram.size() >= reset_bytes_min) {
    std::ranges::copy(datagram.last(token.size()), token.begin());
    if (const auto found = reset_tokens_.find(token); found != reset_tokens_.end()) {
      found->second->on_reset();
      return;
    }
  }
  if (datagram.size() >= resettable_bytes_min) send_reset(from, datagram.size() - 1, id, now);
}

// Answers.

void QuicEndpoint::negotiate_version(const port::Endpoint& from, const Header& header) {
  std::array<std::uint8_t, quic_initial_bytes_min> packet;
  std::uint8_t unused = 0;
  env_.random.fill({&unused, 1});
  const std::uint32_t version = NGTCP2_PROTO_VER_V1;
  const ngtcp2_ssize size = ngtcp2_pkt_write_version_negotiation(
      packet.data(), packet.size(), unused, header.source.data(), header.source.size(),
      header.destination.data(), header.destination.size(), &version, 1);
  if (size > 0) reply(from, ByteView(packet).first(static_cast<std::size_t>(size)));
}

void QuicEndpoint::send_retry(const port::Endpoint& from, const QuicInitial& initial, Instant now) {
  QuicResetToken unused;
  const ngtcp2_cid own = quic_cid(new_id(unused));
  const ngtcp2_cid original = quic_cid(initial.destination);
  const ngtcp2_cid other = quic_cid(initial.source);
  QuicSocketAddress remote(from);
  std::array<std::uint8_t, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN> token;
  const ngtcp2_ssize token_size = ngtcp2_crypto_generate_retry_token(
      token.data(), retry_secret_.data(), retry_secret_.size(), initial.version, &remote.storage.sa,
      remote.size, &own, &original, quic_time(now));
  if (token_size < 0) return;
  std::array<std::uint8_t, quic_initial_bytes_min> packet;
  const ngtcp2_ssize size =
      ngtcp2_crypto_write_retry(packet.data(), packet.size(), initial.version, &other, &own,
                                &original, token.data(), static_cast<std::size_t>(token_size));
  if (size > 0) reply(from, ByteView(packet).first(static_cast<std::size_t>(size)));
}

void QuicEndpoint::send_close(const port::Endpoint& to, const QuicInitial& initial,
                              std::uint64_t code) {
  const ngtcp2_cid other = quic_cid(initial.source);
  const ngtcp2_cid own = quic_cid(initial.destination);
  std::array<std::uint8_t, quic_initial_bytes_min> packet;
  const ngtcp2_ssize size = ngtcp2_crypto_write_connection_close(
      packet.data(), packet.size(), initial.version, &other, &own, code, nullptr, 0);
  if (size > 0) reply(to, ByteView(packet).first(static_cast<std::size_t>(size)));
}

void QuicEndpoint::refuse(const QuicStranger& stranger) {
  send_close(stranger.from, stranger.initial, NGTCP2_CONNECTION_REFUSED);
}

void QuicEndpoint::send_reset(const port::Endpoint& from, std::size_t size_max, const QuicId& id,
                              Instant now) {
  if (now - resets_since_ >= 1s) {
    resets_since_ = now;
    resets_ = 0;
  }
  if (++resets_ > quic_resets_per_second) return;
  QuicResetToken token;
  const ngtcp2_cid cid = quic_cid(id);
  if (ngtcp2_crypto_generate_stateless_reset_token(token.data(), reset_secret_.data(),
                                                   reset_secret_.size(), &cid) != 0) {
    return;
  }
  std::array<std::uint8_t, resettable_bytes_min - 16> noise;
  env_.random.fill(noise);
  std::array<std::uint8_t, resettable_bytes_min> packet;
  const std::size_t room = std::min(size_max, packet.size());
  const ngtcp2_ssize size = ngtcp2_pkt_write_stateless_reset(packet.data(), room, token.data(),
                                                             noise.data(), room - token.size());
  if (size > 0) reply(from, ByteView(packet).first(static_cast<std::size_t>(size)));
}

void QuicEndpoint::reply(const port::Endpoint& to, ByteView datagram) {
  if (replies_.size() >= quic_replies_max) return;
  replies_.push_back({to, to_bytes(datagram)});
  output_.notify_all();
}

// Connections and strangers.

void QuicEndpoint::leave(QuicConnection& connection) noexcept {
  if (std::exchange(connection.queued, false)) std::erase(senders_, &connection);
  if (std::exchange(connection.touched, false)) std::erase(receivers_, &connection);
  if (sending_ == &connection) sending_ = nullptr;
  --users_;
  close_if_unused();
}

QuicId QuicEndpoint::new_id(QuicResetToken& token) {
  QuicId id;
  id.size = quic_id_bytes;
  env_.random.fill(MutableBytes(id.bytes).first(quic_id_bytes));
  const ngtcp2_cid cid = quic_cid(id);
  const int made = ngtcp2_crypto_generate_stateless_reset_token(token.data(), reset_secret_.data(),
                                                                reset_secret_.size(), &cid);
  // Without, no reset of ours is understood.
  if (made != 0) env_.random.fill(token);
  return id;
}

void QuicEndpoint::route(const QuicId& id, QuicConnection& connection) {
  routes_[id] = {.connection = &connection};
}

void QuicEndpoint::forget(const QuicId& id) noexcept {
  routes_.erase(id);
}

void QuicEndpoint::learn_reset_token(const QuicResetToken& token, QuicConnection& connection) {
  reset_tokens_[token] = &connection;
}

void QuicEndpoint::forget_reset_token(const QuicResetToken& token) noexcept {
  reset_tokens_.erase(token);
}

void QuicEndpoint::want_output(QuicConnection& connection) {
  if (std::exchange(connection.queued, true)) return;
  senders_.push_back(&connection);
  output_.notify_all();
}

void QuicEndpoint::say_goodbye(const Bytes& packet, const port::Endpoint& to,
                               const std::set<QuicId>& ids) {
  reply(to, packet);
  const Instant now = env_.clock.now();
  forget_goodbyes(now);
  const auto goodbye = std::make_shared<const Goodbye>(packet, now + quic_goodbye_time);
  for (const QuicId& id : ids) {
    if (goodbyes_by_age_.size() >= quic_goodbyes_max) return;
    if (!goodbyes_.emplace(id, goodbye).second) continue;
    goodbyes_by_age_.emplace_back(id, goodbye->until);
  }
}

void QuicEndpoint::forget_goodbyes(Instant now) noexcept {
  while (!goodbyes_by_age_.empty() && goodbyes_by_age_.front().second <= now) {
    goodbyes_.erase(goodbyes_by_age_.front().first);
    goodbyes_by_age_.pop_front();
  }
}

std::unique_ptr<QuicHalfOpen> QuicEndpoint::enter_half_open() {
  return std::make_unique<QuicHalfOpen>(half_open_);
}

void QuicEndpoint::enter(QuicIncoming& incoming, const QuicId& id) {
  ++users_;
  routes_[id] = {.stranger = &incoming};
}

void QuicEndpoint::leave(const QuicIncoming& incoming, const QuicId& id) noexcept {
  const auto found = routes_.find(id);
  if (found != routes_.end() && found->second.stranger == &incoming) routes_.erase(found);
  --users_;
  close_if_unused();
}

Task<std::unique_ptr<Incoming>> QuicEndpoint::accept() {
  const std::uint64_t mine = listened_;
  while (strangers_.empty()) {
    if (!listening_ || listened_ != mine) co_return std::unexpected(Errc::closed);
    KITH_CO_CHECK(co_await acceptable_.wait());
  }
  std::unique_ptr<Incoming> next = std::move(strangers_.front());
  strangers_.pop_front();
  co_return next;
}

}  // namespace kith::net::detail
