#include <algorithm>

#include <kith/crypto/hash.hpp>
#include <kith/exchange/bitswap.hpp>
#include <kith/exchange/message_reader.hpp>

namespace kith::exchange {
namespace {

std::uint64_t random_number(port::CryptoRandom& random) {
  std::uint8_t bytes[8];
  random.fill(bytes);
  return load_le<std::uint64_t>(bytes);
}

/// The CID of each block's bytes, for a worker; none where the prefix names no way to compute it.
std::vector<Cid> hash_blocks(const std::vector<BlockPayload>& payloads) {
  std::vector<Cid> cids(payloads.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const auto& [prefix, data] = payloads[i];
    if (prefix.hash_function == multiformats::Codec::identity) continue;
    if (prefix.digest_bytes < digest_bytes_min) continue;
    auto digest =
        crypto::hash(static_cast<std::uint64_t>(prefix.hash_function), data, prefix.digest_bytes);
    if (!digest) continue;
    if (auto cid = prefix.complete(*digest)) cids[i] = *cid;
  }
  return cids;
}

std::vector<net::ProtocolId> protocol_ids() {
  return {std::begin(bitswap_protocols), std::end(bitswap_protocols)};
}

}  // namespace

Bitswap::Bitswap(port::Env& env, Network& network, LocalBlocks& blocks, BitswapOptions options)
    : env_(env),
      log_(env.log, "bitswap"),
      network_(network),
      blocks_(blocks),
      options_(std::move(options)),
      client_(random_number(env.random)),
      server_(random_number(env.random), options_.server, options_.may_have),
      stream_ended_(env.clock),
      hash_{random_number(env.random)},
      waiters_(0, hash_),
      storing_(0, hash_),
      ahead_(0, hash_),
      processing_room_(env.clock),
      pump_wake_(env.clock),
      tasks_(env.executor, env.clock) {}

Bitswap::~Bitswap() = default;

void Bitswap::start() {
  tasks_.spawn(pump());
  network_.observe(*this);
  for (const net::ProtocolId& protocol : protocol_ids()) {
    NetworkHandler handler = [this](std::unique_ptr<net::Stream> stream) {
      return serve_stream(std::move(stream));
    };
    network_.handle(protocol, std::move(handler), streams_per_peer_max);
  }
  for (const PeerId& peer : network_.connected_peers())
    on_connected(peer);
}

Task<void> Bitswap::close_shielded() {
  if (!closing_) {
    closing_ = true;
    network_.stop_observing(*this);
    for (const net::ProtocolId& protocol : protocol_ids())
      network_.stop_handling(protocol);
    for (auto& [_, stream] : inbound_)
      stream->reset();
    for (auto& [_, waiter] : std::exchange(waiters_, {}))
      waiter->set(std::unexpected(Errc::closed));
    tasks_.cancel();
    // Streams of the swarm's tasks may be waiting for room.
    processing_room_.notify_all();
  }
  KITH_CO_CHECK(co_await tasks_.join_shielded());
  while (streams_served_ > 0)
    KITH_CO_CHECK(co_await stream_ended_.wait_shielded());
  co_return Result<void>{};
}

std::unique_ptr<BitswapSession> Bitswap::new_session() {
  return std::make_unique<BitswapSession>(*this, client_.add_job(env_.clock.now()));
}

BitswapStats Bitswap::stats() const {
  return {client_.stats(), blocks_sent_, data_sent_, client_.wantlist(), server_.peers()};
}

void Bitswap::on_connected(const PeerId& peer) {
  if (closing_ || links_.contains(peer)) return;
  links_.emplace(peer, std::make_shared<Link>(peer, env_.clock));
  client_.connected(peer, env_.clock.now());
  wake_pump();
}

void Bitswap::on_disconnected(const PeerId& peer) {
  auto found = links_.find(peer);
  if (found == links_.end()) return;
  const std::shared_ptr<Link> link = found->second;
  links_.erase(found);
  link->gone = true;
  link->wants_wake.notify_all();
  link->replies_wake.notify_all();
  give_up_replies(*link);
  client_.disconnected(peer, env_.clock.now());
  server_.disconnected(peer);
  wake_pump();
}

// Inbound.

Task<void> Bitswap::serve_stream(std::unique_ptr<net::Stream> stream) {
  if (closing_) co_return std::unexpected(Errc::closed);
  ++streams_served_;
  const std::uint64_t number = next_inbound_++;
  inbound_.emplace(number, stream.get());
  const PeerId peer = stream->remote_peer();
  // Who opens a stream to us speaks the protocol, whatever a stream of ours met before.
  on_connected(peer);
  client_.connected(peer, env_.clock.now());
  Result<void> ended = co_await read_stream(*stream);
  if (!ended && !ended.error().is(Errc::closed)) {
    KITH_LOG_DEBUG(log_, "stream of {}: {}", peer.to_short_string(), ended.error().message());
    stream->reset();
  }
  inbound_.erase(number);
  stream.reset();
  --streams_served_;
  stream_ended_.notify_all();
  co_return ended;
}

Task<void> Bitswap::read_stream(net::Stream& stream) {
  const PeerId peer = stream.remote_peer();
  MessageReader reader(stream, env_.clock, coming_in_, peer, [this, peer](std::size_t bytes) {
    client_.progress(peer, bytes, env_.clock.now());
  });
  for (;;) {
    KITH_CO_TRY(Buffer bytes, co_await reader.next());
    if (closing_) co_return std::unexpected(Errc::closed);
    KITH_CO_CHECK(co_await take_message(peer, std::move(bytes)));
  }
}

Task<void> Bitswap::take_message(PeerId peer, Buffer bytes) {
  KITH_CO_TRY(BitswapMessage message, decode_message(bytes));
  const std::uint64_t size = bytes.size();
  bytes = Buffer();
  client_.count_message();
  client_.presences(peer, message.presences, env_.clock.now());
  for (const Want& want : message.wants) {
    if (!want.cancel) client_.peer_wants(peer, want.cid);
  }
  std::vector<Cid> wants;
  if (options_.serve && links_.contains(peer)) wants = server_.receive(peer, message);
  wake_pump();
  if (!message.blocks.empty()) {
    KITH_CO_CHECK(co_await accept_blocks(peer, std::move(message.blocks), size));
  }
  if (!wants.empty()) KITH_CO_CHECK(co_await answer_wants(peer, std::move(wants)));
  co_return Result<void>{};
}

/// Lets a message's blocks be looked at as soon as there is room, or counts them against the peer.
Task<void> Bitswap::accept_blocks(PeerId peer, std::vector<BlockPayload> payloads,
                                  std::uint64_t bytes) {
  if (!client_.expects(peer)) {
    for (const BlockPayload& block : payloads)
      client_.unasked(peer, block.data.size());
    punish(peer);
    co_return Result<void>{};
  }
  // One message is always let through, so the bound can't block itself.
  while (processing_bytes_ > 0 && processing_bytes_ + bytes > options_.processing_bytes_max) {
    KITH_CO_CHECK(co_await processing_room_.wait());
    if (closing_) co_return std::unexpected(Errc::closed);
  }
  processing_bytes_ += bytes;
  if (!tasks_.spawn(take_blocks(peer, std::move(payloads), bytes))) {
    processing_bytes_ -= bytes;
    co_return std::unexpected(Errc::closed);
  }
  co_return Result<void>{};
}

Task<void> Bitswap::answer_wants(PeerId peer, std::vector<Cid> cids) {
  Result<std::vector<std::optional<std::uint32_t>>> sizes = co_await blocks_.sizes(cids);
  if (!sizes) {
    KITH_LOG_WARN(log_, "can't look blocks up: {}", sizes.error().message());
    sizes = std::vector<std::optional<std::uint32_t>>(cids.size());
  }
  for (std::size_t i = 0; i < cids.size(); ++i) {
    server_.found(peer, cids[i], (*sizes)[i]);
  }
  wake_pump();
  co_return Result<void>{};
}

Task<void> Bitswap::take_blocks(PeerId peer, std::vector<BlockPayload> payloads,
                                std::uint64_t bytes) {
  Result<void> done = co_await verify_and_store(peer, std::move(payloads));
  processing_bytes_ -= bytes;
  processing_room_.notify_all();
  co_return done;
}

Task<void> Bitswap::verify_and_store(PeerId peer, std::vector<BlockPayload> payloads) {
  std::vector<Cid> cids;
  std::function<void()> job = [&cids, &payloads] { cids = hash_blocks(payloads); };
  KITH_CO_CHECK(co_await env_.pool.run(std::move(job)));
  const Instant now = env_.clock.now();
  std::vector<ipld::Block> fresh;
  bool unasked = false;
  for (std::size_t i = 0; i < cids.size(); ++i) {
    const std::uint64_t size = payloads[i].data.size();
    if (cids[i].empty()) {
      client_.unasked(peer, size);
      unasked = true;
      continue;
    }
    const Arrival arrival = client_.received(peer, cids[i], size, now);
    if (arrival == Arrival::wanted) fresh.push_back({cids[i], std::move(payloads[i].data)});
    if (arrival == Arrival::unasked) unasked = true;
  }
  payloads.clear();
  wake_pump();
  if (unasked) punish(peer);
  if (fresh.empty()) co_return Result<void>{};
  network_.useful(peer);

  for (const ipld::Block& block : fresh)
    ++storing_[block.cid.hash()];
  Result<void> stored = co_await blocks_.put(fresh);
  for (const ipld::Block& block : fresh) {
    auto storing = storing_.find(block.cid.hash());
    if (--storing->second == 0) storing_.erase(storing);
    if (stored) {
      server_.obtained(block.cid, block.data.size());
      deliver(block);
    } else {
      fail(block.cid, stored.error());
    }
  }
  wake_pump();
  co_return stored;
}

/// Whether anybody waited for it. Whoever looks for it in the store at this moment learns of it,
/// too.
bool Bitswap::hand_to_waiter(const ipld::Block& block) {
  const Multihash hash = block.cid.hash();
  for (auto& [_, check] : to_check_)
    check.came.insert(hash);
  auto waiter = waiters_.find(hash);
  if (waiter == waiters_.end()) return false;
  waiter->second->set(block);
  waiters_.erase(waiter);
  return true;
}

/// Gives a block to who waits for it, or keeps it for a while for who will.
void Bitswap::deliver(const ipld::Block& block) {
  if (hand_to_waiter(block) || sessions_ == 0) return;
  const Multihash hash = block.cid.hash();
  if (ahead_.contains(hash)) return;
  ahead_.emplace(hash, Ahead{block, ahead_order_.insert(ahead_order_.end(), hash)});
  ahead_bytes_ += block.data.size();
  while (ahead_bytes_ > options_.ahead_bytes_max) {
    const Multihash oldest = ahead_order_.front();
    take_ahead(oldest);
  }
}

void Bitswap::fail(const Cid& cid, const Error& error) {
  if (!error.is(Errc::cancelled))
    KITH_LOG_ERROR(log_, "can't store {}: {}", cid.to_string(), error.message());
  if (auto waiter = waiters_.find(cid.hash()); waiter != waiters_.end()) {
    waiter->second->set(std::unexpected(error));
    waiters_.erase(waiter);
  }
}

void Bitswap::punish(const PeerId& peer) {
  if (client_.verdict(peer) != Verdict::disconnect) return;
  KITH_LOG_WARN(log_, "{} sends blocks that nobody asked for: disconnecting",
                peer.to_short_string());
  network_.disconnect(peer);
}

void Bitswap::notify_new_blocks(std::span<const ipld::Block> blocks) {
  for (const ipld::Block& block : blocks) {
    client_.obtained(block.cid);
    server_.obtained(block.cid, block.data.size());
    hand_to_waiter(block);
  }
  wake_pump();
}

// Outbound.

void Bitswap::wake_pump() {
  pump_dirty_ = true;
  pump_wake_.notify_all();
}

Task<void> Bitswap::pump() {
  for (;;) {
    pump_dirty_ = false;
    for (const PeerId& peer : client_.poll(env_.clock.now())) {
      auto link = links_.find(peer);
      if (link == links_.end()) continue;
      link->second->wants_wake.notify_all();
      if (link->second->writing_wants) continue;
      link->second->writing_wants = tasks_.spawn(write_wants(link->second));
    }
    hand_out_replies();
    const Instant room_due = take_back_room();
    if (pump_dirty_) continue;
    const Instant deadline = std::min({client_.next_deadline(), server_.next_deadline(), room_due});
    Result<void> woken = co_await pump_wake_.wait(deadline);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return woken;
  }
}

void Bitswap::hand_out_replies() {
  while (std::optional<Reply> reply = server_.next_reply(env_.clock.now())) {
    auto link = links_.find(reply->peer);
    if (link == links_.end()) {
      server_.gave_up(reply->peer, reply->bytes, env_.clock.now());
      continue;
    }
    auto prepared = std::make_shared<Prepared>(env_.clock);
    prepared->reply = *std::move(reply);
    if (!tasks_.spawn(prepare(prepared))) {
      server_.gave_up(prepared->reply.peer, prepared->reply.bytes, env_.clock.now());
      continue;
    }
    if (link->second->replies.empty()) link->second->moved = env_.clock.now();
    link->second->replies.push_back(std::move(prepared));
    link->second->replies_wake.notify_all();
    if (link->second->writing_replies) continue;
    link->second->writing_replies = tasks_.spawn(write_replies(link->second));
  }
}

/// Of peers that don't take what they asked for, so many may come that no room is left for others.
/// Then the one that has taken nothing for longest loses it. Returns when to look again.
Instant Bitswap::take_back_room() {
  if (!server_.short_of_room()) return never;
  std::shared_ptr<Link> longest;
  for (const auto& [peer, link] : links_) {
    if (!link->replies.empty() && (!longest || link->moved < longest->moved)) longest = link;
  }
  if (!longest) return never;
  const Instant due = longest->moved + stalled_patience;
  if (env_.clock.now() < due) return due;
  KITH_LOG_DEBUG(log_, "{} takes nothing, and others wait: its replies are given up",
                 longest->peer.to_short_string());
  server_.disconnected(longest->peer);
  give_up_replies(*longest);
  if (longest->replies_out != nullptr && longest->replies_out->stream)
    longest->replies_out->stream->reset();
  wake_pump();
  return never;
}

/// Reads a reply's blocks.
Task<void> Bitswap::prepare(std::shared_ptr<Prepared> prepared) {
  BitswapMessage& message = prepared->message;
  message.presences = prepared->reply.presences;
  message.pending_bytes = prepared->reply.pending_bytes;
  for (const Reply::Wanted& wanted : prepared->reply.blocks) {
    if (prepared->given_up) break;
    Result<ipld::Block> block = co_await blocks_.get(wanted.cid);
    if (block) {
      message.blocks.push_back({multiformats::CidPrefix::of(wanted.cid), std::move(block->data)});
    } else if (wanted.send_dont_have) {
      message.presences.push_back({wanted.cid, Presence::dont_have});
    }
  }
  prepared->ready.set(true);
  co_return Result<void>{};
}

Task<void> Bitswap::open(PeerId peer, Outbound& out) {
  if (out.stream) co_return Result<void>{};
  const Instant deadline = env_.clock.now() + stream_open_timeout;
  std::vector<net::ProtocolId> protocols = protocol_ids();
  KITH_CO_TRY(out.stream, co_await network_.open_stream(peer, std::move(protocols), deadline));
  out.version = bitswap_version(out.stream->protocol()).value_or(BitswapVersion::v1_0_0);
  client_.set_version(peer, out.version);
  co_return Result<void>{};
}

/// For replies, whose wants are gone if they can't be sent.
Task<void> Bitswap::open_patiently(std::shared_ptr<Link> link, Outbound& out) {
  for (int failures = 0;;) {
    Result<void> opened = co_await open(link->peer, out);
    if (opened || link->gone || ++failures == open_failures_max) co_return opened;
    const Error& why = opened.error();
    if (why.is(Errc::cancelled) || why.is(Errc::unsupported)) co_return opened;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, reopen_delay));
  }
}

/// A stream that was used before may have been ended by the peer (Helia ends what is silent for
/// 10 s), which says nothing of its wants. On another connection they do: whoever comes anew says
/// them again.
Task<void> Bitswap::send_reply(std::shared_ptr<Link> link, Outbound& out,
                               const Prepared& prepared) {
  const bool used = out.stream != nullptr;
  KITH_CO_CHECK(co_await open_patiently(link, out));
  const net::ConnectionId connection = out.stream->connection();
  Result<void> sent = co_await send(out, prepared.message);
  if (sent || link->gone || prepared.given_up) co_return sent;
  if (!used || !port::ended_by_peer(sent.error())) co_return sent;
  KITH_CO_CHECK(co_await open(link->peer, out));
  if (link->gone || out.stream->connection() != connection) co_return sent;
  co_return co_await send(out, prepared.message);
}

Task<void> Bitswap::send(Outbound& out, const BitswapMessage& message) {
  const std::vector<Buffer> pieces = encode_message(message, out.version);
  Result<void> sent = co_await send_pieces(out, pieces);
  if (!sent) {
    out.stream->reset();
    out.stream.reset();
  }
  co_return sent;
}

void Bitswap::note_progress(const Outbound& out) {
  if (out.link == nullptr) return;
  out.link->moved = env_.clock.now();
  server_.progress(out.link->peer, out.link->moved);
}

/// In parts, so that a slow link is told from one that doesn't move.
Task<void> Bitswap::send_pieces(Outbound& out, const std::vector<Buffer>& pieces) {
  net::Stream& stream = *out.stream;
  std::uint64_t bytes = 0;
  for (const Buffer& piece : pieces)
    bytes += piece.size();
  const Instant end = env_.clock.now() + send_timeout + std::chrono::seconds(bytes / send_rate_min);
  std::vector<ByteView> part;
  std::size_t part_bytes = 0;
  for (const Buffer& piece : pieces) {
    ByteView left = piece.view();
    while (!left.empty()) {
      const std::size_t taken = std::min(left.size(), send_part_bytes - part_bytes);
      part.push_back(left.first(taken));
      part_bytes += taken;
      left = left.subspan(taken);
      if (part_bytes < send_part_bytes) continue;
      const Instant deadline = std::min(end, env_.clock.now() + send_timeout);
      KITH_CO_CHECK(co_await stream.write_all(part, deadline));
      note_progress(out);
      part.clear();
      part_bytes = 0;
    }
  }
  const Instant deadline = std::min(end, env_.clock.now() + send_timeout);
  if (part_bytes > 0) KITH_CO_CHECK(co_await stream.write_all(part, deadline));
  note_progress(out);
  co_return Result<void>{};
}

Task<void> Bitswap::write_wants(std::shared_ptr<Link> link) {
  Result<void> ended = co_await write_wants_until_idle(link);
  link->writing_wants = false;
  if (link->gone || closing_) co_return ended;
  if (ended) {
    // A wantlist may have come up while the idle stream was being closed.
    if (client_.has_wantlist(link->peer)) link->writing_wants = tasks_.spawn(write_wants(link));
    co_return ended;
  }
  KITH_LOG_DEBUG(log_, "{} can't be asked: {}", link->peer.to_short_string(),
                 ended.error().message());
  if (ended.error().is(Errc::unsupported)) {
    client_.disconnected(link->peer, env_.clock.now());
    wake_pump();
    co_return ended;
  }
  client_.pause(link->peer);
  wake_pump();
  co_return co_await ask_again_later(std::move(link));
}

Task<void> Bitswap::ask_again_later(std::shared_ptr<Link> link) {
  const Instant at = env_.clock.now() + ask_again_after;
  Result<void> woken = co_await link->wants_wake.wait(at);
  // It has gone, or has opened a stream to us, which says as much.
  if (woken || !woken.error().is(Errc::timed_out)) co_return woken;
  if (link->gone || closing_) co_return Result<void>{};
  client_.connected(link->peer, env_.clock.now());
  wake_pump();
  co_return Result<void>{};
}

Task<void> Bitswap::write_wants_until_idle(std::shared_ptr<Link> link) {
  Outbound out;
  int failures = 0;
  while (!link->gone) {
    if (!client_.has_wantlist(link->peer)) {
      const Instant idle_until = env_.clock.now() + stream_idle_timeout;
      Result<void> woken = co_await link->wants_wake.wait(idle_until);
      if (woken) continue;
      if (!woken.error().is(Errc::timed_out)) co_return woken;
      if (client_.has_wantlist(link->peer)) continue;
      if (out.stream) KITH_CO_CHECK(co_await out.stream->close_write(idle_until + send_timeout));
      break;
    }
    const bool used = out.stream != nullptr;
    Result<void> done = co_await open(link->peer, out);
    if (done) {
      std::optional<BitswapMessage> message = client_.take_wantlist(link->peer);
      if (!message) continue;
      done = co_await send(out, *message);
      if (!done && !link->gone) client_.resend(link->peer);
    }
    if (done) {
      failures = 0;
      continue;
    }
    if (done.error().is(Errc::cancelled) || done.error().is(Errc::unsupported)) co_return done;
    if (used && port::ended_by_peer(done.error())) continue;
    if (++failures == open_failures_max) co_return done;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, reopen_delay));
  }
  co_return Result<void>{};
}

/// What can't be sent any more must not count as unsent; the blocks' wants are gone with it.
void Bitswap::give_up_replies(Link& link) {
  for (const auto& prepared : std::exchange(link.replies, {})) {
    prepared->given_up = true;
    prepared->message.blocks.clear();
    server_.gave_up(prepared->reply.peer, prepared->reply.bytes, env_.clock.now());
  }
}

Task<void> Bitswap::write_replies(std::shared_ptr<Link> link) {
  Result<void> ended = co_await write_replies_until_idle(link);
  link->replies_out = nullptr;
  link->writing_replies = false;
  if (ended && !link->gone && !link->replies.empty()) {
    link->writing_replies = tasks_.spawn(write_replies(link));
    if (link->writing_replies) co_return ended;
  }
  give_up_replies(*link);
  if (!ended && !link->gone) server_.disconnected(link->peer);
  wake_pump();
  co_return ended;
}

Task<void> Bitswap::write_replies_until_idle(std::shared_ptr<Link> link) {
  Outbound out{.stream = nullptr, .link = link.get()};
  while (!link->gone) {
    if (link->replies.empty()) {
      const Instant idle_until = env_.clock.now() + stream_idle_timeout;
      Result<void> woken = co_await link->replies_wake.wait(idle_until);
      if (woken) continue;
      if (!woken.error().is(Errc::timed_out)) co_return woken;
      if (!link->replies.empty()) continue;
      if (out.stream) KITH_CO_CHECK(co_await out.stream->close_write(idle_until + send_timeout));
      break;
    }
    const std::shared_ptr<Prepared> prepared = link->replies.front();
    KITH_CO_CHECK(co_await prepared->ready.wait());
    if (link->gone) break;
    const BitswapMessage& message = prepared->message;
    link->replies_out = &out;
    if (!message.empty()) KITH_CO_CHECK(co_await send_reply(link, out, *prepared));
    if (prepared->given_up) co_return std::unexpected(Errc::timed_out);
    blocks_sent_ += message.blocks.size();
    for (const BlockPayload& block : message.blocks)
      data_sent_ += block.data.size();
    if (link->gone) break;
    link->replies.pop_front();
    server_.sent(link->peer, prepared->reply.bytes, env_.clock.now());
    wake_pump();
  }
  co_return Result<void>{};
}

// Sessions.

void Bitswap::want(JobId job, const Cid& cid, bool first) {
  client_.want(job, cid, env_.clock.now(), first);
  for (const PeerId& peer : server_.wanters_of(cid, transfer::fellows_max))
    client_.peer_wants(peer, cid);
}

std::shared_ptr<Bitswap::Waiter> Bitswap::waiter_for(const Cid& cid) {
  std::shared_ptr<Waiter>& waiter = waiters_[cid.hash()];
  if (!waiter) waiter = std::make_shared<Waiter>(env_.clock);
  return waiter;
}

std::optional<ipld::Block> Bitswap::take_ahead(const Multihash& hash) {
  auto ahead = ahead_.find(hash);
  if (ahead == ahead_.end()) return std::nullopt;
  ipld::Block block = std::move(ahead->second.block);
  ahead_bytes_ -= block.data.size();
  ahead_order_.erase(ahead->second.place);
  ahead_.erase(ahead);
  return block;
}

/// Wants what was prefetched and isn't in the store, in its order.
Task<void> Bitswap::check_prefetched(JobId job) {
  for (;;) {
    auto check = to_check_.find(job);
    if (check == to_check_.end()) co_return Result<void>{};
    if (check->second.cids.empty()) {
      to_check_.erase(check);
      co_return Result<void>{};
    }
    std::vector<Cid> cids(check->second.cids.begin(), check->second.cids.end());
    check->second.cids.clear();
    check->second.came.clear();
    Result<std::vector<std::optional<std::uint32_t>>> sizes = co_await blocks_.sizes(cids);
    // The session may have ended meanwhile.
    check = to_check_.find(job);
    if (check == to_check_.end()) co_return Result<void>{};
    for (std::size_t i = 0; sizes && i < cids.size(); ++i) {
      const Multihash hash = cids[i].hash();
      if ((*sizes)[i] || check->second.came.contains(hash)) continue;
      if (storing_.contains(hash) || ahead_.contains(hash)) continue;
      // It may be good again: whoever reads it will see.
      if (blocks_.doubtful(cids[i])) continue;
      want(job, cids[i], false);
    }
    wake_pump();
  }
}

BitswapSession::BitswapSession(Bitswap& bitswap, JobId job) : bitswap_(bitswap), job_(job) {
  ++bitswap_.sessions_;
}

BitswapSession::~BitswapSession() {
  if (--bitswap_.sessions_ == 0) {
    // Nobody is left who will ask for what was fetched ahead.
    bitswap_.ahead_.clear();
    bitswap_.ahead_order_.clear();
    bitswap_.ahead_bytes_ = 0;
  }
  bitswap_.to_check_.erase(job_);
  bitswap_.client_.remove_job(job_);
  bitswap_.wake_pump();
}

TransferStatus BitswapSession::status() const {
  TransferStatus status = bitswap_.client_.status(job_, bitswap_.env_.clock.now());
  if (status.waiting == Waiting::nothing) return status;
  auto getting = getting_.find(status.waiting_cid.hash());
  if (getting != getting_.end()) status.damage = getting->second.damage;
  return status;
}

void BitswapSession::prefetch(std::span<const Cid> cids) {
  if (bitswap_.closing_) return;
  auto [check, idle] = bitswap_.to_check_.try_emplace(job_);
  for (const Cid& cid : cids) {
    if (cid.is_identity() || cid.digest().size() < digest_bytes_min) continue;
    check->second.cids.push_back(cid);
  }
  if (idle && !bitswap_.tasks_.spawn(bitswap_.check_prefetched(job_))) {
    bitswap_.to_check_.erase(job_);
  }
}

Task<bool> BitswapSession::has(Cid cid) {
  if (cid.is_identity()) co_return true;
  std::vector<Cid> cids;
  cids.push_back(cid);
  KITH_CO_TRY(auto sizes, co_await bitswap_.blocks_.sizes(std::move(cids)));
  co_return sizes.front().has_value();
}

Task<ipld::Block> BitswapSession::get(Cid cid, Instant deadline) {
  if (cid.is_identity()) co_return ipld::Block{cid, Buffer::copy_of(cid.digest())};
  if (auto ahead = bitswap_.take_ahead(cid.hash())) {
    co_return ipld::Block{cid, std::move(ahead->data)};
  }
  if (bitswap_.closing_) co_return std::unexpected(Errc::closed);
  // It waits before it looks into the store, so that what comes meanwhile finds it.
  const Waiter waiter = bitswap_.waiter_for(cid);
  Result<ipld::Block> block = co_await find(cid, waiter, deadline);
  // The last who waited in vain leaves no entry behind.
  if (!waiter->ready() && waiter.use_count() == 2) bitswap_.waiters_.erase(cid.hash());
  if (block) block->cid = cid;
  co_return block;
}

Task<ipld::Block> BitswapSession::find(Cid cid, Waiter waiter, Instant deadline) {
  std::string damage;
  // What is under way isn't in the store.
  if (!bitswap_.client_.wanted(cid) && !bitswap_.storing_.contains(cid.hash())) {
    // Damage is told once; from then on others are asked for what can't be read here.
    const bool told = bitswap_.blocks_.doubtful(cid);
    Result<ipld::Block> local = co_await bitswap_.blocks_.get(cid);
    if (local || !(told || local.error().is(Errc::not_found))) co_return local;
    if (!local.error().is(Errc::not_found)) damage = local.error().message();
  }
  co_return co_await fetch(cid, std::move(waiter), std::move(damage), deadline);
}

Task<ipld::Block> BitswapSession::fetch(Cid cid, Waiter waiter, std::string damage,
                                        Instant deadline) {
  const auto function = static_cast<std::uint64_t>(cid.hash_function());
  if (cid.digest().size() < digest_bytes_min || !crypto::hash_known(function)) {
    co_return std::unexpected(Errc::refused);
  }
  Getting& one = getting_[cid.hash()];
  ++one.waiting;
  if (!damage.empty()) one.damage = std::move(damage);
  if (!waiter->ready() && !bitswap_.storing_.contains(cid.hash())) {
    bitswap_.want(job_, cid, true);
    bitswap_.wake_pump();
  }
  Result<ipld::Block> block = co_await waiter->wait(deadline);
  auto getting = getting_.find(cid.hash());
  if (--getting->second.waiting == 0) {
    getting_.erase(getting);
    if (!block) {
      bitswap_.client_.forget(job_, cid);
      bitswap_.wake_pump();
    }
  }
  co_return block;
}

}  // namespace kith::exchange
