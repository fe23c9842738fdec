// LostPeers: peers that were in the table and stopped answering, to be asked again later, each time
// after twice as long. When the network falls in two, each half loses the other from its tables;
// this is what brings them together again once they can be. Bounded: who has failed most often is
// forgotten first. Pure.
#pragma once

#include <map>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/dht/limits.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::dht {

class LostPeers {
 public:
  /// It doesn't answer (any more, or still).
  void lost(const multiformats::PeerId& peer, Instant now);
  /// It does.
  void found(const multiformats::PeerId& peer) { peers_.erase(peer); }

  /// Whose turn it is, at most `count`, who has waited longest first. What came of it is told
  /// afterwards.
  std::vector<multiformats::PeerId> due(Instant now, std::size_t count) const;
  std::size_t size() const noexcept { return peers_.size(); }

 private:
  struct Lost {
    int failures = 0;
    Instant again{};
  };
  std::map<multiformats::PeerId, Lost> peers_;
};

}  // namespace kith::dht
