// AuthorNumbers: which sequence numbers of an author are too old to be new, so that what is sent
// again after the seen cache has forgotten it isn't passed on for ever.
//
// Kubo ignores whatever isn't above the highest number heard of, and so loses what overtakes
// something on its way. Here a number has to be above the highest that was heard of at least half
// the seen cache's time ago: what is newer is the cache's to know. Whoever was heard of longest ago
// is forgotten if there are too many. Pure.
//
//   encoded   { peer id's size, one byte; peer id; number, eight bytes, big-endian }*
#pragma once

#include <list>
#include <map>
#include <optional>

#include <kith/base/time.hpp>
#include <kith/pubsub/limits.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

class AuthorNumbers {
 public:
  explicit AuthorNumbers(Duration seen_ttl, std::size_t authors = authors_max) noexcept
      : half_(seen_ttl / 2), authors_max_(authors) {}

  /// Whether the number may be new; notes it if so. Numbers of 0 never are, as in go.
  bool accept(const PeerId& author, std::uint64_t number, Instant now);

  /// Forgets one author, or all; returns how many that were.
  std::size_t forget(const std::optional<PeerId>& author);

  std::size_t size() const noexcept { return authors_.size(); }

  Bytes encode() const;
  /// Adds what is there and can be read.
  void decode(ByteView encoded, Instant now);

 private:
  struct Author {
    std::uint64_t low = 0;   ///< too old, and all below
    std::uint64_t past = 0;  ///< the highest as of `since`
    std::uint64_t high = 0;
    Instant since;
    std::list<PeerId>::iterator place;
  };
  Author& author_entry(const PeerId& author, Instant now);

  Duration half_;
  std::size_t authors_max_;
  std::map<PeerId, Author> authors_;
  /// Who was heard of longest ago first.
  std::list<PeerId> order_;
};

}  // namespace kith::pubsub
