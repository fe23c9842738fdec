// ConnectionGater: the operator's and other modules' say about whom we connect to. Each question
// comes as early as it can be asked; a no ends the attempt with Errc::refused. Called on the loop;
// must not block.
#pragma once

#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/connection.hpp>

namespace kith::net {

class ConnectionGater {
 public:
  virtual ~ConnectionGater() = default;
  virtual bool allow_dial_peer(const multiformats::PeerId&) { return true; }
  virtual bool allow_dial_address(const multiformats::PeerId&, const multiformats::Multiaddr&) {
    return true;
  }
  /// Before any byte of the inbound connection is read.
  virtual bool allow_accept(const multiformats::Multiaddr&) { return true; }
  /// Once the peer has proven who it is.
  virtual bool allow_peer(const multiformats::PeerId&, Direction, const multiformats::Multiaddr&) {
    return true;
  }
};

}  // namespace kith::net
