// DialBackoff: which addresses of which peers failed lately and are left alone for a while. Pure
// and bounded; the caller says what time it is.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {

class DialBackoff {
 public:
  bool allows(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
              Instant now) const {
    auto found = failures_.find({peer, address.to_string()});
    return found == failures_.end() || found->second.until <= now;
  }

  void failed(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
              Instant now) {
    if (failures_.size() >= dial_backoff_entries_max) drop_expired(now);
    if (failures_.size() >= dial_backoff_entries_max) failures_.erase(failures_.begin());
    Failures& entry = failures_[{peer, address.to_string()}];
    Duration wait = dial_backoff_base + dial_backoff_step * (entry.count * entry.count);
    entry.until = now + std::min(wait, dial_backoff_max);
    if (entry.count < 100) ++entry.count;
  }

  /// A success or a wish of the user's forgets the peer's failures.
  void clear(const multiformats::PeerId& peer) {
    auto first = failures_.lower_bound({peer, ""});
    while (first != failures_.end() && first->first.first == peer)
      first = failures_.erase(first);
  }

  std::size_t size() const noexcept { return failures_.size(); }

 private:
  struct Failures {
    int count = 0;
    Instant until{};
  };

  void drop_expired(Instant now) {
    std::erase_if(failures_, [now](const auto& entry) { return entry.second.until <= now; });
  }

  std::map<std::pair<multiformats::PeerId, std::string>, Failures> failures_;
};

}  // namespace kith::net
