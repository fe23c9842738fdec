// MessageCache: messages of the last heartbeats, for those who hear of them by gossip and ask
// (gossipsub-v1.0.md, "Message Cache"). Bounded in number and bytes: with too many, the oldest go
// before their time. Pure.
#pragma once

#include <deque>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <kith/pubsub/id_hash.hpp>
#include <kith/pubsub/limits.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

class MessageCache {
 public:
  /// Keeps messages for `length` heartbeats, and tells of those of the last `gossip`.
  MessageCache(std::size_t length, std::size_t gossip, IdHash hash)
      : length_(length), gossip_(gossip), messages_(0, hash), windows_(1) {}

  void put(const MessageId& id, MessagePtr message);

  struct Asked {
    MessagePtr message;     ///< nothing if it isn't here
    std::size_t times = 0;  ///< that this peer has asked for it, now included
  };
  /// For a peer that asks.
  Asked get(const MessageId& id, const PeerId& peer);

  /// What peers are told of, by topic; the names are the messages'.
  std::map<std::string_view, std::vector<MessageId>> gossip() const;

  /// A heartbeat is over.
  void shift();

  std::size_t size() const noexcept { return messages_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    MessagePtr message;
    std::map<PeerId, std::size_t> asked{};
  };

  struct Kept {
    MessageId id;
    MessagePtr message;
  };

  void drop(const Kept& kept);
  void drop_oldest();

  std::size_t length_;
  std::size_t gossip_;
  std::size_t bytes_ = 0;
  std::unordered_map<MessageId, Entry, IdHash> messages_;
  /// Of each heartbeat, the newest first.
  std::deque<std::deque<Kept>> windows_;
};

}  // namespace kith::pubsub
