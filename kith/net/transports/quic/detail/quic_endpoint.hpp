// QuicEndpoint: one UDP socket and the QUIC connections that use it. Two loops: one receives and
// hands datagrams to connections by id, one lets connections send in turn, a batch each.
//
//   a datagram for       is
//   a known id           its connection's, or kept for a stranger who isn't accepted yet
//   an ended one         answered with the goodbye of that connection, for quic_goodbye_time
//   none, Initial        a stranger, if we listen: accept() gives it; or a Retry, a refusal
//   none, other version  answered with the version that we speak
//   none, short          a stateless reset of one of our connections, or answered with one
//
// Each answer is shorter than what it answers. Ownership: transport, listener, strangers and
// connections share it; its loops end when nobody needs the socket any more, or by close(). Loop
// thread only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include <kith/net/transports/quic/detail/quic_connection.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/log.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net::detail {

class QuicEndpoint;

/// Somebody whose first packet has come.
struct QuicStranger {
  struct Early {
    Bytes bytes;
    port::Ecn ecn;
  };
  QuicInitial initial;
  port::Endpoint from;
  std::vector<Early> datagrams;
};

class QuicIncoming final : public Incoming {
 public:
  QuicIncoming(std::shared_ptr<QuicEndpoint> endpoint, QuicStranger stranger);
  ~QuicIncoming() override;
  const multiformats::Multiaddr& remote_address() const noexcept override { return remote_; }
  Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) override;

  /// One more datagram of it.
  void keep(ByteView datagram, port::Ecn ecn);

 private:
  std::shared_ptr<QuicEndpoint> endpoint_;
  std::unique_ptr<QuicHalfOpen> half_open_;  ///< null once it is upgraded
  QuicStranger stranger_;
  multiformats::Multiaddr remote_;
};

/// A datagram that belongs to no connection.
struct QuicReply {
  port::Endpoint to;
  Bytes datagram;
};

class QuicEndpoint final : public std::enable_shared_from_this<QuicEndpoint> {
 public:
  QuicEndpoint(port::Env& env, std::shared_ptr<const QuicTls> tls,
               std::unique_ptr<port::UdpSocket> socket);
  ~QuicEndpoint();
  QuicEndpoint(const QuicEndpoint&) = delete;
  QuicEndpoint& operator=(const QuicEndpoint&) = delete;

  /// Starts the loops. `keep`: goes on also while nobody uses it.
  void start(bool keep);
  void listen() noexcept;
  void stop_listening() noexcept;
  Task<std::unique_ptr<Incoming>> accept();
  void close() noexcept;
  Task<void> join_shielded() { return tasks_.join_shielded(); }
  /// Nothing goes on any more.
  bool finished() const noexcept { return closed_ && tasks_.size() == 0; }
  bool closed() const noexcept { return closed_; }
  bool listening() const noexcept { return listening_; }
  const port::Endpoint& local() const noexcept { return local_; }
  /// Whether what goes to `remote` can go out here.
  bool reaches(const port::Endpoint& remote) const noexcept;
  port::Env& env() noexcept { return env_; }
  const std::shared_ptr<const QuicTls>& tls() const noexcept { return tls_; }

  std::size_t half_open() const noexcept { return half_open_; }
  const std::deque<QuicReply>& replies() const noexcept { return replies_; }
  /// Sends what belongs to no connection, so that a NAT lets in what comes from there.
  void punch(const port::Endpoint& to, ByteView datagram) { reply(to, datagram); }
  /// A datagram that came: what the receiving loop does with each.
  void on_datagram(const port::Endpoint& from, ByteView datagram, port::Ecn ecn, Instant now);
  /// After those that came together.
  void settle(Instant now);

  // For connections and strangers.

  void enter(QuicConnection&) noexcept { ++users_; }
  void leave(QuicConnection& connection) noexcept;
  QuicId new_id(QuicResetToken& token);
  void route(const QuicId& id, QuicConnection& connection);
  void forget(const QuicId& id) noexcept;
  void learn_reset_token(const QuicResetToken& token, QuicConnection& connection);
  void forget_reset_token(const QuicResetToken& token) noexcept;
  void want_output(QuicConnection& connection);
  void say_goodbye(const Bytes& packet, const port::Endpoint& to, const std::set<QuicId>& ids);
  std::unique_ptr<QuicHalfOpen> enter_half_open();
  void enter(QuicIncoming& incoming, const QuicId& id);
  void leave(const QuicIncoming& incoming, const QuicId& id) noexcept;
  void refuse(const QuicStranger& stranger);

 private:
  /// Who gets what comes for an id: one of them.
  struct Route {
    QuicConnection* connection = nullptr;
    QuicIncoming* stranger = nullptr;
  };
  struct Goodbye {
    Bytes packet;
    Instant until;
  };
  struct Header;

  Task<void> receive_loop();
  Task<void> send_loop();
  void close_if_unused() noexcept;
  void on_unknown(const port::Endpoint& from, ByteView datagram, const Header& header,
                  port::Ecn ecn, Instant now);
  void on_stranger(const port::Endpoint& from, ByteView datagram, port::Ecn ecn, Instant now);
  void on_short(const port::Endpoint& from, ByteView datagram, const QuicId& id, Instant now);
  void negotiate_version(const port::Endpoint& from, const Header& header);
  void send_retry(const port::Endpoint& from, const QuicInitial& initial, Instant now);
  void send_close(const port::Endpoint& to, const QuicInitial& initial, std::uint64_t code);
  void send_reset(const port::Endpoint& from, std::size_t size_max, const QuicId& id, Instant now);
  void reply(const port::Endpoint& to, ByteView datagram);
  void forget_goodbyes(Instant now) noexcept;

  port::Env& env_;
  std::shared_ptr<const QuicTls> tls_;
  std::unique_ptr<port::UdpSocket> socket_;
  port::Endpoint local_;
  port::Logger log_;
  bool listening_ = false;
  std::uint64_t listened_ = 0;  ///< times that it began to listen
  bool closed_ = false;
  bool keep_ = false;
  std::size_t users_ = 0;  ///< connections and strangers
  std::size_t half_open_ = 0;
  crypto::HkdfKey reset_secret_;
  std::array<std::uint8_t, 32> retry_secret_;

  std::map<QuicId, Route> routes_;
  std::map<QuicResetToken, QuicConnection*> reset_tokens_;
  std::map<QuicId, std::shared_ptr<const Goodbye>> goodbyes_;
  std::deque<std::pair<QuicId, Instant>> goodbyes_by_age_;
  std::deque<std::unique_ptr<Incoming>> strangers_;
  std::deque<QuicReply> replies_;
  std::deque<QuicConnection*> senders_;
  std::vector<QuicConnection*> receivers_;
  QuicConnection* sending_ = nullptr;  ///< whose datagrams are on their way to the system
  Instant resets_since_{};
  std::size_t resets_ = 0;  ///< since then

  port::Event output_;
  port::Event acceptable_;
  port::TaskGroup tasks_;
};

}  // namespace kith::net::detail
