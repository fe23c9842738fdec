// MessageRoom: memory for messages that are coming in, of each peer and of all. Who sends most of a
// message and then waits, on as many streams as it may open, fills its own room and no more.
// Pure; every Hold must have gone before it dies.
#pragma once

#include <cstdint>
#include <unordered_map>

#include <kith/multiformats/peer_id.hpp>

namespace kith::exchange {

class MessageRoom {
 public:
  MessageRoom(std::uint64_t all_max, std::uint64_t per_peer_max) noexcept
      : all_max_(all_max), per_peer_max_(per_peer_max) {}
  MessageRoom(const MessageRoom&) = delete;
  MessageRoom& operator=(const MessageRoom&) = delete;

  /// What one stream of a peer holds: nothing at first. Given back when it dies.
  class Hold {
   public:
    Hold(MessageRoom& room, const multiformats::PeerId& peer) noexcept : room_(room), peer_(peer) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { static_cast<void>(resize(0)); }

    /// Holds so many bytes from now on; false, and nothing changes, if there is no room.
    bool resize(std::uint64_t bytes);

   private:
    MessageRoom& room_;
    multiformats::PeerId peer_;
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t bytes() const noexcept { return all_; }

 private:
  std::uint64_t all_max_;
  std::uint64_t per_peer_max_;
  std::uint64_t all_ = 0;
  std::unordered_map<multiformats::PeerId, std::uint64_t> of_peer_;
};

}  // namespace kith::exchange
