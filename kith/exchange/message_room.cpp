#include <kith/exchange/message_room.hpp>

namespace kith::exchange {

bool MessageRoom::Hold::resize(std::uint64_t bytes) {
  if (bytes == bytes_) return true;
  const auto found = room_.of_peer_.find(peer_);
  const std::uint64_t before = found == room_.of_peer_.end() ? 0 : found->second;
  const std::uint64_t all = room_.all_ - bytes_ + bytes;
  const std::uint64_t of_peer = before - bytes_ + bytes;
  if (bytes > bytes_ && (all > room_.all_max_ || of_peer > room_.per_peer_max_)) return false;
  room_.all_ = all;
  bytes_ = bytes;
  if (of_peer == 0) {
    room_.of_peer_.erase(peer_);
  } else {
    room_.of_peer_[peer_] = of_peer;
  }
  return true;
}

}  // namespace kith::exchange
