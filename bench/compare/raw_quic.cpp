// Bytes over QUIC by ngtcp2 and GnuTLS and nothing else, to see what these libraries leave of a
// machine at best: the same cipher, windows large enough never to matter, batches cut up by the
// kernel (GSO) and put together by it (GRO), no copy of what is sent, and what comes is thrown
// away.
//
//   raw_quic serve IP               prints its port, serves one connection at a time
//   raw_quic up|down IP PORT BYTES  prints the seconds from the handshake until the
//                                  other end has them all
//
// The client's first stream says in eight bytes how many it wants to get, then sends its own; the
// server answers its end with as many as were wanted, as libp2p's perf does. Nobody proves who they
// are: this measures, it protects nothing.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t segments_max = 63;
constexpr std::size_t datagrams_bytes_max = 65'000;
constexpr std::size_t chunk_bytes = 1 << 20;
constexpr std::size_t head_bytes = 8;
constexpr std::size_t id_bytes = 8;
constexpr std::uint64_t window_bytes = std::uint64_t{64} << 20;
constexpr int goodbyes = 4;
constexpr std::string_view alpn = "raw";
constexpr const char* ciphers =
    "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:"
    "+GROUP-X25519";

[[noreturn]] void fail(const char* what, const char* why = nullptr) {
  std::fprintf(stderr, "raw_quic: %s: %s\n", what, why != nullptr ? why : std::strerror(errno));
  std::exit(1);
}

void must(int result, const char* what) {
  if (result != 0) fail(what, "refused");
}

ngtcp2_tstamp now() {
  return static_cast<ngtcp2_tstamp>(std::chrono::steady_clock::now().time_since_epoch().count());
}

gnutls_datum_t datum(std::string_view text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

/// A key and a certificate that it has signed itself, for as long as this lives.
class Credentials {
 public:
  Credentials() {
    gnutls_x509_privkey_t key = nullptr;
    gnutls_x509_crt_t certificate = nullptr;
    sign(key, certificate);
    must(gnutls_certificate_allocate_credentials(&held_), "credentials");
    must(gnutls_certificate_set_x509_key(held_, &certificate, 1, key), "credentials");
    // They were copied.
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
  }
  ~Credentials() { gnutls_certificate_free_credentials(held_); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  gnutls_certificate_credentials_t get() const noexcept { return held_; }

 private:
  static void sign(gnutls_x509_privkey_t& key, gnutls_x509_crt_t& certificate);

  gnutls_certificate_credentials_t held_ = nullptr;
};

void Credentials::sign(gnutls_x509_privkey_t& key, gnutls_x509_crt_t& certificate) {
  must(gnutls_x509_privkey_init(&key), "key");
  must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
       "key");
  must(gnutls_x509_crt_init(&certificate), "certificate");
  const std::array<unsigned char, 1> serial{1};
  must(gnutls_x509_crt_set_version(certificate, 3), "certificate");
  must(gnutls_x509_crt_set_serial(certificate, serial.data(), serial.size()), "certificate");
  must(gnutls_x509_crt_set_activation_time(certificate, std::time(nullptr) - 3600), "certificate");
  must(gnutls_x509_crt_set_expiration_time(certificate, std::time(nullptr) + 86'400),
       "certificate");
  must(gnutls_x509_crt_set_key(certificate, key), "certificate");
  must(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), "certificate");
}

class Socket {
 public:
  explicit Socket(const sockaddr_in& address) : number_(socket(AF_INET, SOCK_DGRAM, 0)) {
    const int one = 1;
    const int probe = IP_PMTUDISC_PROBE;
    if (number_ < 0) fail("socket");
    if (bind(number_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("bind");
    if (setsockopt(number_, SOL_UDP, UDP_GRO, &one, sizeof one) != 0) fail("UDP_GRO");
    if (setsockopt(number_, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe) != 0)
      fail("IP_MTU_DISCOVER");
    socklen_t size = sizeof local_;
    if (getsockname(number_, reinterpret_cast<sockaddr*>(&local_), &size) != 0) fail("getsockname");
  }
  ~Socket() { close(number_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  sockaddr_in& local() noexcept { return local_; }

  /// Waits until something can be read or `until`.
  void wait(ngtcp2_tstamp until) const {
    const ngtcp2_tstamp at = now();
    timespec left{};
    if (until > at) {
      const ngtcp2_tstamp ahead = std::min<ngtcp2_tstamp>(until - at, NGTCP2_SECONDS);
      left.tv_sec = static_cast<time_t>(ahead / NGTCP2_SECONDS);
      left.tv_nsec = static_cast<long>(ahead % NGTCP2_SECONDS);
    }
    pollfd watched{number_, POLLIN, 0};
    ppoll(&watched, 1, &left, nullptr);
  }

  /// Datagrams of one sender and one size, the last may be shorter. Empty if there are none.
  std::string_view receive(sockaddr_in& from, std::size_t& each) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec part{into_.data(), into_.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = recvmsg(number_, &header, MSG_DONTWAIT);
    if (size <= 0) return {};
    each = static_cast<std::size_t>(size);
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      int cut = 0;
      if (one->cmsg_level != SOL_UDP || one->cmsg_type != UDP_GRO) continue;
      std::memcpy(&cut, CMSG_DATA(one), sizeof cut);
      each = static_cast<std::size_t>(cut);
    }
    return {into_.data(), static_cast<std::size_t>(size)};
  }

  void send(const sockaddr_in& to, std::string_view bytes, std::size_t each) const {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr header{};
    header.msg_name = const_cast<sockaddr_in*>(&to);
    header.msg_namelen = sizeof to;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (each < bytes.size()) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* cut = CMSG_FIRSTHDR(&header);
      const auto segment = static_cast<std::uint16_t>(each);
      cut->cmsg_level = SOL_UDP;
      cut->cmsg_type = UDP_SEGMENT;
      cut->cmsg_len = CMSG_LEN(sizeof segment);
      std::memcpy(CMSG_DATA(cut), &segment, sizeof segment);
    }
    pollfd watched{number_, POLLOUT, 0};
    // What is lost in another way is QUIC's to find out.
    while (sendmsg(number_, &header, MSG_DONTWAIT) < 0 && errno == EAGAIN)
      poll(&watched, 1, -1);
  }

 private:
  int number_;
  sockaddr_in local_{};
  std::vector<char> into_ = std::vector<char>(65'536);
};

/// One connection, and the one stream on it.
class Session {
 public:
  Session(Socket& socket, gnutls_certificate_credentials_t credentials, const sockaddr_in& remote,
          const ngtcp2_pkt_hd* first)
      : socket_(socket), remote_(remote), server_(first != nullptr), zeros_(chunk_bytes) {
    const unsigned flags = (server_ ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS;
    must(gnutls_init(&tls_, flags), "gnutls_init");
    must(server_ ? ngtcp2_crypto_gnutls_configure_server_session(tls_)
                 : ngtcp2_crypto_gnutls_configure_client_session(tls_),
         "configure");
    must(gnutls_priority_set_direct(tls_, ciphers, nullptr), "priorities");
    must(gnutls_credentials_set(tls_, GNUTLS_CRD_CERTIFICATE, credentials), "credentials");
    const gnutls_datum_t name = datum(alpn);
    must(gnutls_alpn_set_protocols(tls_, &name, 1, GNUTLS_ALPN_MANDATORY), "alpn");
    reference_ = {[](ngtcp2_crypto_conn_ref* one) { return of(one->user_data).conn_; }, this};
    gnutls_session_set_ptr(tls_, &reference_);
    make(first);
    ngtcp2_conn_set_tls_native_handle(conn_, tls_);
  }
  ~Session() {
    ngtcp2_conn_del(conn_);
    gnutls_deinit(tls_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Sends this much after the eight bytes, and wants as much back.
  void ask(std::uint64_t upload, std::uint64_t download) {
    for (std::size_t i = 0; i < head_bytes; ++i)
      head_[i] = static_cast<std::uint8_t>(download >> (56 - 8 * i));
    to_send_ = head_bytes + upload;
    wanted_ = download;
  }
  std::uint64_t received() const noexcept { return received_; }
  /// The stream's other direction has ended.
  bool answered() const noexcept { return ended_; }
  bool over() const noexcept { return over_; }
  bool established() const noexcept { return ngtcp2_conn_get_handshake_completed(conn_) != 0; }
  /// When the handshake was completed.
  ngtcp2_tstamp established_at() const noexcept { return established_at_; }

  /// Waits for datagrams or time, and does what follows from them.
  void step() {
    socket_.wait(ngtcp2_conn_get_expiry(conn_));
    sockaddr_in from{};
    std::size_t each = 0;
    for (std::string_view all = socket_.receive(from, each); !all.empty() && !over_;
         all = socket_.receive(from, each)) {
      for (; !all.empty(); all.remove_prefix(std::min(each, all.size())))
        read(all.substr(0, each));
      write();
    }
    if (!over_ && ngtcp2_conn_get_expiry(conn_) <= now())
      over_ = ngtcp2_conn_handle_expiry(conn_, now()) != 0;
    write();
  }

  void read(std::string_view datagram) {
    const ngtcp2_path path = path_now();
    const ngtcp2_pkt_info info{};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(datagram.data());
    if (!over_ && ngtcp2_conn_read_pkt(conn_, &path, &info, bytes, datagram.size(), now()) != 0)
      over_ = true;
  }

  /// All that may go out now.
  void write() {
    while (!over_) {
      std::size_t used = 0;
      std::size_t each = 0;
      std::size_t count = 0;
      bool more = true;
      while (count < segments_max && used + NGTCP2_MAX_PMTUD_UDP_PAYLOAD_SIZE <= out_.size()) {
        const std::size_t size = write_packet(used);
        more = size != 0;
        if (!more) break;
        if (count == 0) each = size;
        if (size > each) {
          // A probe for larger ones goes by itself.
          socket_.send(remote_, {out_.data(), used}, each);
          socket_.send(remote_, {out_.data() + used, size}, size);
          used = count = 0;
          continue;
        }
        used += size;
        ++count;
        if (size < each) break;
      }
      if (used > 0) socket_.send(remote_, {out_.data(), used}, each);
      // Not by ngtcp2's guess of the round trip.
      if (established()) ngtcp2_conn_update_pkt_tx_time(conn_, now());
      if (!more || ngtcp2_conn_get_expiry(conn_) > now()) return;
    }
  }

  void goodbye() {
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info{};
    ngtcp2_connection_close_error reason;
    ngtcp2_connection_close_error_default(&reason);
    const ngtcp2_ssize size = ngtcp2_conn_write_connection_close(
        conn_, &path.path, &info, reinterpret_cast<std::uint8_t*>(out_.data()),
        NGTCP2_MAX_UDP_PAYLOAD_SIZE, &reason, now());
    // More than once: the server has time for the next one only when it has heard it.
    for (int i = 0; size > 0 && i < goodbyes; ++i)
      socket_.send(remote_, {out_.data(), static_cast<std::size_t>(size)}, out_.size());
  }

 private:
  static Session& of(void* user) { return *static_cast<Session*>(user); }

  ngtcp2_path path_now() noexcept {
    return {{reinterpret_cast<sockaddr*>(&socket_.local()), sizeof(sockaddr_in)},
            {reinterpret_cast<sockaddr*>(&remote_), sizeof remote_},
            nullptr};
  }

  static ngtcp2_cid random_id() {
    ngtcp2_cid id{};
    id.datalen = id_bytes;
    gnutls_rnd(GNUTLS_RND_RANDOM, id.data, id.datalen);
    return id;
  }

  void make(const ngtcp2_pkt_hd* first) {
    ngtcp2_settings settings;
    ngtcp2_settings_default(&settings);
    settings.cc_algo = NGTCP2_CC_ALGO_BBR2;
    settings.initial_ts = now();
    settings.max_window = settings.max_stream_window = window_bytes;
    ngtcp2_transport_params params;
    ngtcp2_transport_params_default(&params);
    params.initial_max_stream_data_bidi_local = params.initial_max_stream_data_bidi_remote =
        window_bytes;
    params.initial_max_data = window_bytes;
    params.initial_max_streams_bidi = 1;
    const ngtcp2_callbacks calls = callbacks();
    const ngtcp2_path path = path_now();
    const ngtcp2_cid own = random_id();
    if (first == nullptr) {
      const ngtcp2_cid other = random_id();
      must(ngtcp2_conn_client_new(&conn_, &other, &own, &path, NGTCP2_PROTO_VER_V1, &calls,
                                  &settings, &params, nullptr, this),
           "connection");
    } else {
      params.original_dcid = first->dcid;
      must(ngtcp2_conn_server_new(&conn_, &first->scid, &own, &path, first->version, &calls,
                                  &settings, &params, nullptr, this),
           "connection");
    }
  }

  static ngtcp2_callbacks callbacks() {
    ngtcp2_callbacks calls{};
    calls.client_initial = ngtcp2_crypto_client_initial_cb;
    calls.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    calls.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
    calls.recv_retry = ngtcp2_crypto_recv_retry_cb;
    calls.encrypt = ngtcp2_crypto_encrypt_cb;
    calls.decrypt = ngtcp2_crypto_decrypt_cb;
    calls.hp_mask = ngtcp2_crypto_hp_mask_cb;
    calls.update_key = ngtcp2_crypto_update_key_cb;
    calls.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    calls.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    calls.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
    calls.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    calls.rand = [](std::uint8_t* into, std::size_t size, const ngtcp2_rand_ctx*) {
      gnutls_rnd(GNUTLS_RND_RANDOM, into, size);
    };
    calls.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, std::uint8_t* token,
                                     std::size_t size, void*) {
      id->datalen = size;
      gnutls_rnd(GNUTLS_RND_RANDOM, id->data, size);
      gnutls_rnd(GNUTLS_RND_RANDOM, token, NGTCP2_STATELESS_RESET_TOKENLEN);
      return 0;
    };
    calls.handshake_completed = [](ngtcp2_conn*, void* user) {
      of(user).established_at_ = now();
      return 0;
    };
    calls.recv_stream_data = [](ngtcp2_conn*, std::uint32_t flags, std::int64_t id, std::uint64_t,
                                const std::uint8_t* data, std::size_t size, void* user, void*) {
      return of(user).on_data(id, {data, size}, (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
    };
    return calls;
  }

  int on_data(std::int64_t id, std::basic_string_view<std::uint8_t> data, bool last) {
    ngtcp2_conn_extend_max_stream_offset(conn_, id, data.size());
    ngtcp2_conn_extend_max_offset(conn_, data.size());
    if (server_) {
      for (std::size_t i = 0; i < data.size() && received_ + i < head_bytes; ++i)
        wanted_ = wanted_ << 8 | data[i];
    }
    received_ += data.size();
    ended_ |= last;
    if (server_ && last) {
      stream_ = id;
      to_send_ = wanted_;
    }
    return 0;
  }

  /// 0 if nothing may go out.
  std::size_t write_packet(std::size_t at) {
    if (!server_ && stream_ < 0 && established())
      must(ngtcp2_conn_open_bidi_stream(conn_, &stream_, nullptr), "stream");
    const bool wants = stream_ >= 0 && !sent_end_;
    const std::uint64_t left = to_send_ - sent_;
    ngtcp2_vec part{zeros_.data(), std::min<std::size_t>(left, zeros_.size())};
    if (!server_ && sent_ < head_bytes) part = {head_.data() + sent_, head_bytes - sent_};
    const bool last = part.len == left;
    const std::uint32_t flags = wants && last ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0;
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_pkt_info info{};
    ngtcp2_ssize taken = -1;
    auto* into = reinterpret_cast<std::uint8_t*>(out_.data()) + at;
    const auto room = ngtcp2_conn_get_max_tx_udp_payload_size(conn_);
    ngtcp2_ssize size =
        ngtcp2_conn_writev_stream(conn_, &path.path, &info, into, room, &taken, flags,
                                  wants ? stream_ : -1, &part, wants ? 1 : 0, now());
    if (size == NGTCP2_ERR_STREAM_DATA_BLOCKED)
      size = ngtcp2_conn_writev_stream(conn_, &path.path, &info, into, room, nullptr, 0, -1,
                                       nullptr, 0, now());
    if (wants && taken >= 0) {
      sent_ += static_cast<std::uint64_t>(taken);
      sent_end_ = last && static_cast<std::size_t>(taken) == part.len;
    }
    if (size < 0) over_ = true;
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }

  Socket& socket_;
  sockaddr_in remote_;
  bool server_;
  gnutls_session_t tls_ = nullptr;
  ngtcp2_crypto_conn_ref reference_{};
  ngtcp2_conn* conn_ = nullptr;
  std::vector<std::uint8_t> zeros_;
  std::array<std::uint8_t, head_bytes> head_{};
  std::vector<char> out_ = std::vector<char>(datagrams_bytes_max);
  std::int64_t stream_ = -1;
  std::uint64_t wanted_ = 0;
  std::uint64_t to_send_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  ngtcp2_tstamp established_at_ = 0;
  bool sent_end_ = false;
  bool ended_ = false;
  bool over_ = false;
};

sockaddr_in address_of(const char* ip, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
  if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) fail(ip, "no address");
  return address;
}

int serve(const char* ip) {
  const Credentials credentials;
  Socket socket(address_of(ip, "0"));
  std::printf("%u\n", ntohs(socket.local().sin_port));
  std::fflush(stdout);
  for (;;) {
    socket.wait(now() + NGTCP2_SECONDS);
    sockaddr_in from{};
    std::size_t each = 0;
    const std::string_view first = socket.receive(from, each);
    ngtcp2_pkt_hd header{};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(first.data());
    if (first.empty() || ngtcp2_accept(&header, bytes, first.size()) != 0) continue;
    Session session(socket, credentials.get(), from, &header);
    session.read(first.substr(0, each));
    session.write();
    while (!session.over())
      session.step();
  }
}

int ask(bool up, const char* ip, const char* port, std::uint64_t size) {
  const Credentials credentials;
  const sockaddr_in remote = address_of(ip, port);
  Socket any(address_of("0.0.0.0", "0"));
  any.local().sin_addr = remote.sin_addr;
  Session session(any, credentials.get(), remote, nullptr);
  session.ask(up ? size : 0, up ? 0 : size);
  session.write();
  while (!session.answered() && !session.over())
    session.step();
  const ngtcp2_tstamp took = now() - session.established_at();
  if (!session.answered() || session.received() != (up ? 0 : size))
    fail("the connection", "ended early");
  session.goodbye();
  std::printf("%.6f\n", static_cast<double>(took) / NGTCP2_SECONDS);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc > 1 ? argv[1] : "";
  if (way == "serve" && argc == 3) return serve(argv[2]);
  if ((way == "up" || way == "down") && argc == 5)
    return ask(way == "up", argv[2], argv[3], std::strtoull(argv[4], nullptr, 10));
  std::fputs("usage: raw_quic serve IP\n       raw_quic up|down IP PORT BYTES\n", stderr);
  return 2;
}
