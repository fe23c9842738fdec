#include <algorithm>
#include <cerrno>
#include <deque>

#include <kith/base/assert.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp_ports.hpp>
#include <kith/port/event.hpp>
#include <kith/port/prefixed_stream.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::Protocol;

namespace {

constexpr std::uint8_t multistream_first = 0x13;
constexpr std::uint8_t tls_first = 0x16;
/// Of the read that looks at a guest's first byte; what it brings more isn't read again.
constexpr std::size_t first_read_bytes = 1024;

}  // namespace

std::optional<GuestKind> guest_kind(std::uint8_t first_byte) noexcept {
  if (first_byte == multistream_first) return GuestKind::multistream;
  if (first_byte == tls_first) return GuestKind::tls;
  if (first_byte >= 'A' && first_byte <= 'Z') return GuestKind::http;
  return std::nullopt;
}

/// A socket, and who takes what comes at it.
struct TcpPorts::Port {
  Port(port::Env& its_env, const port::Endpoint& its_asked,
       std::unique_ptr<port::TcpListener> its_socket)
      : env(its_env), asked(its_asked), socket(std::move(its_socket)), changed(env.clock) {}

  /// The one kind that there is; nothing if there are more.
  std::optional<GuestKind> only_kind() const noexcept {
    std::optional<GuestKind> found;
    for (std::size_t i = 0; i < guest_kinds; ++i) {
      if (!upgrades[i]) continue;
      if (found) return std::nullopt;
      found = static_cast<GuestKind>(i);
    }
    return found;
  }
  bool has_guests() const noexcept {
    return std::ranges::any_of(upgrades, [](const auto& one) { return one != nullptr; });
  }
  GuestUpgrade& upgrade_of(GuestKind kind) noexcept {
    return upgrades[static_cast<std::size_t>(kind)];
  }

  port::Env& env;
  port::Endpoint asked;  ///< the port may be 0
  std::unique_ptr<port::TcpListener> socket;
  std::array<GuestUpgrade, guest_kinds> upgrades;
  /// Some listener waits for the socket, in place of all of them.
  bool accepting = false;
  /// What came to a listener that had been closed meanwhile.
  std::deque<std::unique_ptr<port::TcpStream>> left_over;
  port::Event changed;
};

class TcpPorts::TcpIncoming final : public Incoming {
 public:
  TcpIncoming(std::shared_ptr<Port> at, std::unique_ptr<port::TcpStream> stream)
      : port_(std::move(at)),
        stream_(std::move(stream)),
        remote_(ip_address(stream_->remote_endpoint(), Protocol::tcp)) {}
  ~TcpIncoming() override {
    if (stream_) stream_->reset();
  }

  const Multiaddr& remote_address() const noexcept override { return remote_; }

  Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) override {
    std::optional<GuestKind> kind = port_->only_kind();
    Buffer first;
    if (!kind) {
      KITH_CO_TRY(first, co_await stream_->read_buffer(first_read_bytes, terms.deadline));
      if (first.empty()) co_return std::unexpected(Errc::end_of_stream);
      kind = guest_kind(first.data()[0]);
      if (!kind) co_return std::unexpected(Errc::unsupported);
    }
    GuestUpgrade upgrade = port_->upgrade_of(*kind);
    if (!upgrade) co_return std::unexpected(Errc::unsupported);
    TcpGuest guest{.stream = nullptr,
                   .local = stream_->local_endpoint(),
                   .remote = stream_->remote_endpoint()};
    guest.stream = port::with_prefix(std::move(stream_), std::move(first));
    co_return co_await upgrade(std::move(guest), terms);
  }

 private:
  std::shared_ptr<Port> port_;
  std::unique_ptr<port::TcpStream> stream_;
  Multiaddr remote_;
};

/// One kind's listener at a port. Whoever accepts first waits for the socket; what comes there is
/// any kind's, and goes the same way whichever listener gives it out.
class TcpPorts::Door final : public Listener {
 public:
  Door(std::shared_ptr<Port> at, GuestKind kind, Multiaddr address)
      : port_(std::move(at)), kind_(kind), address_(std::move(address)) {}
  ~Door() override { leave(); }

  Task<std::unique_ptr<Incoming>> accept() override {
    Port& at = *port_;
    while (!closed_) {
      if (!at.left_over.empty()) {
        std::unique_ptr<port::TcpStream> stream = std::move(at.left_over.front());
        at.left_over.pop_front();
        co_return std::make_unique<TcpIncoming>(port_, std::move(stream));
      }
      if (at.accepting) {
        KITH_CO_CHECK(co_await at.changed.wait());
        continue;
      }
      at.accepting = true;
      auto accepted = co_await at.socket->accept();
      at.accepting = false;
      at.changed.notify_all();
      if (!accepted) co_return std::unexpected(accepted.error());
      if (!closed_) co_return std::make_unique<TcpIncoming>(port_, *std::move(accepted));
      at.left_over.push_back(*std::move(accepted));
    }
    co_return std::unexpected(Errc::closed);
  }

  std::vector<Multiaddr> addresses() const override { return {address_}; }
  void close() noexcept override { leave(); }

 private:
  void leave() noexcept {
    if (std::exchange(closed_, true)) return;
    port_->upgrade_of(kind_) = nullptr;
    if (!port_->has_guests()) port_->socket->close();
    port_->changed.notify_all();
  }

  std::shared_ptr<Port> port_;
  GuestKind kind_;
  Multiaddr address_;
  bool closed_ = false;
};

TcpPorts::~TcpPorts() = default;

Result<std::unique_ptr<Listener>> TcpPorts::listen(const port::Endpoint& local, GuestKind kind,
                                                   Multiaddr behind_port, GuestUpgrade upgrade) {
  std::erase_if(ports_, [](const auto& one) {
    const std::shared_ptr<Port> at = one.lock();
    return !at || !at->has_guests();
  });
  std::shared_ptr<Port> found;
  for (const auto& one : ports_) {
    std::shared_ptr<Port> at = one.lock();
    if (at->asked != local && at->socket->local_endpoint() != local) continue;
    if (!at->upgrade_of(kind)) found = std::move(at);
  }
  if (!found) {
    port::TcpListenOptions options;
    options.reuse_port = true;
    auto socket = env_.net.listen_tcp(local, options);
    if (!socket && socket.error().is_errno(EADDRINUSE)) {
      return std::unexpected(SwarmError::address_in_use);
    }
    if (!socket) return std::unexpected(socket.error());
    found = std::make_shared<Port>(env_, local, *std::move(socket));
    ports_.push_back(found);
  }
  const Multiaddr at = ip_address(found->socket->local_endpoint(), Protocol::tcp);
  KITH_TRY(Multiaddr address, at.encapsulate(behind_port));
  found->upgrade_of(kind) = std::move(upgrade);
  return std::make_unique<Door>(std::move(found), kind, std::move(address));
}

std::vector<port::Endpoint> TcpPorts::endpoints(GuestKind kind) const {
  std::vector<port::Endpoint> all;
  for (const auto& one : ports_) {
    const std::shared_ptr<Port> at = one.lock();
    if (at && at->upgrade_of(kind)) all.push_back(at->socket->local_endpoint());
  }
  return all;
}

}  // namespace kith::net
