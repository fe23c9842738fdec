// Server: what a node answers to requests of the DHT. A pure function of its tables: a request in,
// an answer out.
//
// Answers have at most message_own_bytes_max: closer peers come first, with their addresses, then
// as many providers as there is room for. Told are peers of our table with an address that whoever
// asks can use, never whoever asks; of a find_node also the peer that is looked for, if we know an
// address of it, server or not (ipfs/specs kad-dht.md). A provider record is taken of the sender
// alone, and nothing is answered to it. What makes no sense gets no answer, and its stream is
// reset.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/message.hpp>
#include <kith/dht/provider_records.hpp>
#include <kith/dht/routing_table.hpp>
#include <kith/dht/value_records.hpp>

namespace kith::dht {

/// What a server answers from. All of it outlives the server.
struct ServerParts {
  const PeerId& self;
  const RoutingTable& table;
  ProviderRecords& providers;
  ValueRecords& values;
  Prng& prng;
  /// The addresses of a peer that others can use, our own for ourselves.
  std::function<std::vector<multiformats::Multiaddr>(const PeerId&)> addresses;
  /// Those of an address list that others can use.
  std::function<std::vector<multiformats::Multiaddr>(std::vector<multiformats::Multiaddr>)> usable;
};

class Server {
 public:
  explicit Server(ServerParts parts) : parts_(std::move(parts)) {}

  /// The request makes no sense: reset the stream.
  struct Refused {};
  /// The answer, nothing if there is none to give. `group` is that of the address at which the
  /// sender is.
  std::expected<std::optional<Message>, Refused> answer(const PeerId& from,
                                                        std::optional<IpGroup> group,
                                                        const Message& request, WallTime now);

 private:
  std::expected<Message, Refused> find_node(const PeerId& from, const Message& request) const;
  std::expected<Message, Refused> get_value(const PeerId& from, const Message& request,
                                            WallTime now) const;
  std::expected<Message, Refused> put_value(const Message& request, WallTime now);
  std::expected<Message, Refused> get_providers(const PeerId& from, const Message& request,
                                                WallTime now) const;
  bool add_provider(const PeerId& from, std::optional<IpGroup> group, const Message& request,
                    WallTime now);
  void add_closer(const PeerId& from, const Message& request, Message& answer,
                  std::size_t& room) const;

  ServerParts parts_;
};

/// The peer with as many of the addresses as are told of one peer.
Peer told(const PeerId& peer, std::vector<multiformats::Multiaddr> addresses);

/// A time as RFC 3339 writes it, in seconds of UTC.
std::string time_text(WallTime time);

}  // namespace kith::dht
