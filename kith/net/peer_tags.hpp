// PeerTags: what connected peers are worth to the parts of a node, for the choice of whom to part
// with. Pure; the caller says what time it is.
//
// A tag is a name and a value; a peer's weight is the sum of its tags' values (go-libp2p's
// connection manager has the same). A value may be negative, and may halve again and again, so that
// having been useful long ago counts for less than being useful now. Tags belong to connected
// peers: who taps the swarm's events sets them anew, and so the table needs no limit of its own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include <kith/base/time.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::net {

class PeerTags {
 public:
  /// Sets the tag in place of what it was.
  void set(const multiformats::PeerId& peer, std::string_view tag, std::int32_t value, Instant now,
           Duration half_life = Duration::max()) {
    peers_[peer].insert_or_assign(std::string(tag), Tag{value, now, half_life});
  }

  void remove(const multiformats::PeerId& peer, std::string_view tag) {
    auto tags = peers_.find(peer);
    if (tags == peers_.end()) return;
    if (auto found = tags->second.find(tag); found != tags->second.end()) tags->second.erase(found);
    if (tags->second.empty()) peers_.erase(tags);
  }

  void forget(const multiformats::PeerId& peer) { peers_.erase(peer); }

  std::int64_t weight(const multiformats::PeerId& peer, Instant now) const {
    auto tags = peers_.find(peer);
    std::int64_t sum = 0;
    if (tags == peers_.end()) return sum;
    for (const auto& [name, tag] : tags->second)
      sum += tag.worth(now);
    return sum;
  }

  std::size_t size() const noexcept { return peers_.size(); }

 private:
  struct Tag {
    std::int32_t value;
    Instant since;
    Duration half_life;
    std::int64_t worth(Instant now) const noexcept {
      const auto halvings = (now - since) / half_life;
      return halvings < 31 ? value / (std::int64_t{1} << halvings) : 0;
    }
  };

  std::unordered_map<multiformats::PeerId, std::map<std::string, Tag, std::less<>>> peers_;
};

}  // namespace kith::net
