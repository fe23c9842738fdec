// DialBackoff: which addresses of which peers failed lately and are left alone for a while. Pure
// and bounded; the caller says what time it is.
//
// Each failure in a row leaves an address alone for longer. A row ends with a success, or when the
// address was left in peace for as long again as it had to be. When the table is full, the entry
// goes that would be tried again first.
#pragma once

#include <algorithm>
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
  explicit DialBackoff(std::size_t entries_max = dial_backoff_entries_max) noexcept
      : entries_max_(entries_max) {}

  bool allows(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
              Instant now) const {
    auto found = failures_.find({peer, address});
    return found == failures_.end() || found->second.until <= now;
  }

  void failed(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
              Instant now) {
    auto found = failures_.find({peer, address});
    if (found == failures_.end()) {
      if (failures_.size() >= entries_max_) make_room(now);
      found = failures_.try_emplace({peer, address}).first;
    }
    Failures& entry = found->second;
    if (entry.forgotten_at <= now) entry.before = 0;
    const Duration wait = std::min(
        dial_backoff_base + dial_backoff_step * (entry.before * entry.before), dial_backoff_max);
    // Beyond the longest wait there is nothing to count.
    if (wait < dial_backoff_max) ++entry.before;
    entry.until = now + wait;
    entry.forgotten_at = entry.until + wait;
  }

  /// A success or a wish of the user's forgets the peer's failures.
  void clear(const multiformats::PeerId& peer) {
    auto first = failures_.lower_bound({peer, multiformats::Multiaddr()});
    while (first != failures_.end() && first->first.first == peer)
      first = failures_.erase(first);
  }

  std::size_t size() const noexcept { return failures_.size(); }

 private:
  struct Failures {
    int before = 0;  ///< in this row, before the last one
    Instant until{};
    Instant forgotten_at{};
  };

  void make_room(Instant now) {
    std::erase_if(failures_, [now](const auto& entry) { return entry.second.forgotten_at <= now; });
    if (failures_.size() < entries_max_) return;
    failures_.erase(std::ranges::min_element(failures_, {},
                                             [](const auto& entry) { return entry.second.until; }));
  }

  std::size_t entries_max_;
  std::map<std::pair<multiformats::PeerId, multiformats::Multiaddr>, Failures> failures_;
};

}  // namespace kith::net
