// Net: the network as a node sees it. TCP, UDP with batches and multicast, names, interfaces. Loop
// thread only.
// Closing an object ends what waits on it with Errc::closed; a socket's failures are errno errors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <kith/port/ip.hpp>
#include <kith/port/stream.hpp>
#include <kith/port/task.hpp>

namespace kith::port {

class TcpStream : public Stream {
 public:
  virtual Endpoint local_endpoint() const noexcept = 0;
  virtual Endpoint remote_endpoint() const noexcept = 0;
};

class TcpListener {
 public:
  virtual ~TcpListener() = default;
  /// The next connection. Running out of descriptors is waited out inside. Errc::closed after
  /// close().
  virtual Task<std::unique_ptr<TcpStream>> accept() = 0;
  /// With the port that was chosen.
  virtual Endpoint local_endpoint() const noexcept = 0;
  virtual void close() noexcept = 0;
};

struct TcpListenOptions {
  /// SO_REUSEPORT, so that connections can be dialed from the listening port. Two listeners never
  /// share one.
  bool reuse_port = false;
  int backlog = 1024;
};

struct TcpDialOptions {
  /// Dial from this address and port, sharing the port with a listener; falls back to any port if
  /// it is taken.
  std::optional<Endpoint> local;
};

struct UdpOptions {
  /// SO_REUSEADDR and SO_REUSEPORT: multicast DNS shares its port with the system's.
  bool reuse = false;
  /// Datagrams of one sender may come in one piece of memory (UDP_GRO). Only receive_batch() may be
  /// asked for them then.
  bool coalesce = false;
};

/// How much the network has to do, as the IP header says it (RFC 3168 section 5).
enum class Ecn : std::uint8_t { not_capable = 0, capable_1 = 1, capable_0 = 2, congested = 3 };

/// Datagrams to one place: `bytes`, cut into pieces of `segment_bytes` of which the last may be
/// shorter (UDP_SEGMENT), or whole if that is 0. At most udp_segments_max pieces and
/// udp_coalesced_bytes_max bytes.
struct OutgoingDatagrams {
  Endpoint to;
  ByteView bytes;
  std::size_t segment_bytes = 0;
  Ecn ecn = Ecn::not_capable;
  std::optional<int> hops{};  ///< how many routers may pass it on, plus one (TTL)
};

/// Room for datagrams, and then those: as they are cut above. What is longer than `into` is cut
/// off.
struct IncomingDatagrams {
  MutableBytes into;
  Endpoint from{};
  std::size_t size = 0;
  std::size_t segment_bytes = 0;
  Ecn ecn = Ecn::not_capable;
};
inline constexpr std::size_t udp_segments_max = 64;
/// With room for less in `into`, datagrams that came together are lost.
inline constexpr std::size_t udp_coalesced_bytes_max = 65'507;
/// So many entries of a batch go to the system at a time.
inline constexpr std::size_t udp_batch_max = 64;

class UdpSocket {
 public:
  struct Received {
    Endpoint from;
    std::size_t size;
  };
  virtual ~UdpSocket() = default;
  /// One datagram into `into`; longer ones are cut.
  virtual Task<Received> receive(MutableBytes into, Instant deadline = never) = 0;
  virtual Task<void> send(Endpoint to, ByteView datagram) = 0;
  /// Waits until something is there, and takes what has come, up to the batch's size (of which
  /// udp_batch_max counts). How many entries it filled, the first ones.
  virtual Task<std::size_t> receive_batch(std::span<IncomingDatagrams> batch,
                                          Instant deadline = never) = 0;
  /// All of them in order, waiting while the system has no room; one that is too large for the
  /// device is lost. At the first that can't be sent for another reason it ends with that one's
  /// error.
  virtual Task<void> send_batch(std::span<const OutgoingDatagrams> batch) = 0;
  /// Joins on the interface with this index (0: the system's choice).
  virtual Result<void> join_multicast(const IpAddress& group, std::uint32_t interface_index) = 0;
  /// Sends multicast through the interface with this index, `ttl` hops far; own datagrams come
  /// back.
  virtual Result<void> set_multicast(std::uint32_t interface_index, int ttl) = 0;
  virtual Endpoint local_endpoint() const noexcept = 0;
  virtual void close() noexcept = 0;
};

struct InterfaceAddress {
  std::string interface_name;
  std::uint32_t interface_index = 0;
  IpAddress address;
  bool up = false;
  bool loopback = false;
  bool multicast = false;
  /// Leading bits that all addresses of its subnet share; 0 if unknown.
  int prefix_bits = 0;
};

class InterfaceWatch {
 public:
  virtual ~InterfaceWatch() = default;
  /// Returns when an interface or an address has come, gone or changed since it returned last, or
  /// since the watch is there. It may return without reason.
  virtual Task<void> changed(Instant deadline = never) = 0;
};

class Net {
 public:
  virtual ~Net() = default;

  virtual Task<std::unique_ptr<TcpStream>> dial_tcp(Endpoint remote, TcpDialOptions options,
                                                    Instant deadline) = 0;
  /// Port 0 chooses one. IPv6 listeners are IPv6 only. EADDRINUSE if somebody listens there.
  virtual Result<std::unique_ptr<TcpListener>> listen_tcp(Endpoint local,
                                                          TcpListenOptions options) = 0;
  virtual Result<std::unique_ptr<UdpSocket>> bind_udp(Endpoint local, UdpOptions options) = 0;

  /// A and AAAA records (or one of them). Errc::not_found if the name has none.
  virtual Task<std::vector<IpAddress>> resolve(std::string name, std::optional<IpFamily> family,
                                               Instant deadline) = 0;
  /// TXT records, each with its character-strings joined. At most 64 records of 1,024 bytes.
  virtual Task<std::vector<std::string>> resolve_txt(std::string name, Instant deadline) = 0;

  virtual Result<std::vector<InterfaceAddress>> interfaces() = 0;
  /// errno errors where the system doesn't let us: then interfaces() is to be asked now and then.
  /// The watch must not outlive the Net.
  virtual Result<std::unique_ptr<InterfaceWatch>> watch_interfaces() = 0;

  /// How many files and sockets the process may have open.
  virtual std::uint64_t descriptors_max() const noexcept = 0;
};

}  // namespace kith::port
