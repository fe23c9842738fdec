// Dht: a node of one Kademlia DHT: finds peers, providers and values, tells what this node has, and
// answers others if it serves. Specification: libp2p/specs kad-dht/README.md and ipfs/specs
// src/routing/kad-dht.md; the numbers are those of the public IPFS network (limits.hpp).
//
//   Network -- on_server --> RoutingTable <-- nearest -- Lookup <-- run -- provide, find_...
//      ^                                                                        |
//      `---------------------------- request, tell -----------------------------'
//
// Upkeep, every refresh_interval: peers that weren't heard from are asked whether they are there,
// lost ones whether they are back, and for oneself and for each bucket there is a lookup. What this
// node provides is told again every reprovide_interval.
// Ownership: the tables are its own; the environment, the network and the validators outlive it.
// close_shielded() must have returned before it is destroyed, and no call may be under way. Limits:
// limits.hpp; at most lookups_at_once_max lookups run, the others wait. Loop thread only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <kith/dht/lookup.hpp>
#include <kith/dht/lost_peers.hpp>
#include <kith/dht/network.hpp>
#include <kith/dht/network_size.hpp>
#include <kith/dht/provided_keys.hpp>
#include <kith/dht/routing_table.hpp>
#include <kith/dht/server.hpp>
#include <kith/dht/state_file.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/routing/routing.hpp>
#include <kith/routing/validator.hpp>

namespace kith::dht {

struct DhtOptions {
  bool server = false;
  LookupOptions lookup{};
  Duration refresh_interval = dht::refresh_interval;
  /// Zero: content is told of once, and then not provided any more.
  Duration reprovide_interval = dht::reprovide_interval;
  /// Nothing is told of otherwise but by provide().
  bool tell = true;
  /// What is due is told of region by region; else key by key.
  bool sweep = true;
  /// What an earlier run has told of isn't due before its time.
  bool resume = true;
  /// Keys that are told of at once where that is done key by key, and peers that are told at once.
  std::size_t keys_at_once = dht::keys_at_once;
  std::size_t stores_at_once = dht::stores_at_once;
  /// Content is told of while the lookup still runs, once the size of the network is known, and at
  /// most so many peers are told when provide() has returned.
  bool optimistic = true;
  std::size_t background_stores_max = dht::background_stores_max;
  ProviderLimits providers{};
  ValueLimits values{};
  /// Asked before content is told of again; what is gone isn't provided any more.
  std::function<Task<bool>(multiformats::Multihash content)> still_has{};
};

struct DhtStats {
  std::uint64_t lookups = 0;
  std::uint64_t requests_sent = 0;
  std::uint64_t requests_failed = 0;
  std::uint64_t requests_served = 0;
  /// Records that peers took, keys that at least one peer was told of, those that nobody could be,
  /// and regions swept.
  std::uint64_t records_told = 0;
  std::uint64_t keys_told = 0;
  std::uint64_t keys_untold = 0;
  std::uint64_t regions_swept = 0;
  /// Lookups that ended before their last round, since the nearest were known without it.
  std::uint64_t lookups_cut_short = 0;
  std::uint64_t requests_refused = 0;
  /// Lookups that came to their end, by how many hops that took (Lookup::hops; the last for more).
  std::array<std::uint64_t, hops_counted_max + 1> hops{};
};

/// How providing goes: what is to be told of, what is being, and what was since the start.
struct ProvideStats {
  bool online = false;       ///< there is somebody to be told
  bool ever_online = false;  ///< in this run
  WallTime online_since{};   ///< when `online` changed last, or the start
  WallTime started{};
  Duration interval{};  ///< zero: content is told of once
  // What is provided. Regions are those that the sweep would make now.
  std::size_t keys = 0;
  std::size_t untold = 0;  ///< of them, that nobody was told of
  std::size_t region_bits = 0;
  std::size_t regions = 0;
  ProvidedKeys::DueCount due{};
  std::optional<ProvidedKeys::Next> next{};
  // What goes on.
  std::size_t telling = 0;   ///< keys, one by one
  std::size_t sweeping = 0;  ///< keys of the region that is swept
  bool sweeps = false;
  // What was done one by one since the start, and how long that took in all.
  std::uint64_t told_alone = 0;
  Duration told_alone_time{};
  // What was swept in the last interval.
  std::size_t swept_regions = 0;
  std::size_t swept_keys = 0;
  std::size_t swept_peers = 0;  ///< each counted once a region
  std::size_t swept_reached = 0;
  std::size_t swept_records = 0;
  Duration swept_time{};
  double swept_share = 0;  ///< of the keyspace
};

class Dht final : public routing::Routing, private NetworkObserver {
 public:
  Dht(port::Env& env, Network& network, const routing::Validators& validators,
      DhtOptions options = {});
  ~Dht() override;
  Dht(const Dht&) = delete;
  Dht& operator=(const Dht&) = delete;

  /// Learns of peers, serves if it is to, and begins its upkeep.
  void start();
  /// Gives up its tasks. Before the network is closed.
  Task<void> close_shielded();

  /// A node that others can reach serves; one that they can't must not.
  void set_server(bool server);
  bool server() const noexcept { return serving_; }

  /// Returns once somebody is known who can be asked. Errc::timed_out.
  Task<void> wait_for_peer(Instant deadline);

  Task<void> provide(multiformats::Multihash content, Instant deadline) override;
  Task<void> find_providers(multiformats::Multihash content, routing::OnProvider on_provider,
                            Instant deadline) override;
  Task<routing::PeerAddresses> find_peer(PeerId peer, Instant deadline) override;
  Task<std::vector<routing::PeerAddresses>> closest_peers(Bytes key, Instant deadline) override;
  Task<void> put_value(Bytes key, Bytes value, Instant deadline) override;
  Task<Bytes> get_value(Bytes key, Instant deadline) override;

  /// Content is told of when there is time, a few at once. False if there is too much of it.
  bool provide_later(const multiformats::Multihash& content) {
    return provided_.set(content.bytes(), env_.wall.now());
  }
  /// Content isn't told of again.
  void stop_providing(ByteView content) { provided_.remove(content); }
  /// All that is provided is due now, and told of in the background. Errc::cancelled.
  Task<void> tell_all_again();
  ProvideStats provide_stats() const;
  /// How many peers serve this DHT, as far as lookups tell. Nothing before there were a few, and
  /// never in a network of less than about two buckets.
  std::optional<double> network_size() const { return size_.estimate(env_.clock.now()); }
  /// Peers that are still being told of content whose provide() has returned.
  std::size_t stores_in_background() const noexcept { return in_background_; }

  const RoutingTable& table() const noexcept { return table_; }
  const ProviderRecords& provider_records() const noexcept { return providers_; }
  const ValueRecords& value_records() const noexcept { return values_; }
  const ProvidedKeys& provided() const noexcept { return provided_; }
  ProvidedKeys& provided() noexcept { return provided_; }

  // For StateKeeper.

  /// What was saved in an earlier run, before start(). Values are checked again, and what is too
  /// old is dropped; peers are asked whether they are there before they are believed.
  void restore(SavedRecord record);
  /// All is restored: nothing has changed since.
  void begin_from_restored() { provided_.forget_changes(); }
  struct SaveCursor {
    bool peers = false;
    bool providers = false;
    std::optional<Key> after{};
  };
  /// Adds the peers, or about `count` records, that come next. False once there are no more.
  bool save_some(SaveCursor& cursor, std::size_t count, FrameWriter& into) const;
  const DhtStats& stats() const noexcept { return stats_; }

 private:
  struct Run;
  class Turn;
  struct ValueSearch;
  struct ProviderSearch;

  void on_server(const PeerId& peer, std::vector<IpGroup> groups) override;
  void on_no_server(const PeerId& peer) override;
  std::expected<std::optional<Message>, Server::Refused> serve(const PeerId& from,
                                                               std::optional<IpGroup> group,
                                                               const Message& request);

  Task<void> run(Run& run, Instant deadline);
  Task<void> ask_around(Run& run, Instant deadline);
  Task<void> ask(Run& run, PeerId peer, Instant deadline);
  Task<Answer> request(PeerId peer, Message message, Instant deadline);
  std::vector<Lookup::Candidate> learn(const std::vector<Peer>& peers);
  Task<std::vector<PeerId>> nearest_to(Bytes key, Instant deadline);
  Task<void> announce(Bytes content, Instant deadline);
  class Alone;
  struct Early;
  Task<void> announce_early(Bytes content, Nearness near, Instant lookup_end, Instant deadline);
  Task<void> tell_until_enough(Early& early, Instant lookup_end, Instant deadline);
  Task<void> look_and_tell(Early& early, Instant lookup_end);
  Task<void> await_told(Early& early, std::size_t count, Instant deadline);
  Task<void> tell_early(Early& early, PeerId peer);
  void begin_telling(Early& early, const PeerId& peer);
  bool tell_who_is_near(const Lookup& lookup, Early& early);
  Task<void> finish_telling(Early& early);
  Task<void> end_telling_shielded(Early& early);
  Task<std::size_t> store_with(std::vector<PeerId> peers, Message message, Instant deadline);
  Task<void> correct(std::vector<PeerId> behind, Message better);
  Task<void> store_one(PeerId peer, const Message& message, Instant deadline, std::size_t& stored);

  void add_to_table(const PeerId& peer, std::vector<IpGroup> groups);
  void lose(const PeerId& peer);
  Task<void> check(PeerId peer);
  Task<void> check_all(std::vector<PeerId> peers);
  Task<void> upkeep();
  Task<void> refresh();
  Task<void> refresh_bucket(std::size_t shared_bits);
  Task<void> measure_size();
  struct Sweep;
  Task<void> tell_loop();
  Task<void> tell_singly();
  Task<void> tell_one(Bytes content);
  Task<bool> still_has(const Bytes& content);
  Task<void> sweep(Bytes content);
  Task<void> explore(Sweep& sweep, Bytes content);
  Task<void> explore_rest(Sweep& sweep, std::vector<Region> rest);
  Task<void> gather(Sweep& sweep);
  Task<void> assign(Sweep& sweep);
  Task<void> tell_region(Sweep& sweep);
  Task<void> tell_its_keys(Sweep& sweep, PeerId peer, Instant deadline);
  Bytes key_in(const Region& region);
  std::size_t region_bits() const;
  /// Zero counts as the usual one.
  Duration cycle() const noexcept {
    const Duration interval = options_.reprovide_interval;
    return interval > Duration{0} ? interval : dht::reprovide_interval;
  }
  WallTime slot_after(const Key& place, WallTime then) const;
  void told_of(const Bytes& content);
  void note_peers();
  Message own_provider_message(ByteView content) const;
  void keep_own_record(ByteView content);

  port::Env& env_;
  port::Logger log_;
  Network& network_;
  const routing::Validators& validators_;
  DhtOptions options_;
  RoutingTable table_;
  LostPeers lost_;
  /// Of an earlier run, the first restored_asked_ of which were asked whether they are there.
  std::vector<SavedPeer> restored_;
  std::size_t restored_asked_ = 0;
  ProviderRecords providers_;
  ValueRecords values_;
  ProvidedKeys provided_;
  /// Regions of the last interval, for ProvideStats.
  struct Swept {
    WallTime at;
    Duration took;
    std::size_t bits;
    std::size_t keys;
    std::size_t peers;
    std::size_t reached;
    std::size_t records;
  };
  std::deque<Swept> swept_;
  bool online_ = false;
  bool ever_online_ = false;
  WallTime online_since_{};
  WallTime started_at_{};
  std::size_t telling_ = 0;
  std::uint64_t told_alone_ = 0;
  Duration told_alone_time_{};
  const Sweep* sweeping_ = nullptr;
  NetworkSize size_;
  /// Content whose last peers are still being told, and how many those are in all.
  std::vector<std::unique_ptr<Early>> early_;
  std::size_t in_background_ = 0;
  Server server_;
  DhtStats stats_;
  bool started_ = false;
  bool serving_ = false;
  std::array<Instant, refreshed_buckets_max> refreshed_{};
  std::size_t lookups_running_ = 0;
  port::Event turn_;
  /// The table was empty, and somebody has come into it.
  port::Event newcomer_;
  /// Much is due that wasn't.
  port::Event much_due_;
  port::TaskGroup tasks_;
  port::TaskGroup checks_;
};

}  // namespace kith::dht
