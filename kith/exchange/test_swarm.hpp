// For tests: many peers that exchange one file, of BitswapClient and BitswapServer alone: no
// streams, no bytes. What decides how a file spreads (who asks whom for what, and who is served
// first) runs as it ships; thousands of blocks take milliseconds.
//
// Each peer has a line with a rate for what it sends, shared evenly by the connections that have
// something to send, as TCP would; control messages don't wait behind blocks. A reply counts as
// sent when the line has taken its last byte. All of it is decided by the seed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/exchange/bitswap_client.hpp>
#include <kith/exchange/bitswap_server.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange::testing {

struct ModelOptions {
  std::uint64_t seed = 1;
  std::size_t peers = 200;
  std::size_t blocks = 64;
  std::uint64_t block_bytes = 256 * 1024;
  /// Every peer knows the first one, and so many others.
  std::size_t neighbours = 15;
  double bytes_per_second_min = 2'500'000;
  double bytes_per_second_max = 2'500'000;
  Duration latency_min = 10ms;
  Duration latency_max = 80ms;
  /// Peers start to fetch within so long.
  Duration starts_within = 1s;
};

class SwarmModel {
 public:
  explicit SwarmModel(const ModelOptions& options) : options_(options), prng_(options.seed) {
    for (std::size_t i = 0; i <= options.blocks; ++i)
      cids_.push_back(cid_number(i));
    for (std::size_t i = 0; i < options.peers; ++i)
      add_peer(i);
    for (std::size_t i = 1; i < options.peers; ++i) {
      connect(i, 0);
      for (std::size_t k = 0; k < (options.neighbours + 1) / 2; ++k)
        connect(i, 1 + prng_.below(options.peers - 1));
    }
    for (const Cid& cid : cids_)
      peers_[0]->blocks.insert(cid);
    for (std::size_t i = 1; i < options.peers; ++i)
      at(Duration(prng_.below(options.starts_within.count() + 1)), [this, i] { begin(i); });
  }

  /// Goes on until all that stay have the file, or for so long. Returns whether they have it.
  bool run(Duration limit) {
    while (!events_.empty() && events_.top().at <= Instant(limit)) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      event.happens();
      if (unfinished_ == 0) return true;
    }
    return unfinished_ == 0;
  }

  void at(Duration time, std::function<void()> happens) {
    events_.push({Instant(time), next_event_++, std::move(happens)});
  }
  /// The peer is gone for all others.
  void leave(std::size_t number) {
    Peer& peer = *peers_.at(number);
    if (peer.gone) return;
    peer.gone = true;
    if (!peer.done) --unfinished_;
    for (std::size_t other : peer.neighbours) {
      peers_[other]->client.disconnected(peer.id, now_);
      peers_[other]->server.disconnected(peer.id);
      peers_[other]->drop(number);
      act(other);
    }
  }

  Duration now() const { return now_.time_since_epoch(); }
  std::uint64_t uploaded(std::size_t peer) const { return peers_.at(peer)->uploaded; }
  std::uint64_t file_bytes() const { return options_.blocks * options_.block_bytes; }
  /// How many times its size the first peer has sent.
  double seed_copies() const {
    return static_cast<double>(uploaded(0)) / static_cast<double>(file_bytes());
  }
  /// Bytes that came twice, to all peers together.
  std::uint64_t duplicates() const {
    std::uint64_t all = 0;
    for (const auto& peer : peers_)
      all += peer->client.stats().duplicate_data;
    return all;
  }
  std::uint64_t wants_sent() const { return wants_sent_; }
  /// When each that has the file had it, sorted.
  std::vector<Duration> finished() const {
    std::vector<Duration> all;
    for (const auto& peer : peers_) {
      if (peer->done && peer->number != 0) all.push_back(peer->done_at);
    }
    std::ranges::sort(all);
    return all;
  }

 private:
  static constexpr std::uint64_t quantum_bytes = 16 * 1024;
  static constexpr std::uint64_t message_overhead_bytes = 100;

  struct Message {
    std::size_t to;
    BitswapMessage message;
    std::vector<std::pair<Cid, std::uint64_t>> blocks;
    std::uint64_t left = 0;
    std::uint64_t reply_bytes = 0;
  };
  struct Peer {
    Peer(std::size_t its_number, std::uint64_t seed)
        : number(its_number),
          id(peer_id(static_cast<std::uint32_t>(its_number) + 1)),
          client(seed),
          server(seed + 1) {}
    void drop(std::size_t other) {
      lines.erase(other);
      std::erase(turns, other);
    }
    std::size_t number;
    PeerId id;
    BitswapClient client;
    BitswapServer server;
    std::set<Cid> blocks;
    std::set<std::size_t> neighbours;
    double bytes_per_second = 0;
    Duration latency{0};
    std::map<std::size_t, std::deque<Message>> lines;
    std::deque<std::size_t> turns;
    bool sending = false;
    std::optional<JobId> job;
    Instant wakes_at = never;
    std::uint64_t uploaded = 0;
    Duration done_at{0};
    bool done = false;
    bool gone = false;
  };
  struct Event {
    Instant at;
    std::uint64_t number;
    std::function<void()> happens;
    bool operator<(const Event& other) const {
      return std::tie(other.at, other.number) < std::tie(at, number);
    }
  };

  static Cid cid_number(std::uint64_t number) {
    std::uint8_t bytes[8];
    store_be(bytes, number);
    return cid_of(bytes);
  }

  void add_peer(std::size_t number) {
    auto peer = std::make_unique<Peer>(number, prng_.next());
    peer->bytes_per_second =
        options_.bytes_per_second_min +
        prng_.unit() * (options_.bytes_per_second_max - options_.bytes_per_second_min);
    peer->latency =
        Duration(prng_.between(options_.latency_min.count(), options_.latency_max.count()));
    peer->done = number == 0;
    if (number != 0) ++unfinished_;
    peers_.push_back(std::move(peer));
  }

  void connect(std::size_t a, std::size_t b) {
    if (a == b || !peers_[a]->neighbours.insert(b).second) return;
    peers_[b]->neighbours.insert(a);
    peers_[a]->client.connected(peers_[b]->id, now_);
    peers_[b]->client.connected(peers_[a]->id, now_);
  }

  void want(Peer& peer, const Cid& cid, bool first) {
    peer.client.want(*peer.job, cid, now_, first);
    for (const PeerId& other : peer.server.wanters_of(cid, transfer::fellows_max))
      peer.client.peer_wants(other, cid);
  }

  void begin(std::size_t number) {
    Peer& peer = *peers_[number];
    if (peer.gone) return;
    peer.job = peer.client.add_job(now_);
    want(peer, cids_[0], true);
    act(number);
  }

  /// Whatever there is to do for a peer, as Bitswap::pump does it.
  void act(std::size_t number) {
    Peer& peer = *peers_[number];
    if (peer.gone) return;
    for (const PeerId& to : peer.client.poll(now_)) {
      while (auto message = peer.client.take_wantlist(to)) {
        wants_sent_ += message->wants.size();
        deliver_later(peer, number_of(to), *std::move(message), {});
      }
    }
    while (auto reply = peer.server.next_reply(now_))
      enqueue(peer, *std::move(reply));
    const Instant deadline = std::min(peer.client.next_deadline(), peer.server.next_deadline());
    if (deadline >= peer.wakes_at || deadline == never) return;
    peer.wakes_at = deadline;
    at(std::max(deadline, now_).time_since_epoch(), [this, number, deadline] {
      if (peers_[number]->wakes_at == deadline) peers_[number]->wakes_at = never;
      act(number);
    });
  }

  std::size_t number_of(const PeerId& id) {
    if (numbers_.empty()) {
      for (const auto& peer : peers_)
        numbers_.emplace(peer->id, peer->number);
    }
    return numbers_.at(id);
  }

  void enqueue(Peer& peer, Reply reply) {
    Message message{number_of(reply.peer), {}, {}, message_overhead_bytes, reply.bytes};
    message.message.presences = std::move(reply.presences);
    message.message.pending_bytes = reply.pending_bytes;
    for (const Reply::Wanted& wanted : reply.blocks) {
      const std::uint64_t size = wanted.cid == cids_[0] ? 500 : options_.block_bytes;
      message.blocks.emplace_back(wanted.cid, size);
      message.left += size;
    }
    if (message.blocks.empty()) {
      peer.server.sent(reply.peer, reply.bytes, now_);
      deliver_later(peer, message.to, std::move(message.message), {});
      return;
    }
    auto& line = peer.lines[message.to];
    if (line.empty()) peer.turns.push_back(message.to);
    line.push_back(std::move(message));
    send_next(peer);
  }

  void send_next(Peer& peer) {
    if (peer.sending || peer.turns.empty()) return;
    const std::size_t to = peer.turns.front();
    peer.turns.pop_front();
    const std::uint64_t part = std::min(quantum_bytes, peer.lines.at(to).front().left);
    peer.sending = true;
    const auto takes = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(part) / peer.bytes_per_second));
    at(now_.time_since_epoch() + takes,
       [this, number = peer.number, to, part] { sent_part(*peers_[number], to, part); });
  }

  void sent_part(Peer& peer, std::size_t to, std::uint64_t part) {
    peer.sending = false;
    peer.uploaded += part;
    if (peer.gone) return;
    bool whole = false;
    auto line = peer.lines.find(to);
    if (line != peer.lines.end()) {
      Message& message = line->second.front();
      message.left -= part;
      peer.server.progress(peers_[to]->id, now_);
      progress_later(peer, to, part);
      whole = message.left == 0;
      if (whole) {
        Message done = std::move(message);
        line->second.pop_front();
        peer.server.sent(peers_[to]->id, done.reply_bytes, now_);
        deliver_later(peer, to, std::move(done.message), std::move(done.blocks));
      }
      if (!line->second.empty()) peer.turns.push_back(to);
    }
    send_next(peer);
    if (whole) act(peer.number);
  }

  Duration way(const Peer& from, std::size_t to) const {
    return (from.latency + peers_[to]->latency) / 2;
  }

  void progress_later(Peer& from, std::size_t to, std::uint64_t bytes) {
    at(now_.time_since_epoch() + way(from, to), [this, to, id = from.id, bytes] {
      if (!peers_[to]->gone) peers_[to]->client.progress(id, bytes, now_);
    });
  }

  void deliver_later(Peer& from, std::size_t to, BitswapMessage message,
                     std::vector<std::pair<Cid, std::uint64_t>> blocks) {
    auto shared = std::make_shared<BitswapMessage>(std::move(message));
    at(now_.time_since_epoch() + way(from, to),
       [this, to, number = from.number, shared, blocks = std::move(blocks)] {
         if (!peers_[to]->gone && !peers_[number]->gone) take(to, number, *shared, blocks);
       });
  }

  void take(std::size_t number, std::size_t from, const BitswapMessage& message,
            const std::vector<std::pair<Cid, std::uint64_t>>& blocks) {
    Peer& peer = *peers_[number];
    const PeerId& id = peers_[from]->id;
    peer.client.presences(id, message.presences, now_);
    for (const Want& want : message.wants) {
      if (!want.cancel) peer.client.peer_wants(id, want.cid);
    }
    for (const Cid& cid : peer.server.receive(id, message)) {
      const std::uint64_t size = cid == cids_[0] ? 500 : options_.block_bytes;
      peer.server.found(id, cid, peer.blocks.contains(cid) ? std::optional(size) : std::nullopt);
    }
    for (const auto& [cid, size] : blocks) {
      if (peer.client.received(id, cid, size, now_) != Arrival::wanted) continue;
      peer.blocks.insert(cid);
      peer.server.obtained(cid, size);
      if (cid == cids_[0]) {
        for (std::size_t i = 1; i < cids_.size(); ++i)
          want(peer, cids_[i], false);
      }
      if (peer.blocks.size() < cids_.size() || peer.done) continue;
      peer.done = true;
      peer.done_at = now_.time_since_epoch();
      --unfinished_;
    }
    act(number);
  }

  ModelOptions options_;
  Prng prng_;
  std::vector<Cid> cids_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::map<PeerId, std::size_t> numbers_;
  std::priority_queue<Event> events_;
  std::uint64_t next_event_ = 0;
  std::uint64_t wants_sent_ = 0;
  std::size_t unfinished_ = 0;
  Instant now_{};
};

}  // namespace kith::exchange::testing
