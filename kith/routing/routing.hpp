// Routing: finding who has what, and who is where, without knowing how that is done. The DHT
// implements it; what transfers and commands are written against is this.
//
//   ContentRouting  which peers have a piece of content, told by themselves
//   PeerRouting     at which addresses a peer is, and which peers are near a key
//   ValueStore      small signed values under a key ("/pk/...", "/ipns/..."), see validator.hpp
//
// Content is named by its multihash: the same bytes under two CIDs are one thing to look for.
// Every call ends at its deadline at the latest; what was found until then is kept. An object
// outlives the calls on it. Loop thread only.
#pragma once

#include <functional>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/multihash.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/port/task.hpp>

namespace kith::routing {

enum class RoutingError {
  no_peers = 1,  ///< nobody is known who could be asked
  not_found,     ///< who was asked knows nothing
  none_took_it,  ///< no peer took the record
  unknown_kind,  ///< no validator for the key's namespace
  bad_key,       ///< no key of its namespace
  bad_value,     ///< the value isn't one for its key
  too_long,      ///< a key or value past the limits of limits.hpp
  older_value,   ///< a better value is known
};
const ErrorDomain& error_domain(RoutingError) noexcept;

struct PeerAddresses {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;

  friend bool operator==(const PeerAddresses&, const PeerAddresses&) = default;
};

/// Told of each provider as it is found, each once, and once more if its addresses came later;
/// false ends the search. Called on the loop, inside the search: must not end the router.
using OnProvider = std::function<bool(const PeerAddresses& provider)>;

class ContentRouting {
 public:
  virtual ~ContentRouting() = default;

  /// Tells the network that this node has the content, and goes on telling it for as long as the
  /// node runs. Returns once it was told a first time: no_peers, none_took_it, Errc::timed_out.
  virtual Task<void> provide(multiformats::Multihash content, Instant deadline) = 0;
  /// Looks until `on_provider` has enough or nobody is left to ask. That nobody has it is no
  /// error; no_peers, Errc::timed_out (also if some were found).
  virtual Task<void> find_providers(multiformats::Multihash content, OnProvider on_provider,
                                    Instant deadline) = 0;
};

class PeerRouting {
 public:
  virtual ~PeerRouting() = default;

  /// Where the peer is. not_found, no_peers, Errc::timed_out.
  virtual Task<PeerAddresses> find_peer(multiformats::PeerId peer, Instant deadline) = 0;
  /// The peers nearest to a key (any bytes, not a hash), the nearest first.
  virtual Task<std::vector<PeerAddresses>> closest_peers(Bytes key, Instant deadline) = 0;
};

class ValueStore {
 public:
  virtual ~ValueStore() = default;

  /// Stores a value with the peers nearest to its key. Errors of Validators::check, older_value,
  /// no_peers, none_took_it, Errc::timed_out.
  virtual Task<void> put_value(Bytes key, Bytes value, Instant deadline) = 0;
  /// The best value that was found until the deadline. not_found, no_peers, unknown_kind, bad_key.
  virtual Task<Bytes> get_value(Bytes key, Instant deadline) = 0;
};

/// All three.
class Routing : public ContentRouting, public PeerRouting, public ValueStore {};

}  // namespace kith::routing
