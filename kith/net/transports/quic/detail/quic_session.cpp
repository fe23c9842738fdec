#include <algorithm>
#include <cstring>

#include <kith/base/assert.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic/detail/quic_memory.hpp>
#include <kith/net/transports/quic/detail/quic_session_parts.hpp>

namespace kith::net::detail {
namespace {

/// Ids of the peer that we keep, so that it can follow us to other addresses.
constexpr std::uint64_t ids_of_peer_max = 4;
/// CONNECTION_CLOSE with an alert of TLS (RFC 9001, 4.8).
constexpr std::uint64_t crypto_error_first = 0x100;
constexpr std::uint64_t crypto_error_last = 0x1ff;
/// How many pieces of a stream go into one call.
constexpr std::size_t pieces_max = 4;

std::uint64_t duration_of(Duration duration) noexcept {
  return static_cast<std::uint64_t>(duration.count());
}

}  // namespace

QuicId QuicId::of(ByteView from) noexcept {
  ASSERT(from.size() <= quic_id_bytes_max);
  QuicId id;
  std::ranges::copy(from, id.bytes.begin());
  id.size = static_cast<std::uint8_t>(from.size());
  return id;
}

QuicSocketAddress::QuicSocketAddress(const port::Endpoint& endpoint) noexcept {
  const ByteView ip = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    storage.in.sin_family = AF_INET;
    storage.in.sin_port = htons(endpoint.port);
    std::memcpy(&storage.in.sin_addr, ip.data(), ip.size());
    size = sizeof storage.in;
  } else {
    storage.in6.sin6_family = AF_INET6;
    storage.in6.sin6_port = htons(endpoint.port);
    storage.in6.sin6_scope_id = endpoint.address.scope();
    std::memcpy(&storage.in6.sin6_addr, ip.data(), ip.size());
    size = sizeof storage.in6;
  }
}

port::Endpoint quic_endpoint_of(const ngtcp2_addr& address) noexcept {
  if (address.addr->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.addr);
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4->sin_addr, bytes.size());
    return {port::IpAddress::v4(bytes), ntohs(v4->sin_port)};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.addr);
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &v6->sin6_addr, bytes.size());
  return {port::IpAddress::v6(bytes, v6->sin6_scope_id), ntohs(v6->sin6_port)};
}

/// What ngtcp2 calls. Each gets the session, but for `random`.
struct QuicSession::Callbacks {
  static QuicSession& of(void* user) noexcept { return *static_cast<QuicSession*>(user); }

  static ngtcp2_conn* conn_of(ngtcp2_crypto_conn_ref* reference) {
    return of(reference->user_data).connection_->conn;
  }
  static void random(std::uint8_t* into, std::size_t size, const ngtcp2_rand_ctx* context) {
    static_cast<QuicHost*>(context->native_handle)->fill_random({into, size});
  }
  static int handshake_completed(ngtcp2_conn* conn, void* user) {
    // GnuTLS insists on one of our protocols only with a peer that offers any (RFC 9001, 8.1).
    if (!agreed_on_protocol(of(user).tls_session_)) {
      of(user).certificate_fault_ = QuicError::handshake_failed;
      return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    of(user).established_ = true;
    of(user).tls_done_ = of(user).options_.direction == Direction::inbound;
    ngtcp2_conn_set_keep_alive_timeout(conn, duration_of(quic_keep_alive_interval));
    return 0;
  }
  static int handshake_confirmed(ngtcp2_conn*, void* user) {
    of(user).tls_done_ = true;
    return 0;
  }
  /// What TLS could still say concerns tickets, which we don't use.
  static int crypto_data(ngtcp2_conn* conn, ngtcp2_crypto_level level, std::uint64_t offset,
                         const std::uint8_t* data, std::size_t size, void* user) {
    if (of(user).tls_session_ == nullptr) return 0;
    return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, size, user);
  }
  static int new_id(ngtcp2_conn*, ngtcp2_cid* cid, std::uint8_t* token, std::size_t, void* user) {
    QuicResetToken reset;
    *cid = quic_cid(of(user).host_.issue_id(reset));
    std::ranges::copy(reset, token);
    return 0;
  }
  static int remove_id(ngtcp2_conn*, const ngtcp2_cid* cid, void* user) {
    of(user).host_.retire_id(quic_id_of(*cid));
    return 0;
  }
  static int peer_id_status(ngtcp2_conn*, int type, std::uint64_t, const ngtcp2_cid*,
                            const std::uint8_t* token, void* user) {
    if (token == nullptr) return 0;
    QuicResetToken reset;
    std::copy_n(token, reset.size(), reset.begin());
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE) {
      of(user).host_.learn_reset_token(reset);
    } else {
      of(user).host_.forget_reset_token(reset);
    }
    return 0;
  }
  static int stream_open(ngtcp2_conn*, std::int64_t id, void* user) {
    QuicSession& self = of(user);
    self.make_stream(id, true, self.time_);
    return 0;
  }
  static int stream_data(ngtcp2_conn*, std::uint32_t flags, std::int64_t id, std::uint64_t,
                         const std::uint8_t* data, std::size_t size, void* user, void*) {
    of(user).on_data(id, {data, size}, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
    return 0;
  }
  static int stream_reset(ngtcp2_conn*, std::int64_t id, std::uint64_t, std::uint64_t, void* user,
                          void*) {
    of(user).on_stream_reset(id);
    return 0;
  }
  static int stream_close(ngtcp2_conn*, std::uint32_t flags, std::int64_t id, std::uint64_t,
                          void* user, void*) {
    of(user).on_stream_closed(id, (flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) != 0);
    return 0;
  }
  static int acknowledged(ngtcp2_conn*, std::int64_t id, std::uint64_t offset, std::uint64_t size,
                          void* user, void*) {
    of(user).on_acknowledged(id, offset + size);
    return 0;
  }
  static int more_stream_data(ngtcp2_conn*, std::int64_t id, std::uint64_t, void* user, void*) {
    QuicSession& self = of(user);
    if (Stream* stream = self.find(id)) {
      stream->blocked = false;
      self.make_ready(*stream);
    }
    return 0;
  }

  static ngtcp2_callbacks all() noexcept {
    ngtcp2_callbacks calls{};
    calls.client_initial = ngtcp2_crypto_client_initial_cb;
    calls.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    calls.recv_crypto_data = crypto_data;
    calls.recv_retry = ngtcp2_crypto_recv_retry_cb;
    calls.encrypt = ngtcp2_crypto_encrypt_cb;
    calls.decrypt = ngtcp2_crypto_decrypt_cb;
    calls.hp_mask = ngtcp2_crypto_hp_mask_cb;
    calls.update_key = ngtcp2_crypto_update_key_cb;
    calls.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    calls.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    calls.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
    calls.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    calls.rand = random;
    calls.handshake_completed = handshake_completed;
    calls.handshake_confirmed = handshake_confirmed;
    calls.get_new_connection_id = new_id;
    calls.remove_connection_id = remove_id;
    calls.dcid_status = peer_id_status;
    calls.stream_open = stream_open;
    calls.recv_stream_data = stream_data;
    calls.stream_reset = stream_reset;
    calls.stream_close = stream_close;
    calls.acked_stream_data_offset = acknowledged;
    calls.extend_max_stream_data = more_stream_data;
    return calls;
  }
};

QuicSession::QuicSession(std::shared_ptr<const QuicTls> tls, QuicHost& host,
                         QuicSessionOptions options, Instant now)
    : tls_(std::move(tls)),
      host_(host),
      options_(std::move(options)),
      memory_(options_.terms.memory_bytes_max, options_.terms.memory),
      connection_(std::make_unique<Connection>()),
      time_(now),
      outstanding_(quic_connection_window_bytes) {}

QuicSession::~QuicSession() {
  // ngtcp2 may look at what streams have sent until it's gone.
  connection_.reset();
  for (auto& [id, stream] : streams_)
    discharge(*stream, stream->charged);
}

Result<std::unique_ptr<QuicSession>> QuicSession::make(std::shared_ptr<const QuicTls> tls,
                                                       QuicHost& host, QuicSessionOptions options,
                                                       Instant now) {
  std::unique_ptr<QuicSession> made(new QuicSession(std::move(tls), host, std::move(options), now));
  KITH_CHECK(made->start(now));
  return made;
}

Result<void> QuicSession::start(Instant now) {
  const bool client = options_.direction == Direction::outbound;
  connection_->reference = {Callbacks::conn_of, this};
  KITH_TRY(tls_session_, tls_->session(options_.direction, connection_->reference));

  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  // ngtcp2's CUBIC ends its slow start at the first delay and then hardly grows; and BBR2 isn't
  // stopped by a line that loses a packet now and then (docs/decisions/0009).
  settings.cc_algo = NGTCP2_CC_ALGO_BBR2;
  settings.initial_ts = quic_time(now);
  settings.rand_ctx.native_handle = &host_;
  const Instant deadline = options_.terms.deadline;
  settings.handshake_timeout = duration_of(
      deadline == never ? quic_handshake_timeout : std::max(deadline - now, Duration(1)));
  Bytes& token = options_.initial.token;
  settings.token = {token.data(), token.size()};

  ngtcp2_transport_params params;
  ngtcp2_transport_params_default(&params);
  params.initial_max_stream_data_bidi_local = quic_stream_window_bytes;
  params.initial_max_stream_data_bidi_remote = quic_stream_window_bytes;
  params.initial_max_data = quic_connection_window_bytes;
  params.initial_max_streams_bidi =
      std::min(options_.terms.streams_inbound_max, quic_streams_inbound_max);
  params.max_idle_timeout = duration_of(quic_idle_timeout);
  params.active_connection_id_limit = ids_of_peer_max;

  QuicResetToken reset;
  const ngtcp2_cid own = quic_cid(host_.issue_id(reset));
  QuicSocketAddress local(options_.local);
  QuicSocketAddress remote(options_.remote);
  const ngtcp2_path path{local.view(), remote.view(), nullptr};
  const ngtcp2_callbacks callbacks = Callbacks::all();
  int made = 0;
  if (client) {
    QuicId destination;
    destination.size = quic_id_bytes_max;
    host_.fill_random(destination.bytes);
    const ngtcp2_cid other = quic_cid(destination);
    made = ngtcp2_conn_client_new(&connection_->conn, &other, &own, &path, NGTCP2_PROTO_VER_V1,
                                  &callbacks, &settings, &params, quic_memory(), this);
  } else {
    const QuicInitial& initial = options_.initial;
    params.original_dcid = quic_cid(initial.original_destination);
    params.retry_scid_present = !token.empty();
    if (!token.empty()) params.retry_scid = quic_cid(initial.destination);
    params.stateless_reset_token_present = 1;
    std::ranges::copy(reset, params.stateless_reset_token);
    const ngtcp2_cid other = quic_cid(initial.source);
    made = ngtcp2_conn_server_new(&connection_->conn, &other, &own, &path, initial.version,
                                  &callbacks, &settings, &params, quic_memory(), this);
  }
  if (made != 0) return std::unexpected(QuicError::handshake_failed);
  ngtcp2_conn_set_tls_native_handle(connection_->conn, tls_session_.get());
  wants_output_ = client;
  return {};
}

bool QuicSession::on_certificates(std::span<const ByteView> chain) noexcept {
  auto key = crypto::verify_libp2p_chain(chain, tls_->wall_now());
  if (!key) {
    certificate_fault_ = key.error();
    return false;
  }
  remote_peer_ = multiformats::PeerId::from_public_key(*key);
  remote_key_ = *std::move(key);
  if (options_.expected_peer && *options_.expected_peer != remote_peer_) {
    certificate_fault_ = QuicError::unexpected_peer;
    return false;
  }
  return true;
}

// The wire.

void QuicSession::receive(const port::Endpoint& from, ByteView datagram, port::Ecn ecn,
                          Instant now) {
  if (outcome_) return;
  time_ = now;
  bytes_received_ += datagram.size();
  QuicSocketAddress local(options_.local);
  QuicSocketAddress remote(from);
  const ngtcp2_path path{local.view(), remote.view(), nullptr};
  const ngtcp2_pkt_info info{.ecn = static_cast<std::uint32_t>(ecn)};
  const int result = ngtcp2_conn_read_pkt(connection_->conn, &path, &info, datagram.data(),
                                          datagram.size(), quic_time(now));
  wants_output_ = true;
  if (result != 0) fail(result, now);
}

Instant QuicSession::deadline() const noexcept {
  if (outcome_) return never;
  const ngtcp2_tstamp at = ngtcp2_conn_get_expiry(connection_->conn);
  Instant next = never;
  if (at < quic_time(never)) next = Instant(Duration(static_cast<Duration::rep>(at)));
  return lingering_.empty() ? next : std::min(next, lingering_.front().until);
}

void QuicSession::on_deadline(Instant now) {
  if (outcome_) return;
  time_ = now;
  while (!lingering_.empty() && lingering_.front().until <= now) {
    const Lingering one = lingering_.front();
    lingering_.pop_front();
    end_lingering(one, now);
  }
  const int result = ngtcp2_conn_handle_expiry(connection_->conn, quic_time(now));
  wants_output_ = true;
  if (result != 0) fail(result, now);
}

void QuicSession::settle(Instant now) {
  if (outcome_) return;
  time_ = now;
  if (tls_done_ && tls_session_ != nullptr) {
    ngtcp2_conn_set_tls_native_handle(connection_->conn, nullptr);
    tls_session_.reset();
  }
  for (const QuicStreamId id : std::exchange(to_reset_, {})) {
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    stop_stream(*stream, stream->read_error.value_or(Errc::reset));
    erase_if_done(*stream);
  }
  refresh_statistics();
  find_stopped_writers();
}

void QuicSession::refresh_statistics() noexcept {
  ngtcp2_conn_stat statistics;
  ngtcp2_conn_get_conn_stat(connection_->conn, &statistics);
  in_flight_ = statistics.bytes_in_flight;
  if (statistics.first_rtt_sample_ts != UINT64_MAX) {
    round_trip_ = Duration(static_cast<Duration::rep>(statistics.smoothed_rtt));
  }
  send_bytes_max_ = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(2 * statistics.cwnd, quic_send_bytes, quic_send_bytes_max));
}

bool QuicSession::idle() const noexcept {
  if (outcome_) return true;
  return ready_.empty() && writers_.empty() && !wants_output_ && in_flight_ == 0;
}

Duration QuicSession::round_trip() const noexcept {
  return round_trip_;
}

port::Endpoint QuicSession::remote_endpoint() const noexcept {
  return quic_endpoint_of(ngtcp2_conn_get_path(connection_->conn)->remote);
}

// Ends.

/// The first reason counts.
void QuicSession::end(Error why) noexcept {
  if (!outcome_) outcome_ = std::move(why);
}

Error QuicSession::peers_reason() const {
  ngtcp2_connection_close_error reason;
  ngtcp2_connection_close_error_default(&reason);
  ngtcp2_conn_get_connection_close_error(connection_->conn, &reason);
  const std::uint64_t code = reason.error_code;
  if (reason.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION) {
    return code == 0 ? Error(Errc::closed) : Error(QuicError::remote_error);
  }
  if (code == NGTCP2_NO_ERROR) return Errc::closed;
  if (code == NGTCP2_CONNECTION_REFUSED) return Errc::refused;
  if (code >= crypto_error_first && code <= crypto_error_last) {
    return Error(static_cast<crypto::TlsAlert>(code - crypto_error_first));
  }
  return QuicError::remote_error;
}

void QuicSession::fail(int code, Instant now) noexcept {
  ngtcp2_connection_close_error reason;
  ngtcp2_connection_close_error_default(&reason);
  switch (code) {
    case NGTCP2_ERR_DRAINING:
      end(peers_reason());
      return;
    case NGTCP2_ERR_CLOSING:
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
      end(QuicError::handshake_failed);
      return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
      end(QuicError::version);
      return;
    case NGTCP2_ERR_IDLE_CLOSE:
      end(established_ ? Error(QuicError::idle_timeout) : Error(Errc::timed_out));
      return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      end(Errc::timed_out);
      return;
    case NGTCP2_ERR_CRYPTO:
      end(certificate_fault_.value_or(QuicError::handshake_failed));
      ngtcp2_connection_close_error_set_transport_error_tls_alert(
          &reason, ngtcp2_conn_get_tls_alert(connection_->conn), nullptr, 0);
      break;
    default:
      end(established_ ? QuicError::protocol_violation : QuicError::handshake_failed);
      ngtcp2_connection_close_error_set_transport_error_liberr(&reason, code, nullptr, 0);
      break;
  }
  connection_->reason = reason;
  write_goodbye(now);
}

void QuicSession::close(Instant now) noexcept {
  if (outcome_) return;
  end(Errc::closed);
  ngtcp2_connection_close_error_set_application_error(&connection_->reason, 0, nullptr, 0);
  write_goodbye(now);
}

void QuicSession::on_reset() noexcept {
  end(Errc::reset);
}

void QuicSession::write_goodbye(Instant now) noexcept {
  ngtcp2_path_storage path;
  ngtcp2_path_storage_zero(&path);
  ngtcp2_pkt_info info{};
  std::array<std::uint8_t, NGTCP2_MAX_UDP_PAYLOAD_SIZE> packet;
  const ngtcp2_ssize size =
      ngtcp2_conn_write_connection_close(connection_->conn, &path.path, &info, packet.data(),
                                         packet.size(), &connection_->reason, quic_time(now));
  if (size <= 0) return;
  goodbye_.assign(packet.begin(), packet.begin() + size);
  bytes_sent_ += goodbye_.size();
}

// Sending.

bool QuicSession::produce(QuicOutput& into, Instant now) {
  into.datagrams.clear();
  wants_output_ = false;
  if (outcome_) return false;
  time_ = now;
  ngtcp2_conn* conn = connection_->conn;
  const std::size_t packet_max = ngtcp2_conn_get_max_tx_udp_payload_size(conn);
  const std::size_t quantum =
      std::min(ngtcp2_conn_get_send_quantum(conn), into.memory.size() - packet_max);
  std::size_t used = 0;
  bool extensible = false;  // the last entry may take another packet
  bool more = true;
  while (used <= quantum) {
    port::OutgoingDatagrams one;
    const std::ptrdiff_t size =
        write_packet(MutableBytes(into.memory).subspan(used, packet_max), one.to, one.ecn, now);
    if (size <= 0) {
      more = false;
      break;
    }
    const auto length = static_cast<std::size_t>(size);
    // A probe for larger packets goes by itself: the way may not take it.
    const bool whole = length <= ngtcp2_conn_get_path_max_tx_udp_payload_size(conn);
    one.bytes = ByteView(into.memory).subspan(used, length);
    used += length;
    port::OutgoingDatagrams* last = extensible ? &into.datagrams.back() : nullptr;
    const std::size_t each =
        last == nullptr ? 0 : (last->segment_bytes != 0 ? last->segment_bytes : last->bytes.size());
    const bool joins = last != nullptr && whole && last->to == one.to && last->ecn == one.ecn &&
                       length <= each && last->bytes.size() < each * (port::udp_segments_max - 1);
    if (joins) {
      last->bytes = {last->bytes.data(), last->bytes.size() + length};
      last->segment_bytes = each;
      extensible = length == each;
    } else {
      into.datagrams.push_back(one);
      extensible = whole;
    }
  }
  bytes_sent_ += used;
  burst_ += used;
  // On a fast way a full batch is far less than a millisecond's worth: a pause after each would
  // cost more than the batch.
  const bool fast = quantum + packet_max >= into.memory.size();
  if (!more || !fast || burst_ >= quic_burst_bytes) {
    // ngtcp2's guess of 333 ms is no round trip to pace by: the first datagram alone would hold
    // back the rest of the handshake for 23 ms. The initial window may go out at once (RFC 9002,
    // 7.7).
    if (round_trip_ != Duration(0)) ngtcp2_conn_update_pkt_tx_time(conn, quic_time(now));
    burst_ = 0;
  }
  // What became ready meanwhile had its turn.
  wants_output_ = false;
  if (outcome_) return false;
  refresh_statistics();
  // Then a timer of the connection says when.
  const bool paced = deadline() > now;
  return more && !paced;
}

/// One packet, or 0 if there is nothing to be sent now.
std::ptrdiff_t QuicSession::write_packet(MutableBytes into, port::Endpoint& to, port::Ecn& ecn,
                                         Instant now) {
  ngtcp2_conn* conn = connection_->conn;
  ngtcp2_path_storage path;
  ngtcp2_path_storage_zero(&path);
  ngtcp2_pkt_info info{};
  for (;;) {
    Stream* stream = next_ready();
    std::array<ByteView, pieces_max> pieces;
    std::array<ngtcp2_vec, pieces_max> parts;
    std::size_t count = 0;
    std::size_t offered = 0;
    std::uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
    if (stream != nullptr) {
      flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
      count = stream->outgoing.peek(pieces);
      for (std::size_t i = 0; i < count; ++i) {
        parts[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
        offered += pieces[i].size();
      }
      const bool all = offered == stream->outgoing.unsent();
      if (all && stream->end_wanted && !stream->writing_now) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
    ngtcp2_ssize taken = -1;
    const ngtcp2_ssize size = ngtcp2_conn_writev_stream(
        conn, &path.path, &info, into.data(), into.size(), &taken, flags,
        stream == nullptr ? -1 : stream->id, parts.data(), count, quic_time(now));
    if (stream != nullptr && taken >= 0) {
      const auto part = static_cast<std::size_t>(taken);
      sent(*stream, part, (flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0 && part == offered);
    }
    if (size == NGTCP2_ERR_WRITE_MORE) continue;
    if (size == NGTCP2_ERR_STREAM_DATA_BLOCKED || size == NGTCP2_ERR_STREAM_SHUT_WR ||
        size == NGTCP2_ERR_STREAM_NOT_FOUND) {
      ASSERT(stream != nullptr);
      ready_.pop_front();
      stream->ready = false;
      if (size == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        stream->blocked = true;
      } else {
        end_writing(*stream, Errc::reset);
      }
      continue;
    }
    if (size < 0) {
      fail(static_cast<int>(size), now);
      return 0;
    }
    if (size == 0) return 0;
    to = quic_endpoint_of(path.path.remote);
    ecn = static_cast<port::Ecn>(info.ecn & NGTCP2_ECN_MASK);
    return size;
  }
}

/// The stream whose turn it is, if the connection's window has room.
QuicSession::Stream* QuicSession::next_ready() noexcept {
  if (ready_.empty() || !established_) return nullptr;
  Stream* stream = find(ready_.front());
  ASSERT(stream != nullptr);
  const bool room = ngtcp2_conn_get_max_data_left(connection_->conn) != 0;
  return room || stream->outgoing.unsent() == 0 ? stream : nullptr;
}

void QuicSession::sent(Stream& stream, std::size_t size, bool with_end) noexcept {
  stream.outgoing.mark_sent(size);
  stream.end_sent |= with_end;
  ready_.pop_front();
  stream.ready = false;
  // The next one's turn.
  make_ready(stream);
}

}  // namespace kith::net::detail
