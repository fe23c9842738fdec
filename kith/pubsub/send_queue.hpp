// SendQueue: what waits for one peer's stream, joined into RPCs as the stream takes them. Bounded:
// when the peer takes too little, IHAVEs are dropped first, then messages of others, the newest
// first, then our own. What is said of subscriptions and of the mesh is never dropped: of each
// topic only the last word counts, so that there is one for each of our topics at most. Pure.
//
// RPCs are kept to rpc_target_bytes, since rust reads no longer ones unless told; only a message
// that is longer than that makes a longer one. It goes beside what else there is, or a peer that
// there is always something to say to would never get it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

inline constexpr std::size_t rpc_target_bytes = 60 * 1024;

class SendQueue {
 public:
  /// `own`: its messages are ours.
  void push(Rpc rpc, bool own = false);

  /// What next() gave wasn't sent: what it says of subscriptions and the mesh waits again, unless
  /// there is a later word on it. The rest is lost.
  void put_back(Rpc rpc);
  /// Forgets all that waits.
  void clear() noexcept;

  bool empty() const noexcept;
  /// The next that should be sent; empty if the queue is.
  Rpc next();

  std::size_t messages() const noexcept { return messages_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }
  std::uint64_t dropped_messages() const noexcept { return dropped_messages_; }
  std::uint64_t dropped_gossip() const noexcept { return dropped_gossip_; }

 private:
  struct Graft {};
  struct Waiting {
    MessagePtr message;
    bool own;
  };
  class Packer;

  void push_message(MessagePtr message, bool own);
  void push_ids(std::deque<MessageId>& queue, std::vector<MessageId>& ids);
  void push_ihave(IHave ihave);
  bool has_room(std::size_t bytes) const noexcept;
  bool drop_newest_of_others();
  void take_message(Rpc& rpc);
  void take_control(Packer& packer, Rpc& rpc);
  static void take_ids(Packer& packer, std::deque<MessageId>& queue, std::vector<MessageId>& into);
  void take_ihaves(Packer& packer, Rpc& rpc);

  std::map<std::string, bool> subscriptions_;
  std::map<std::string, std::variant<Graft, Prune>> mesh_;
  std::deque<MessageId> idontwant_;
  std::deque<MessageId> iwant_;
  std::deque<IHave> ihave_;
  std::size_t ihave_ids_ = 0;
  std::deque<Waiting> messages_;
  /// The last RPC had no room for the first message.
  bool message_first_ = false;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_messages_ = 0;
  std::uint64_t dropped_gossip_ = 0;
};

}  // namespace kith::pubsub
