// What went through the connections: bytes by protocol and by peer, and what the streams that are
// open now speak.
//
// By protocol the payload of streams is counted, once their protocol is agreed on; by peer the
// bytes of connections on the wire. Neither table can be filled by peers: a protocol is one that
// this node handles or asks for (traffic_protocols_max of them are remembered), and of peers that
// are gone those that left last are (traffic_peers_max). Loop thread only.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include <kith/multiformats/peer_id.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/stream.hpp>

namespace kith::net {

struct Traffic {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;

  Traffic& operator+=(const Traffic& other) noexcept {
    received += other.received;
    sent += other.sent;
    return *this;
  }
};

struct ProtocolTraffic {
  ProtocolId protocol;
  Traffic traffic;
};

class StreamRecord;
/// Of the open streams of one connection, in the order in which they were opened.
using StreamRecords = std::list<const StreamRecord*>;

/// What the protocols of these streams are, sorted; empty where it isn't agreed on yet.
std::vector<ProtocolId> protocols_of(const StreamRecords& records);

/// One open stream; it is in the list while it lives, and keeps the list alive.
class StreamRecord {
 public:
  explicit StreamRecord(std::shared_ptr<StreamRecords> all)
      : all_(std::move(all)), place_(all_->insert(all_->end(), this)) {}
  StreamRecord(const StreamRecord&) = delete;
  StreamRecord& operator=(const StreamRecord&) = delete;
  ~StreamRecord() { all_->erase(place_); }

  void agreed(std::shared_ptr<ProtocolTraffic> protocol) noexcept {
    protocol_ = std::move(protocol);
  }
  ProtocolId protocol() const { return protocol_ ? protocol_->protocol : ProtocolId(); }
  /// Bytes, once the protocol is agreed on.
  void received(std::size_t bytes) noexcept { protocol_->traffic.received += bytes; }
  void sent(std::size_t bytes) noexcept { protocol_->traffic.sent += bytes; }

 private:
  std::shared_ptr<StreamRecords> all_;
  StreamRecords::iterator place_;
  std::shared_ptr<ProtocolTraffic> protocol_;
};

class TrafficLedger {
 public:
  explicit TrafficLedger(std::size_t protocols_kept = traffic_protocols_max,
                         std::size_t peers_kept = traffic_peers_max) noexcept
      : protocols_max_(protocols_kept), peers_max_(peers_kept) {}

  /// Where a protocol's streams count. Beyond the limit it is forgotten with the last of them.
  std::shared_ptr<ProtocolTraffic> of(const ProtocolId& protocol);
  Traffic total(const ProtocolId& protocol) const;

  /// One connection with the peer has ended.
  void ended(const multiformats::PeerId& peer, Traffic traffic);
  /// Of all that have, if the peer is remembered.
  Traffic total_ended(const multiformats::PeerId& peer) const;

 private:
  using Ended = std::list<std::pair<multiformats::PeerId, Traffic>>;

  std::size_t protocols_max_;
  std::size_t peers_max_;
  std::map<ProtocolId, std::shared_ptr<ProtocolTraffic>> protocols_;
  Ended ended_;  ///< who left last comes first
  std::unordered_map<multiformats::PeerId, Ended::iterator> ended_by_peer_;
};

}  // namespace kith::net
