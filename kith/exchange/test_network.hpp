// For tests: hosts whose streams are simulated TCP connections, and a store in memory.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/exchange/bitswap.hpp>
#include <kith/sim/world.hpp>

namespace kith::exchange::testing {

using multiformats::Codec;
using multiformats::Multihash;

inline Cid cid_of(ByteView data, Codec codec = Codec::raw) {
  return Cid::v1(codec, Multihash::wrap(Codec::sha2_256, crypto::sha256(data)));
}

inline ipld::Block block_of(Buffer data) {
  Cid cid = cid_of(data);
  return {cid, std::move(data)};
}

/// Blocks of random bytes, the same for the same seed.
inline std::vector<ipld::Block> random_blocks(std::size_t count, std::size_t size,
                                              std::uint64_t seed = 1) {
  Prng prng(seed);
  std::vector<ipld::Block> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    Buffer data = Buffer::allocate(size);
    prng.fill(data.mutable_bytes());
    blocks.push_back(block_of(std::move(data)));
  }
  return blocks;
}

inline std::vector<Cid> cids_of(const std::vector<ipld::Block>& blocks) {
  std::vector<Cid> cids;
  for (const ipld::Block& block : blocks)
    cids.push_back(block.cid);
  return cids;
}

inline PeerId peer_id(std::uint32_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 32, number);
  return PeerId::from_public_key(key);
}

/// A store in memory. `lies` are given instead of the blocks of their CIDs; with `mute` set, reads
/// never end; with `fault` set, puts fail. What is `unreadable` is doubtful once somebody has
/// tried. A look-up that takes a time answers as of its beginning.
class MemoryBlocks final : public LocalBlocks {
 public:
  explicit MemoryBlocks(port::Clock& clock) : clock_(clock) {}

  void add(const std::vector<ipld::Block>& blocks) {
    for (const ipld::Block& block : blocks)
      blocks_.insert_or_assign(block.cid, block.data);
  }
  bool holds(const std::vector<ipld::Block>& blocks) const {
    for (const ipld::Block& block : blocks) {
      auto found = blocks_.find(block.cid);
      if (found == blocks_.end() || !equal(found->second, block.data)) return false;
    }
    return true;
  }
  void remove(const Cid& cid) { blocks_.erase(cid); }
  std::size_t size() const { return blocks_.size(); }

  Task<std::vector<std::optional<std::uint32_t>>> sizes(std::vector<Cid> cids) override {
    ++lookups;
    if (lookup_takes == Duration(0)) KITH_CO_CHECK(co_await port::yield());
    std::vector<std::optional<std::uint32_t>> all;
    for (const Cid& cid : cids) {
      auto found = blocks_.find(cid);
      all.emplace_back();
      if (found == blocks_.end() || doubtful(cid)) continue;
      all.back() = static_cast<std::uint32_t>(found->second.size());
    }
    KITH_CO_CHECK(co_await port::sleep_for(clock_, lookup_takes));
    co_return all;
  }

  Task<ipld::Block> get(Cid cid) override {
    ++reads;
    if (lookup_takes == Duration(0)) KITH_CO_CHECK(co_await port::yield());
    const bool there = blocks_.contains(cid);
    KITH_CO_CHECK(co_await port::sleep_for(clock_, lookup_takes));
    if (!there) co_return std::unexpected(Errc::not_found);
    if (unreadable.contains(cid)) {
      doubts_.insert(cid);
      co_return std::unexpected(Errc::corrupt);
    }
    doubts_.erase(cid);
    if (mute) KITH_CO_CHECK(co_await port::sleep_until(clock_, never));
    auto found = blocks_.find(cid);
    if (found == blocks_.end()) co_return std::unexpected(Errc::not_found);
    auto lie = lies.find(cid);
    co_return ipld::Block{cid, lie != lies.end() ? lie->second : found->second};
  }

  Task<void> put(std::vector<ipld::Block> blocks) override {
    KITH_CO_CHECK(co_await port::yield());
    if (fault) co_return std::unexpected(*fault);
    puts += blocks.size();
    add(blocks);
    co_return Result<void>{};
  }

  bool doubtful(const Cid& cid) const override { return doubts_.contains(cid); }

  std::map<Cid, Buffer> lies;
  std::set<Cid> unreadable;
  std::optional<Error> fault;
  bool mute = false;
  Duration lookup_takes{0};
  std::size_t reads = 0;
  std::size_t lookups = 0;
  std::size_t puts = 0;

 private:
  port::Clock& clock_;
  std::map<Cid, Buffer> blocks_;
  std::set<Cid> doubts_;
};

/// A stream that the network can reset when its peers part.
class SharedStream final : public port::Stream {
 public:
  explicit SharedStream(std::shared_ptr<port::Stream> inner) : inner_(std::move(inner)) {}
  ~SharedStream() override { inner_->reset(); }
  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    return inner_->read_some(into, deadline);
  }
  Task<void> write(ByteView bytes, Instant deadline) override {
    return inner_->write(bytes, deadline);
  }
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline) override {
    return inner_->write_all(pieces, deadline);
  }
  Task<void> close_write(Instant deadline) override { return inner_->close_write(deadline); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::shared_ptr<port::Stream> inner_;
};

class TestHost;

/// Who is connected to whom.
class TestNet {
 public:
  explicit TestNet(sim::World& world) : world_(world) {}
  void connect(TestHost& a, TestHost& b);
  void disconnect(const PeerId& a, const PeerId& b);
  /// Breaks what runs between them; they stay connected.
  void reset_streams(const PeerId& a, const PeerId& b);
  sim::World& world() { return world_; }

  std::map<PeerId, TestHost*> hosts;
  std::map<std::pair<PeerId, PeerId>, std::vector<std::weak_ptr<port::Stream>>> links;

  static std::pair<PeerId, PeerId> pair(const PeerId& a, const PeerId& b) {
    return a < b ? std::pair(a, b) : std::pair(b, a);
  }

 private:
  sim::World& world_;
};

class TestHost final : public Network {
 public:
  explicit TestHost(TestNet& net)
      : net_(net), node_(net.world().add_node()), peer_(peer_id(node_.id())) {
    net.hosts.emplace(peer_, this);
  }
  ~TestHost() override { net_.hosts.erase(peer_); }
  TestHost(const TestHost&) = delete;

  sim::Node& node() { return node_; }
  const PeerId& peer() const { return peer_; }

  Task<std::unique_ptr<net::Stream>> open_stream(PeerId peer,
                                                 std::vector<net::ProtocolId> protocols,
                                                 Instant) override {
    KITH_CO_CHECK(co_await port::yield());
    if (opens_to_fail > 0) {
      --opens_to_fail;
      co_return std::unexpected(Errc::timed_out);
    }
    auto link = net_.links.find(TestNet::pair(peer_, peer));
    if (link == net_.links.end()) co_return std::unexpected(Errc::closed);
    TestHost& other = *net_.hosts.at(peer);
    auto protocol = std::ranges::find_if(protocols, [&](const auto& id) {
      return other.handlers_.contains(id) && (only.empty() || only.contains(id));
    });
    if (protocol == protocols.end()) co_return std::unexpected(Errc::unsupported);
    auto [near, far] = net_.world().connect(node_, other.node_);
    std::shared_ptr<port::Stream> near_shared = std::move(near);
    std::shared_ptr<port::Stream> far_shared = std::move(far);
    link->second.push_back(near_shared);
    link->second.push_back(far_shared);
    ++streams_opened;
    auto inbound = std::make_unique<net::Stream>(std::make_unique<SharedStream>(far_shared), peer_,
                                                 *protocol, net::ConnectionId{1});
    other.node_.spawn(other.handlers_.at(*protocol)(std::move(inbound)));
    co_return std::make_unique<net::Stream>(std::make_unique<SharedStream>(near_shared), peer,
                                            *protocol, net::ConnectionId{1});
  }

  std::vector<PeerId> connected_peers() const override {
    std::vector<PeerId> peers;
    for (const auto& [pair, _] : net_.links) {
      if (pair.first == peer_) peers.push_back(pair.second);
      if (pair.second == peer_) peers.push_back(pair.first);
    }
    return peers;
  }
  void handle(net::ProtocolId protocol, NetworkHandler handler, std::size_t) override {
    if (!only.empty() && !only.contains(protocol)) return;
    handlers_.insert_or_assign(std::move(protocol), std::move(handler));
  }
  void stop_handling(const net::ProtocolId& protocol) override { handlers_.erase(protocol); }
  void observe(NetworkObserver& observer) override { observer_ = &observer; }
  void stop_observing(NetworkObserver&) override { observer_ = nullptr; }
  void useful(const PeerId& peer) override { found_useful.insert(peer); }
  void disconnect(const PeerId& peer) override {
    ++disconnects;
    net_.disconnect(peer_, peer);
  }

  NetworkObserver* observer() { return observer_; }
  /// If not empty, the protocols that this host speaks.
  std::set<net::ProtocolId> only;
  /// So many opens time out, though the peer is connected.
  int opens_to_fail = 0;
  std::size_t streams_opened = 0;
  std::size_t disconnects = 0;
  std::set<PeerId> found_useful;

 private:
  TestNet& net_;
  sim::Node& node_;
  PeerId peer_;
  std::map<net::ProtocolId, NetworkHandler> handlers_;
  NetworkObserver* observer_ = nullptr;
};

inline void TestNet::connect(TestHost& a, TestHost& b) {
  if (!links.try_emplace(pair(a.peer(), b.peer())).second) return;
  if (a.observer() != nullptr) a.observer()->on_connected(b.peer());
  if (b.observer() != nullptr) b.observer()->on_connected(a.peer());
}

inline void TestNet::disconnect(const PeerId& a, const PeerId& b) {
  auto link = links.find(pair(a, b));
  if (link == links.end()) return;
  auto streams = std::move(link->second);
  links.erase(link);
  for (const auto& weak : streams) {
    if (auto stream = weak.lock()) stream->reset();
  }
  for (const auto& [self, other] : {std::pair(a, b), std::pair(b, a)}) {
    auto host = hosts.find(self);
    if (host != hosts.end() && host->second->observer() != nullptr) {
      host->second->observer()->on_disconnected(other);
    }
  }
}

inline void TestNet::reset_streams(const PeerId& a, const PeerId& b) {
  for (const auto& weak : std::exchange(links.at(pair(a, b)), {})) {
    if (auto stream = weak.lock()) stream->reset();
  }
}

/// One node with a store and Bitswap.
struct Peer {
  explicit Peer(TestNet& net, BitswapOptions options = {}, std::set<net::ProtocolId> only = {})
      : host(net), blocks(net.world().clock()) {
    host.only = std::move(only);
    bitswap = std::make_unique<Bitswap>(host.node().env(), host, blocks, std::move(options));
    bitswap->start();
  }
  TestHost host;
  MemoryBlocks blocks;
  std::unique_ptr<Bitswap> bitswap;

  const PeerId& id() const { return host.peer(); }
};

/// Ends all of them. The last thing that a test does.
template <class... Peers>
Task<void> close_all(Peers&... peers) {
  for (Peer* peer : {&peers...}) {
    KITH_CO_CHECK(co_await peer->bitswap->close_shielded());
  }
  co_return Result<void>{};
}

/// Reads all, in order, with the next `ahead` prefetched; expects the right bytes.
inline Task<void> read_all(BitswapSession& session, const std::vector<ipld::Block>& blocks,
                           std::size_t ahead) {
  const std::vector<Cid> cids = cids_of(blocks);
  std::size_t prefetched = 0;
  for (std::size_t i = 0; i < cids.size(); ++i) {
    // In steps, as a reader that goes from node to node does.
    if (prefetched < cids.size() && prefetched < i + ahead) {
      const std::size_t end = std::min(cids.size(), i + 2 * ahead);
      session.prefetch(std::span(cids).subspan(prefetched, end - prefetched));
      prefetched = end;
    }
    KITH_CO_TRY(ipld::Block block, co_await session.get(cids[i]));
    if (!equal(block.data, blocks[i].data)) co_return std::unexpected(Errc::corrupt);
  }
  co_return Result<void>{};
}

}  // namespace kith::exchange::testing
