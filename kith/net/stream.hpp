// net::Stream: a stream to a known peer on which a protocol has been agreed. What protocol handlers
// get and what Swarm::open_stream gives. One task reads and one writes at a time: while a read
// waits another one gets Errc::busy, and likewise a write; the stream stays usable. Loop thread
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/resources.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

using ProtocolId = std::string;

/// One connection of a Swarm, for as long as the process lives; never used again.
enum class ConnectionId : std::uint64_t {};

class Stream final : public port::Stream {
 public:
  /// `grant`, if given, is its place in the limits, which it keeps while it lives.
  Stream(std::unique_ptr<port::Stream> inner, multiformats::PeerId peer, ProtocolId protocol,
         ConnectionId connection, std::unique_ptr<StreamGrant> grant = nullptr) noexcept
      : grant_(std::move(grant)),
        inner_(std::move(inner)),
        peer_(peer),
        protocol_(std::move(protocol)),
        connection_(connection) {}

  const multiformats::PeerId& remote_peer() const noexcept { return peer_; }
  const ProtocolId& protocol() const noexcept { return protocol_; }
  ConnectionId connection() const noexcept { return connection_; }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override {
    return inner_->read_some(into, deadline);
  }
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override {
    return inner_->read_buffer(size_max, deadline);
  }
  Task<void> write(ByteView bytes, Instant deadline = never) override {
    return inner_->write(bytes, deadline);
  }
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override {
    return inner_->write_all(pieces, deadline);
  }
  Task<void> close_write(Instant deadline = never) override {
    return inner_->close_write(deadline);
  }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::unique_ptr<StreamGrant> grant_;
  std::unique_ptr<port::Stream> inner_;
  multiformats::PeerId peer_;
  ProtocolId protocol_;
  ConnectionId connection_;
};

}  // namespace kith::net
